package wrap_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/adapters/posix"
	"github.com/opensds/gelato/adapters/wrap"
)

func scratch(t *testing.T) adapters.Store {
	s, err := posix.Open(t.Context(), adapters.Config{BucketName: t.TempDir(), Options: map[string]string{"sync": "false"}}, adapters.Deps{})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}

// TestConformance has every decorator, and all together, pass the suite that the store inside passes.
func TestConformance(t *testing.T) {
	t.Parallel()
	metrics, err := wrap.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatalf("NewMetrics: %v", err)
	}
	for name, decorate := range map[string]func(adapters.Store) adapters.Store{
		"Retry":   func(s adapters.Store) adapters.Store { return wrap.Retry(s, wrap.RetryOptions{}) },
		"Limit":   func(s adapters.Store) adapters.Store { return wrap.Limit(s, wrap.Limits{}) },
		"Measure": func(s adapters.Store) adapters.Store { return wrap.Measure(s, metrics, "b") },
		"all": func(s adapters.Store) adapters.Store {
			return wrap.Measure(wrap.Retry(wrap.Limit(s, wrap.Limits{}), wrap.RetryOptions{}), metrics, "all")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			adaptertest.Run(t, adaptertest.Harness{New: func(t *testing.T) adapters.Store {
				s := decorate(scratch(t))
				t.Cleanup(func() {
					if err := s.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
				return s
			}})
		})
	}
}
