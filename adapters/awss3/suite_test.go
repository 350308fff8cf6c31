package awss3_test

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/adapters/awss3"
	"github.com/opensds/gelato/internal/testbed"
)

var ceph = testbed.Shared[*testbed.CephCluster]{Start: func(t testing.TB) *testbed.CephCluster { return testbed.Ceph(t, testbed.CephOptions{}) }}

func TestMain(m *testing.M) { os.Exit(ceph.Main(m)) }

// harness opens each store in a bucket of its own.
func harness(c adapters.Config, create func(bucket string)) adaptertest.Harness {
	var buckets atomic.Int32
	reg := adapters.Registry{awss3.Type: awss3.Descriptor()}
	return adaptertest.Harness{New: func(t *testing.T) adapters.Store {
		c := c
		c.Type, c.BucketName, c.Prefix = awss3.Type, fmt.Sprintf("bucket-%d", buckets.Add(1)), "some/prefix-"
		create(c.BucketName)
		s, err := reg.Open(t.Context(), c, adapters.Deps{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}}
}

// TestSuiteVersity runs the conformance suite against versitygw.
func TestSuiteVersity(t *testing.T) {
	t.Parallel()
	srv := testbed.Versity(t, testbed.VersityOptions{})
	h := harness(adapters.Config{Endpoint: srv.Endpoint, Access: srv.Access, Security: srv.Secret}, srv.CreateBucket)
	h.MixesETags = true // it reads the attributes by path, then opens the file
	h.Unstorable = func(key string, present []string) string {
		return unstorableByFiles("some/prefix-"+key, "some/prefix-", present)
	}
	h.Uncopyable = func(key, from string) string {
		switch {
		case strings.Contains(from, "?versionId="):
			return "an escaped key with ?versionId= is taken for a version"
		case key == from:
			return "headers that are not given are kept"
		}
		return ""
	}
	adaptertest.Run(t, h)
}

// TestSuiteRGW runs it against Ceph, as a store of which nothing is known.
func TestSuiteRGW(t *testing.T) {
	t.Parallel()
	c := ceph.Get(t)
	adaptertest.Run(t, harness(adapters.Config{Endpoint: c.Endpoint, Access: c.Access, Security: c.Secret}, c.CreateBucket))
}

// unstorableByFiles says what versitygw cannot hold because it keeps objects as files and lists them in XML 1.0.
func unstorableByFiles(name, prefix string, present []string) string {
	if strings.HasSuffix(name, "/") {
		return "a folder holds no bytes"
	}
	if strings.ContainsFunc(name, func(r rune) bool {
		return r < ' ' && !strings.ContainsRune("\t\n\r", r) || r == '\ufffe' || r == '\uffff'
	}) {
		return "XML 1.0 has no such character"
	}
	for seg := range strings.SplitSeq(name, "/") {
		switch {
		case seg == "" || seg == "." || seg == "..":
			return "a path is cleaned"
		case len(seg) > 255:
			return "a file name has at most 255 bytes"
		}
	}
	for _, p := range present {
		if p = prefix + p; strings.HasPrefix(p, name+"/") || strings.HasPrefix(name, p+"/") {
			return "a file is no folder"
		}
	}
	return ""
}
