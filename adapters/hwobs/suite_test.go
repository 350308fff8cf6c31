package hwobs

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/obstranslator"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// cluster is the S3 server behind all tests of the package. It takes parts as small as OBS does.
var cluster = testbed.Shared[*testbed.CephCluster]{Start: func(t testing.TB) *testbed.CephCluster {
	return testbed.Ceph(t, testbed.CephOptions{MinPartSize: minPartSize})
}}

func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }

var buckets atomic.Int32

// config describes a bucket of its own on the gateway, for the V4 dialect.
func config(t testing.TB) adapters.Config {
	t.Helper()
	gw := cluster.Get(t)
	name := fmt.Sprintf("bucket-%d", buckets.Add(1))
	gw.CreateBucket(name)
	return adapters.Config{Type: Type, Region: "default", Endpoint: gw.Endpoint, BucketName: name, Prefix: "some/prefix-", Access: gw.Access, Security: gw.Secret,
		Options: map[string]string{"signature": dialectV4}}
}

// translated describes the same for OBS's own dialect, through a translator.
func translated(t testing.TB, tr *obstranslator.Server) adapters.Config {
	t.Helper()
	c := config(t)
	c.Region, c.Endpoint, c.Access, c.Security, c.Options = "", tr.Endpoint, obstranslator.Access, obstranslator.Secret, nil
	return c
}

func translator(t testing.TB) *obstranslator.Server {
	t.Helper()
	gw := cluster.Get(t)
	return obstranslator.Start(t, s3lite.Endpoint{URL: gw.Endpoint, Access: gw.Access, Secret: gw.Secret, Region: "default"})
}

func open(t testing.TB, c adapters.Config) *Store {
	t.Helper()
	s, err := adapters.Registry{Type: Descriptor()}.Open(t.Context(), c, adapters.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.(*Store)
}

// TestSuiteV4 runs the conformance suite in the dialect of S3 against Ceph's gateway, each store in a bucket of its own.
func TestSuiteV4(t *testing.T) {
	t.Parallel()
	cluster.Get(t)
	adaptertest.Run(t, adaptertest.Harness{New: func(t *testing.T) adapters.Store { return open(t, config(t)) }})
}

// TestSuiteOBS runs it in OBS's own dialect, against the same gateway behind a translator that verifies what OBS would.
func TestSuiteOBS(t *testing.T) {
	t.Parallel()
	tr := translator(t)
	t.Run("suite", func(t *testing.T) {
		adaptertest.Run(t, adaptertest.Harness{New: func(t *testing.T) adapters.Store { return open(t, translated(t, tr)) }})
	})
	if tr.Served() == 0 || tr.Refused() != 0 {
		t.Errorf("the translator served %d requests and refused %d, want some and none", tr.Served(), tr.Refused())
	}
}
