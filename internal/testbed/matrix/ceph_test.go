package matrix

import (
	"testing"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// s3OfCeph is a bucket of Ceph's gateway that a type of backend takes for its own.
func s3OfCeph(t *testing.T, c *testbed.CephCluster, name, kind string, options map[string]string) *store {
	t.Helper()
	bucket := native + "-" + name
	c.CreateBucket(bucket)
	e := s3lite.Endpoint{URL: c.Endpoint, Access: c.Access, Secret: c.Secret, Region: "default"}
	return &store{name: name, own: newS3cmd(t, e, bucket), backend: map[string]any{"type": kind, "endpoint": c.Endpoint, "region": e.Region,
		"bucketName": bucket, "access": c.Access, "security": c.Secret, "options": options}}
}
