package azureblob

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/internal/testbed"
)

const testPrefix = "some/prefix-"

// TestSuite runs the conformance suite against Azurite, each store in a container of its own.
func TestSuite(t *testing.T) {
	t.Parallel()
	adaptertest.Run(t, harness(testbed.Azurite(t, testbed.AzuriteOptions{}), ""))
}

// harness makes stores on a server, through endpoint when it is not its own.
func harness(srv *testbed.AzuriteServer, endpoint string) adaptertest.Harness {
	if endpoint == "" {
		endpoint = srv.Endpoint
	}
	var containers atomic.Int32
	reg := adapters.Registry{Type: Descriptor()}
	return adaptertest.Harness{
		New: func(t *testing.T) adapters.Store {
			name := fmt.Sprintf("container-%d", containers.Add(1))
			srv.CreateContainer(name)
			s, err := reg.Open(t.Context(), adapters.Config{Type: Type, Endpoint: endpoint, BucketName: name, Prefix: testPrefix, Access: srv.Account, Security: srv.Key}, adapters.Deps{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		},
		Unstorable: func(key string, _ []string) string { return unstorable(testPrefix + key) },
		Leftovers:  leftovers,
	}
}

// leftovers lists hidden blobs that are no open uploads, in the whole container.
func leftovers(t *testing.T, store adapters.Store) []string {
	s := store.(*Store)
	uploads, err := s.ListUploads(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]bool{}
	for _, u := range uploads {
		open[s.recordName(u.ID)] = true
	}
	var left []string
	for pager := s.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{}); pager.More(); {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Segment.BlobItems {
			if name := *item.Name; strings.Contains(name, reserved) && !strings.Contains(name, reserved+"~") && !open[name] || !strings.HasPrefix(name, s.prefix) {
				left = append(left, name)
			}
		}
	}
	return left
}
