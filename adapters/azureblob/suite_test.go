package azureblob

import (
	"fmt"
	"net/url"
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
	srv := testbed.Azurite(t, testbed.AzuriteOptions{})
	adaptertest.Run(t, harness(srv, adapters.Config{Endpoint: srv.Endpoint, Access: srv.Account, Security: srv.Key}))
}

// TestSuiteTwin runs it against Azurite behind a proxy that behaves like Azure, with a SAS.
func TestSuiteTwin(t *testing.T) {
	t.Parallel()
	srv := testbed.Azurite(t, testbed.AzuriteOptions{})
	u, err := url.Parse(srv.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	w := &twin{target: "http://" + u.Host, compare: strings.Compare}
	t.Cleanup(func() {
		if w.checks == 0 {
			t.Error("no CRC64 was sent along")
		}
	})
	adaptertest.Run(t, harness(srv, adapters.Config{Endpoint: newTwin(t, w) + u.Path, Security: accountSAS(t, srv), Options: map[string]string{"credential": "sas"}}))
}

// harness makes stores on a server, as c says, each in a container of its own.
func harness(srv *testbed.AzuriteServer, c adapters.Config) adaptertest.Harness {
	var containers atomic.Int32
	return adaptertest.Harness{
		New: func(t *testing.T) adapters.Store {
			c := c
			c.BucketName, c.Prefix = fmt.Sprintf("container-%d", containers.Add(1)), testPrefix
			srv.CreateContainer(c.BucketName)
			return open(t, c)
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
