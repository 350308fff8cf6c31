package awss3_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/adapters/awss3"
	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/faultproxy"
)

// TestFaults runs the fault cases against versitygw and against Ceph's gateway.
func TestFaults(t *testing.T) {
	run := func(name, endpoint, region, access, secret, conditions string, createBucket func(string)) {
		var buckets atomic.Int32
		t.Run(name, func(t *testing.T) {
			adaptertest.RunFaults(t, adaptertest.FaultHarness{Target: endpoint, Dialect: faultproxy.S3, Open: func(t *testing.T, endpoint string) adapters.Store {
				bucket := fmt.Sprintf("bucket-%d", buckets.Add(1))
				createBucket(bucket)
				s, err := awss3.Dialect().Open(adapters.Config{Endpoint: endpoint, Region: region, BucketName: bucket, Access: access, Security: secret,
					Options: map[string]string{"conditionalWrites": conditions}})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { s.Close() })
				return s
			}})
		})
	}
	v := testbed.Versity(t, testbed.VersityOptions{})
	run("versitygw", v.Endpoint, v.Region, v.Access, v.Secret, "true", v.CreateBucket)
	// Its gateway refuses each write with If-Match.
	c := ceph.Get(t)
	run("RGW", c.Endpoint, "default", c.Access, c.Secret, "false", c.CreateBucket)
}
