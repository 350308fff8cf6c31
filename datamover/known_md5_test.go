package datamover

import (
	"bytes"
	"context"
	"crypto/md5"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/adapters/posix"
)

// knowing is a source whose store knows the MD5 of its one object.
type knowing struct {
	declared
	body string
	md5  []byte
}

func (k knowing) Get(_ context.Context, _ string, r adapters.Range, _ string) (io.ReadCloser, adapters.Info, error) {
	body := k.body[r.Offset:]
	if r.Length > 0 {
		body = body[:r.Length]
	}
	return io.NopCloser(strings.NewReader(body)), adapters.Info{Size: int64(len(k.body)), MD5: k.md5}, nil
}

// TestDestinationIsToldTheMD5 copies where an MD5 is known or computed anyway, and where it is not.
func TestDestinationIsToldTheMD5(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("some bytes ", 100)
	sum := md5.Sum([]byte(body))
	for _, c := range []struct {
		name  string
		md5   []byte // that the source knows
		tags  bool
		parts bool
		want  int64 // bodies with an MD5
	}{
		{"known by the source", sum[:], false, false, 1},
		{"computed for the ETag", nil, true, false, 1},
		{"both", sum[:], true, false, 1},
		{"not known", nil, false, false, 0},
		{"parts, computed for the ETag", nil, true, true, 2},
		{"parts, known by the source as a whole only", sum[:], false, true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			inner, err := posix.Open(t.Context(), adapters.Config{Type: posix.Type, BucketName: t.TempDir(), Options: map[string]string{"sync": "false"}}, adapters.Deps{})
			if err != nil {
				t.Fatal(err)
			}
			defer inner.Close()
			dest := &adaptertest.Limited{Store: inner, Can: inner.Capabilities()}
			s := &Service{o: Options{PartSize: 1000, Threshold: 1 << 20}, parts: make(chan struct{}, 4)}
			if c.parts {
				s.o.Threshold = 1
			}
			var progress atomic.Int64
			if _, err := s.copyObject(t.Context(), from{store: knowing{body: body, md5: c.md5}, key: "from", size: int64(len(body))}, to{store: dest, key: "to", tags: c.tags}, &progress); err != nil {
				t.Fatal(err)
			}
			if got := dest.Known.Load(); got != c.want {
				t.Errorf("the store was told %d MD5s, want %d", got, c.want)
			}
			r, _, err := dest.Get(t.Context(), "to", adapters.Range{}, "")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, []byte(body)) {
				t.Errorf("the copy has %d bytes of %d, %v", len(got), len(body), err)
			}
		})
	}
}
