package azureblob

import (
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/faultproxy"
)

// TestFaults is not parallel: it looks at the memory of the process.
func TestFaults(t *testing.T) {
	srv := testbed.Azurite(t, testbed.AzuriteOptions{})
	u, err := url.Parse(srv.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	var containers atomic.Int32
	adaptertest.RunFaults(t, adaptertest.FaultHarness{Target: "http://" + u.Host, Dialect: faultproxy.Azure, Open: func(t *testing.T, endpoint string) adapters.Store {
		name := fmt.Sprintf("faults-%d", containers.Add(1))
		srv.CreateContainer(name)
		return open(t, adapters.Config{Endpoint: endpoint + u.Path, BucketName: name, Access: srv.Account, Security: srv.Key})
	}})
}

// open opens a store through the registry, as services do.
func open(t testing.TB, c adapters.Config) *Store {
	t.Helper()
	c.Type = Type
	s, err := adapters.Registry{Type: Descriptor()}.Open(t.Context(), c, adapters.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(*Store)
}
