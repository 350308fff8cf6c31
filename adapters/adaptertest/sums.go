package adaptertest

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"hash"
	"io"
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// hashing is a body whose sender computes its MD5 as it is read.
type hashing struct {
	r     io.Reader
	md5   hash.Hash
	ended bool
}

func (h *hashing) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	h.md5.Write(p[:n])
	h.ended = err == io.EOF
	return n, err
}

func (h *hashing) sum() []byte {
	if !h.ended {
		return nil
	}
	return h.md5.Sum(nil)
}

// known are the ways in which a sender knows the MD5 of b: its body, what it says, and what of it is true.
func known(b []byte) []struct {
	name string
	body io.Reader
	md5  func() []byte
	is   string
} {
	stream := func() io.Reader { return opaque{bytes.NewReader(b)} }
	late := func(begin string) *hashing {
		h := &hashing{r: bytes.NewReader(b), md5: md5.New()}
		io.WriteString(h.md5, begin)
		return h
	}
	right, wrong := late(""), late("something else")
	return []struct {
		name string
		body io.Reader
		md5  func() []byte
		is   string
	}{ // the right ones first: some stores have to show that their ETags are MD5s
		{"beforehand", stream(), adapters.KnownMD5(md5sum(b)), "right"},
		{"beforehand, seekable", bytes.NewReader(b), adapters.KnownMD5(md5sum(b)), "right"},
		{"at the end", right, right.sum, "right"},
		{"never", stream(), func() []byte { return nil }, "missing"},
		{"never, seekable", bytes.NewReader(b), func() []byte { return nil }, "missing"},
		{"wrong beforehand", stream(), adapters.KnownMD5(md5sum([]byte("other"))), "wrong"},
		{"wrong beforehand, seekable", bytes.NewReader(b), adapters.KnownMD5(md5sum([]byte("other"))), "wrong"},
		{"wrong at the end", wrong, wrong.sum, "wrong"},
	}
}

// testKnownMD5 hands over MD5s that are right, wrong and missing. Where right ones are compared with the store's, wrong ones must be refused.
func testKnownMD5(t *testing.T, h Harness) {
	s := h.New(t)
	ctx := t.Context()
	for _, size := range []int{0, 100, 1<<20 + 7} {
		for _, sized := range []bool{true, false} {
			compared := false
			b := pattern(uint64(size), size)
			for _, c := range known(b) {
				n, what := int64(size), fmt.Sprintf("Put of %d bytes, MD5 known %s", size, c.name)
				if !sized {
					n, what = -1, what+", size unknown"
				}
				info, err := s.Put(ctx, "md5", c.body, n, adapters.PutOptions{MD5: c.md5})
				if !judgeMD5(t, what, c.is, &compared, info.Proof, err) {
					wantAbsent(t, s, "md5")
					continue
				}
				checkWritten(t, what, info, "md5", b)
				wantObject(t, s, "md5", b)
				if err := s.Delete(ctx, "md5", ""); err != nil {
					t.Fatalf("Delete: %v", err)
				}
			}
		}
	}
	if !s.Capabilities().Multipart {
		return
	}
	n1, _, n3 := partSizes(s)
	for _, size := range []int{n1, n3} {
		compared := false
		b := pattern(uint64(size), size)
		for _, c := range known(b) {
			testKnownPart(ctx, t, s, b, fmt.Sprintf("PutPart of %d bytes, MD5 known %s", size, c.name), c.body, c.md5, func(proof string, err error) bool {
				return judgeMD5(t, fmt.Sprintf("PutPart of %d bytes, MD5 known %s", size, c.name), c.is, &compared, proof, err)
			})
		}
	}
	wantClean(t, h, s)
}

// testKnownPart stores b as the one part of an upload, and completes it if good says that the part was taken.
func testKnownPart(ctx context.Context, t *testing.T, s adapters.Store, b []byte, what string, body io.Reader, sum func() []byte, good func(proof string, err error) bool) {
	t.Helper()
	id := createUpload(t, s, "md5 part", adapters.PutOptions{})
	p, err := s.PutPart(ctx, "md5 part", id, 1, body, int64(len(b)), adapters.Sums{MD5: sum})
	if !good(p.Proof, err) {
		if err := s.AbortUpload(ctx, "md5 part", id); err != nil {
			t.Errorf("AbortUpload after %s: %v", what, err)
		}
		wantAbsent(t, s, "md5 part")
		return
	}
	if p.Verified != (p.Proof != "") || p.CRC64 != *crc(b) {
		t.Errorf("%s = %+v, want CRC64 %016x and a proof if it is verified", what, p, *crc(b))
	}
	complete(t, s, "md5 part", id, []adapters.Part{p}, b)
	wantObject(t, s, "md5 part", b)
	if err := s.Delete(ctx, "md5 part", ""); err != nil {
		t.Fatalf("Delete: %v", err)
	}
}

// judgeMD5 judges a write by the MD5 that was handed over with it, and says whether it went well. compared says whether the right ones were what
// the store's was compared with.
func judgeMD5(t *testing.T, what, is string, compared *bool, proof string, err error) bool {
	t.Helper()
	byMD5 := strings.Contains(proof, "md5")
	switch {
	case is == "wrong" && (*compared || err != nil):
		if !errs.Is(err, errs.DataLoss) {
			t.Errorf("%s: proof %q, error %v (%v), want %v", what, proof, err, errs.CodeOf(err), errs.DataLoss)
		}
		return err == nil
	case err != nil:
		t.Fatalf("%s: %v", what, err)
	case is == "right":
		*compared = *compared || byMD5
	case byMD5:
		t.Errorf("%s: proof %q, which nobody can have", what, proof)
	}
	return true
}
