package awss3

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/internal/testbed"
)

// TestSuite runs the conformance suite against versitygw, each store in a bucket of its own.
func TestSuite(t *testing.T) {
	t.Parallel()
	srv := testbed.Versity(t, testbed.VersityOptions{})
	var buckets atomic.Int32
	reg := adapters.Registry{Type: Descriptor()}
	adaptertest.Run(t, adaptertest.Harness{
		New: func(t *testing.T) adapters.Store {
			name := fmt.Sprintf("bucket-%d", buckets.Add(1))
			srv.CreateBucket(name)
			s, err := reg.Open(t.Context(), adapters.Config{Type: Type, Endpoint: srv.Endpoint, BucketName: name, Prefix: "some/prefix-",
				Access: srv.Access, Security: srv.Secret}, adapters.Deps{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		},
		Unstorable: func(key string, present []string) string {
			return unstorableByFiles("some/prefix-"+key, "some/prefix-", present)
		},
	})
}

// unstorableByFiles says what versitygw cannot hold because it keeps objects as files and lists them in XML 1.0.
func unstorableByFiles(name, prefix string, present []string) string {
	if strings.HasSuffix(name, "/") {
		return "a folder holds no bytes"
	}
	if has, any := odd(name); any {
		return fmt.Sprintf("odd segments, odd characters: %v", has)
	}
	for seg := range strings.SplitSeq(name, "/") {
		if len(seg) > 255 {
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
