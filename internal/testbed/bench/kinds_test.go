package bench

import (
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/testbed"
)

// bucket is the native one of every store.
const bucket = "bench"

// kind is an adapter on a server of its kind, and the SDK beneath it on the same one.
type kind struct {
	name  string
	start func(*testing.B) (adapters.Config, lane)
}

func kinds() []kind {
	gateway := func(kind adapters.Type, options map[string]string, sdk func(*testing.B, adapters.Config) lane) func(*testing.B) (adapters.Config, lane) {
		return func(b *testing.B) (adapters.Config, lane) {
			c := inGateway(startCeph(b), kind, options)
			return c, sdk(b, c)
		}
	}
	return []kind{
		{"aws-s3", func(b *testing.B) (adapters.Config, lane) {
			server := testbed.Versity(b, testbed.VersityOptions{ExtraOptions: []string{"--keep-alive"}})
			server.CreateBucket(bucket)
			c := adapters.Config{Type: "aws-s3", Endpoint: server.Endpoint, Region: server.Region, BucketName: bucket, Access: server.Access, Security: server.Secret,
				Options: map[string]string{"pathStyle": "true"}}
			return c, openAWS(b, c)
		}},
		{"azure-blob", func(b *testing.B) (adapters.Config, lane) {
			server := testbed.Azurite(b, testbed.AzuriteOptions{})
			server.CreateContainer(bucket)
			c := adapters.Config{Type: "azure-blob", Endpoint: server.Endpoint, BucketName: bucket, Access: server.Account, Security: server.Key}
			return c, openAzure(b, c)
		}},
		{"ceph-rados", func(b *testing.B) (adapters.Config, lane) {
			c := inPool(startCeph(b))
			return c, openRADOS(b, c)
		}},
		{"ceph-s3", gateway("ceph-s3", nil, openAWS)},
		{"fusionstorage-object-V2", gateway("fusionstorage-object", map[string]string{"signature": "v2"}, openAWS)}, // which signs with V4: it has no other
		{"fusionstorage-object-V4", gateway("fusionstorage-object", map[string]string{"signature": "v4"}, openAWS)},
		// Not the dialect of OBS: the SDK speaks it to host names only, and the translator that stands for OBS has none.
		{"hw-obs-V4", gateway("hw-obs", map[string]string{"signature": "v4"}, openOBS)},
	}
}

// startCeph starts a cluster with room for everything that a benchmark writes: what is deleted stays for minutes.
func startCeph(b *testing.B) *testbed.CephCluster {
	b.Helper()
	c := testbed.Ceph(b, testbed.CephOptions{Bytes: 8 << 30})
	c.CreateBucket(bucket)
	return c
}

func inGateway(c *testbed.CephCluster, kind adapters.Type, options map[string]string) adapters.Config {
	return adapters.Config{Type: kind, Endpoint: c.Endpoint, Region: "default", BucketName: bucket, Access: c.Access, Security: c.Secret, Options: options}
}

func inPool(c *testbed.CephCluster) adapters.Config {
	return adapters.Config{Type: "ceph-rados", Endpoint: "[" + c.MonHost + "]", BucketName: c.Pool, Access: c.User, Security: c.Key}
}
