package pool_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/pool"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/proto/backendpb"
)

// shaky is a store that is away the first time it is asked.
type shaky struct {
	memory
	asked int
}

func (s *shaky) Head(ctx context.Context, key string) (adapters.Info, error) {
	if s.asked++; s.asked == 1 {
		return adapters.Info{}, errs.New(errs.Unavailable, "away", nil)
	}
	return s.memory.Head(ctx, key)
}

func TestStoresAreRepeatedAndMeasured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		box, err := seal.New(make([]byte, 32))
		if err != nil {
			t.Fatalf("seal.New: %v", err)
		}
		in := &shaky{}
		types := adapters.Registry{"shaky": {Open: func(context.Context, adapters.Config, adapters.Deps) (adapters.Store, error) { return in, nil }}}
		svc := &service{backends: []*backendpb.Backend{{Id: "1", Name: "disk", Type: "shaky", Rev: "1"}}}
		reg := prometheus.NewRegistry()
		p := pool.New(svc, box, types, pool.Options{Metrics: reg})
		s, err := p.Store(t.Context(), "1")
		if err != nil {
			t.Fatalf("Store: %v", err)
		}
		if _, err := s.Head(t.Context(), "k"); err != nil || in.asked != 2 {
			t.Errorf("Head of a store that is away once: %v after %d calls, want success after 2", err, in.asked)
		}
		families, err := reg.Gather()
		if err != nil || len(families) != 1 || len(families[0].GetMetric()) != 1 || families[0].GetMetric()[0].GetHistogram().GetSampleCount() != 1 {
			t.Errorf("measured %v, %v, want one head", families, err)
		}
		p.Close()
		if !in.isClosed() {
			t.Error("Close left the store open")
		}
	})
}
