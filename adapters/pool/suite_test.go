package pool_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/adapters/pool"
	"github.com/opensds/gelato/adapters/posix"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/proto/backendpb"
)

// TestSuite has a store that comes out of a pool, with all its decorators, pass the conformance suite.
func TestSuite(t *testing.T) {
	t.Parallel()
	box, err := seal.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	types := adapters.Registry{posix.Type: posix.Descriptor()}
	adaptertest.Run(t, adaptertest.Harness{New: func(t *testing.T) adapters.Store {
		svc := &service{backends: []*backendpb.Backend{{Id: "id-1", Name: "one", Type: string(posix.Type), BucketName: t.TempDir(), Rev: "1", Options: map[string]string{"sync": "false"}}}}
		p := pool.New(svc, box, types, pool.Options{Metrics: prometheus.NewRegistry()})
		t.Cleanup(p.Close)
		return mustStore(t, p)
	}})
}
