package fusionstorage_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/adapters/fusionstorage"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/faultproxy"
)

var ceph = testbed.Shared[*testbed.CephCluster]{Start: func(t testing.TB) *testbed.CephCluster { return testbed.Ceph(t, testbed.CephOptions{}) }}

func TestMain(m *testing.M) { os.Exit(ceph.Main(m)) }

// config is for Ceph with TLS, whose certificate an authority of its own has signed.
func config(c *testbed.CephCluster, bucket, signature string) adapters.Config {
	return adapters.Config{Type: fusionstorage.Type, Endpoint: c.SecureEndpoint, BucketName: bucket, Prefix: "some/prefix-", Access: c.Access, Security: c.Secret,
		Options: map[string]string{"signature": signature, "caFile": c.CAFile}}
}

func open(t testing.TB, c adapters.Config) adapters.Store {
	t.Helper()
	s, err := adapters.Registry{fusionstorage.Type: fusionstorage.Descriptor()}.Open(t.Context(), c, adapters.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestSuite runs the conformance suite against Ceph in both signature versions, each store in a bucket of its own.
func TestSuite(t *testing.T) {
	t.Parallel()
	c := ceph.Get(t)
	for _, signature := range []string{"v2", "v4"} {
		t.Run(signature, func(t *testing.T) {
			t.Parallel()
			var buckets atomic.Int32
			adaptertest.Run(t, adaptertest.Harness{New: func(t *testing.T) adapters.Store {
				name := fmt.Sprintf("suite-%s-%d", signature, buckets.Add(1))
				c.CreateBucket(name)
				return open(t, config(c, name, signature))
			}})
		})
	}
}

// TestDoors comes in by HTTP and HTTPS, with and without the authority, and with wrong keys.
func TestDoors(t *testing.T) {
	t.Parallel()
	c := ceph.Get(t)
	c.CreateBucket("doors")
	for _, signature := range []string{"", "v2", "v4"} {
		for _, d := range []struct {
			name string
			edit func(*adapters.Config)
			want errs.Code // Unknown for success
		}{
			{"TLS", func(*adapters.Config) {}, errs.Unknown},
			{"plain", func(c2 *adapters.Config) { c2.Endpoint, c2.Options["caFile"] = c.Endpoint, "" }, errs.Unknown},
			{"no authority", func(c2 *adapters.Config) { c2.Options["caFile"] = "" }, errs.FailedPrecondition},
			{"wrong secret", func(c2 *adapters.Config) { c2.Security = "wrong" }, errs.Unauthenticated},
			{"unknown key", func(c2 *adapters.Config) { c2.Access = "nobody" }, errs.Unauthenticated},
			{"another user", func(c2 *adapters.Config) { c2.Access, c2.Security = c.OtherAccess, c.OtherSecret }, errs.PermissionDenied},
		} {
			conf := config(c, "doors", signature)
			d.edit(&conf)
			s := open(t, conf)
			_, err := s.Put(t.Context(), "a b+ü%", strings.NewReader("bytes"), 5, adapters.PutOptions{Metadata: map[string]string{"b": "2  2", "a": " ü", "a-b": "x"}})
			if errs.CodeOf(err) != d.want || (err == nil) != (d.want == errs.Unknown) {
				t.Errorf("%q, %s: got %v (%v), want %v", signature, d.name, err, errs.CodeOf(err), d.want)
			}
			if err != nil {
				continue
			}
			body, info, err := s.Get(t.Context(), "a b+ü%", adapters.Range{Offset: 1, Length: 3}, "")
			if err != nil {
				t.Fatalf("%q, %s: %v", signature, d.name, err)
			}
			got, err := io.ReadAll(body)
			body.Close()
			if string(got) != "yte" || err != nil || info.Metadata["a"] != " ü" {
				t.Errorf("%q, %s: got %q, %+v, %v", signature, d.name, got, info, err)
			}
		}
	}
}

// TestFaults runs the cases of networks and servers that fail, with the signature that has no checksums.
func TestFaults(t *testing.T) {
	c := ceph.Get(t)
	var buckets atomic.Int32
	adaptertest.RunFaults(t, adaptertest.FaultHarness{Target: c.Endpoint, Dialect: faultproxy.S3, Open: func(t *testing.T, endpoint string) adapters.Store {
		conf := config(c, fmt.Sprintf("faults-%d", buckets.Add(1)), "v2")
		c.CreateBucket(conf.BucketName)
		conf.Endpoint = endpoint
		return open(t, conf)
	}})
}
