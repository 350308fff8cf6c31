package hwobs

import (
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/internal/testbed/faultproxy"
)

// TestFaults has a proxy with faults between the adapter and the server, in both dialects. It looks at the memory of the process and runs alone.
func TestFaults(t *testing.T) {
	tr := translator(t)
	for name, h := range map[string]struct {
		target string
		config func(testing.TB) adapters.Config
	}{
		"obs": {tr.Endpoint, func(t testing.TB) adapters.Config { return translated(t, tr) }},
		"v4":  {cluster.Get(t).Endpoint, config},
	} {
		t.Run(name, func(t *testing.T) {
			adaptertest.RunFaults(t, adaptertest.FaultHarness{Target: h.target, Dialect: faultproxy.S3, Open: func(t *testing.T, endpoint string) adapters.Store {
				c := h.config(t)
				c.Endpoint = endpoint
				return open(t, c)
			}})
		})
	}
}
