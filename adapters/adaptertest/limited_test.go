package adaptertest_test

import (
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/adapters/posix"
)

// TestLimited runs the suite on stores that can do little, so that it reads what is declared and nothing else.
func TestLimited(t *testing.T) {
	t.Parallel()
	full := posix.Descriptor().Capabilities
	with := func(change func(*adapters.Capabilities)) adapters.Capabilities {
		c := full
		change(&c)
		return c
	}
	for name, can := range map[string]adapters.Capabilities{
		"bare": {MaxObjectSize: 64 << 20, MaxPutSize: 64 << 20, MaxKeyBytes: 900},
		"small parts": with(func(c *adapters.Capabilities) {
			c.MinPartSize, c.MaxPartSize, c.MaxParts, c.ConditionalPut, c.ConditionalDelete, c.StoresChecksum = 5<<20, 64<<20, 100, false, false, false
		}),
		"copies": with(func(c *adapters.Capabilities) { c.ServerCopy, c.MaxCopySize = true, 64<<20 }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			adaptertest.Run(t, adaptertest.Harness{New: func(t *testing.T) adapters.Store {
				s, err := posix.Open(t.Context(), adapters.Config{Type: posix.Type, BucketName: t.TempDir(), Options: map[string]string{"sync": "false"}}, adapters.Deps{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { s.Close() })
				return &adaptertest.Limited{Store: s, Can: can}
			}})
		})
	}
}
