//go:build ceph && cgo

package cephrados_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/cephrados"
)

// pattern returns n bytes that differ from those of every other seed.
func pattern(seed byte, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func put(t testing.TB, s *cephrados.Store, key string, b []byte) adapters.Info {
	t.Helper()
	info, err := s.Put(t.Context(), key, bytes.NewReader(b), int64(len(b)), adapters.PutOptions{})
	if err != nil {
		t.Fatalf("Put %q: %v", key, err)
	}
	return info
}

func get(ctx context.Context, s *cephrados.Store, key string, r adapters.Range) ([]byte, error) {
	body, _, err := s.Get(ctx, key, r, "")
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

func wantObject(t testing.TB, s *cephrados.Store, key string, want []byte) {
	t.Helper()
	got, err := get(t.Context(), s, key, adapters.Range{})
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("Get %q: %d bytes, %v, want the %d that were put", key, len(got), err, len(want))
	}
}

// wantNothingLeft sweeps as of a time far enough ahead and demands that only what objects and uploads need is in the pool.
func wantNothingLeft(t *testing.T, s *cephrados.Store, ahead time.Duration) {
	t.Helper()
	if err := cephrados.Sweep(t.Context(), s, time.Now().Add(ahead)); err != nil {
		t.Errorf("sweep: %v", err)
	}
	if left := cephrados.Unreferenced(t, s); len(left) > 0 {
		t.Errorf("left over: %q, want nothing", left)
	}
}

// hooked is a body that calls do once, after some bytes.
type hooked struct {
	io.Reader
	after int
	do    func()
}

func (h *hooked) Read(p []byte) (int, error) {
	if h.do != nil {
		if h.after <= 0 {
			h.do()
			h.do = nil
		} else {
			p = p[:min(len(p), h.after)]
		}
	}
	n, err := h.Reader.Read(p)
	h.after -= n
	return n, err
}
