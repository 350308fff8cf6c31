package cephs3_test

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/adapters/cephs3"
	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/faultproxy"
)

var ceph = testbed.Shared[*testbed.CephCluster]{Start: func(t testing.TB) *testbed.CephCluster { return testbed.Ceph(t, testbed.CephOptions{}) }}

func TestMain(m *testing.M) { os.Exit(ceph.Main(m)) }

func config(c *testbed.CephCluster, bucket string) adapters.Config {
	return adapters.Config{Type: cephs3.Type, Endpoint: c.Endpoint, BucketName: bucket, Prefix: "some/prefix-", Access: c.Access, Security: c.Secret,
		Options: map[string]string{"storageClasses": "STANDARD," + strings.Join(testbed.CephClasses, ",")}}
}

func open(t testing.TB, c adapters.Config) adapters.Store {
	t.Helper()
	s, err := adapters.Registry{cephs3.Type: cephs3.Descriptor()}.Open(t.Context(), c, adapters.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestSuite runs the conformance suite against Ceph, each store in a bucket of its own, with all storage classes of the zone.
func TestSuite(t *testing.T) {
	t.Parallel()
	c := ceph.Get(t)
	var buckets atomic.Int32
	adaptertest.Run(t, adaptertest.Harness{New: func(t *testing.T) adapters.Store {
		name := fmt.Sprintf("suite-%d", buckets.Add(1))
		c.CreateBucket(name)
		return open(t, config(c, name))
	}})
}

// TestPlacement stores in a bucket of another placement target, which has fewer classes than are declared: what the zone lacks is refused.
func TestPlacement(t *testing.T) {
	t.Parallel()
	c := ceph.Get(t)
	c.CreateBucketIn("placed", testbed.CephPlacement)
	s := open(t, config(c, "placed"))
	for class, ok := range map[string]bool{"": true, "STANDARD": true, "GLACIER": false} {
		info, err := s.Put(t.Context(), "key", strings.NewReader("bytes"), 5, adapters.PutOptions{StorageClass: class})
		if (err == nil) != ok {
			t.Errorf("class %q: %v, want success %v", class, err, ok)
		}
		if err == nil && info.StorageClass != "STANDARD" {
			t.Errorf("class %q: stored as %q", class, info.StorageClass)
		}
	}
}

// TestFaults runs the cases of networks and servers that fail.
func TestFaults(t *testing.T) {
	c := ceph.Get(t)
	var buckets atomic.Int32
	adaptertest.RunFaults(t, adaptertest.FaultHarness{Target: c.Endpoint, Dialect: faultproxy.S3, Open: func(t *testing.T, endpoint string) adapters.Store {
		conf := config(c, fmt.Sprintf("faults-%d", buckets.Add(1)))
		c.CreateBucket(conf.BucketName)
		conf.Endpoint = endpoint
		return open(t, conf)
	}})
}
