//go:build ceph && cgo

package cephrados_test

import (
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/adapters/cephrados"
	"github.com/opensds/gelato/internal/testbed"
)

var shared = testbed.Shared[*testbed.CephCluster]{Start: func(t testing.TB) *testbed.CephCluster {
	return testbed.Ceph(t, testbed.CephOptions{NoRGW: true})
}}

func TestMain(m *testing.M) {
	if what := os.Getenv(childEnv); what != "" {
		if err := beChild(what); err != nil {
			fmt.Fprintln(os.Stderr, what, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(shared.Main(m))
}

// config is a namespace of its own in the cluster's pool.
func config(c *testbed.CephCluster, options map[string]string) adapters.Config {
	o := map[string]string{"namespace": rand.Text()}
	maps.Copy(o, options)
	return adapters.Config{Type: cephrados.Type, Endpoint: c.MonHost, BucketName: c.Pool, Access: c.User, Security: c.Key, Options: o}
}

func open(t testing.TB, c adapters.Config) *cephrados.Store {
	t.Helper()
	s, err := cephrados.Open(t.Context(), c, adapters.Deps{})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// leftovers lists what is in the pool beside objects and uploads once garbage has had its time.
func leftovers(t *testing.T, s adapters.Store) []string {
	t.Helper()
	if err := cephrados.Sweep(t.Context(), s.(*cephrados.Store), time.Now().Add(cephrados.GraceTime+time.Minute)); err != nil {
		t.Errorf("sweep: %v", err)
	}
	return cephrados.Unreferenced(t, s.(*cephrados.Store))
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prefix  string
		options map[string]string
	}{
		"plain":                 {},
		"prefix, small stripes": {prefix: "deep/pre fix-", options: map[string]string{"stripeSize": "65536", "indexShards": "3"}},
		"large stripes":         {options: map[string]string{"stripeSize": "8388608", "indexShards": "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			adaptertest.Run(t, adaptertest.Harness{
				New: func(t *testing.T) adapters.Store {
					conf := config(shared.Get(t), c.options)
					conf.Prefix = c.prefix
					return open(t, conf)
				},
				Leftovers: leftovers,
			})
		})
	}
}
