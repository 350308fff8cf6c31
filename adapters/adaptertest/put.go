package adaptertest

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"io"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

func md5sum(b []byte) []byte {
	sum := md5.Sum(b)
	return sum[:]
}

// sizes of bodies: nothing, one byte, around usual buffers, and several of them.
var sizes = []int{0, 1, 511, 4096, 32<<10 - 1, 32 << 10, 32<<10 + 1, 1<<20 + 7, 6 << 20}

func testPut(t *testing.T, h Harness) {
	s := h.New(t)
	testBodies(t, s, false)
	// The ETag changes with the bytes, even when size and second are the same.
	seen := map[string]int{}
	for i := range 20 {
		info := put(t, s, "etag", pattern(uint64(1000+i), 64), adapters.PutOptions{})
		if j, dup := seen[info.ETag]; dup {
			t.Errorf("writes %d and %d of different bytes have the same ETag %q", j, i, info.ETag)
		}
		seen[info.ETag] = i
		if i%3 == 0 {
			if err := s.Delete(t.Context(), "etag", ""); err != nil {
				t.Fatalf("Delete: %v", err)
			}
		}
	}
	wantClean(t, h, s)
}

// testBodies puts bodies of all sizes and kinds.
func testBodies(t *testing.T, s adapters.Store, unproven bool) {
	t.Helper()
	stores := s.Capabilities().StoresChecksum
	for i, size := range sizes {
		b := pattern(uint64(i+1), size)
		for name, body := range map[string]struct {
			r    io.Reader
			size int64
			crc  *uint64
		}{
			"seekable":         {bytes.NewReader(b), int64(size), nil},
			"stream":           {opaque{bytes.NewReader(b)}, int64(size), nil},
			"stream, CRC":      {opaque{bytes.NewReader(b)}, int64(size), crc(b)},
			"unknown size":     {opaque{bytes.NewReader(b)}, -1, nil},
			"unknown, CRC":     {opaque{bytes.NewReader(b)}, -1, crc(b)},
			"seekable, no len": {bytes.NewReader(b), -1, crc(b)},
		} {
			info, err := s.Put(t.Context(), "put", body.r, body.size, adapters.PutOptions{CRC64: body.crc, Unproven: unproven})
			if err != nil {
				t.Fatalf("Put of %d bytes, %s: %v", size, name, err)
			}
			checkWritten(t, "Put", info, "put", b)
			head := wantObject(t, s, "put", b)
			if info.ETag != head.ETag {
				t.Errorf("Put of %d bytes, %s: ETag %q, Head says %q", size, name, info.ETag, head.ETag)
			}
			if stores && (head.CRC64 == nil || *head.CRC64 != *crc(b)) {
				t.Errorf("Put of %d bytes, %s: Head gives CRC64 %v, StoresChecksum promises %016x", size, name, head.CRC64, *crc(b))
			}
		}
	}
}

// refused are writes that must fail, with the codes that they must fail with. errs.Unknown stands for any error.
type refused struct {
	name string
	body func(ctx context.Context, cancel context.CancelFunc, b []byte) (io.Reader, int64)
	opts adapters.PutOptions
	want errs.Code
	is   error
}

func refusals() []refused {
	wrong := *crc([]byte("something else"))
	return []refused{
		{name: "too short", want: errs.InvalidArgument, body: func(_ context.Context, _ context.CancelFunc, b []byte) (io.Reader, int64) {
			return opaque{bytes.NewReader(b)}, int64(len(b)) + 1
		}},
		{name: "much too short", want: errs.InvalidArgument, body: func(_ context.Context, _ context.CancelFunc, b []byte) (io.Reader, int64) {
			return opaque{bytes.NewReader(nil)}, int64(len(b))
		}},
		{name: "too short, seekable", want: errs.InvalidArgument, body: func(_ context.Context, _ context.CancelFunc, b []byte) (io.Reader, int64) {
			return bytes.NewReader(b[:len(b)-1]), int64(len(b))
		}},
		{name: "too long", want: errs.InvalidArgument, body: func(_ context.Context, _ context.CancelFunc, b []byte) (io.Reader, int64) {
			return opaque{bytes.NewReader(b)}, int64(len(b)) - 1
		}},
		{name: "too long, seekable", want: errs.InvalidArgument, body: func(_ context.Context, _ context.CancelFunc, b []byte) (io.Reader, int64) {
			return bytes.NewReader(b), int64(len(b)) - 1
		}},
		{name: "bytes where none are due", want: errs.InvalidArgument, body: func(_ context.Context, _ context.CancelFunc, b []byte) (io.Reader, int64) {
			return opaque{bytes.NewReader(b)}, 0
		}},
		{name: "body breaks", is: errBody, body: func(_ context.Context, _ context.CancelFunc, b []byte) (io.Reader, int64) {
			return breaking(b[:len(b)/2], errBody), int64(len(b))
		}},
		{name: "body breaks at once", is: errBody, body: func(_ context.Context, _ context.CancelFunc, b []byte) (io.Reader, int64) {
			return breaking(nil, errBody), int64(len(b))
		}},
		{name: "body breaks where it should end", is: errBody, body: func(_ context.Context, _ context.CancelFunc, b []byte) (io.Reader, int64) {
			return breaking(b, errBody), -1
		}},
		{name: "body of unknown size ends early", is: io.ErrUnexpectedEOF, body: func(_ context.Context, _ context.CancelFunc, b []byte) (io.Reader, int64) {
			return breaking(b[:len(b)/2], io.ErrUnexpectedEOF), -1
		}},
		{name: "body cancelled", want: errs.Canceled, body: func(ctx context.Context, cancel context.CancelFunc, b []byte) (io.Reader, int64) {
			return cancelling(ctx, cancel, b[:len(b)/2]), int64(len(b))
		}},
		{name: "cancelled midway, body goes on", want: errs.Canceled, body: func(_ context.Context, cancel context.CancelFunc, b []byte) (io.Reader, int64) {
			return unheeding(cancel, b), int64(len(b))
		}},
		{name: "cancelled midway, body has no end", want: errs.Canceled, body: func(_ context.Context, cancel context.CancelFunc, _ []byte) (io.Reader, int64) {
			return endless(cancel), -1
		}},
		{name: "wrong CRC64", want: errs.DataLoss, opts: adapters.PutOptions{CRC64: &wrong}, body: func(_ context.Context, _ context.CancelFunc, b []byte) (io.Reader, int64) {
			return opaque{bytes.NewReader(b)}, int64(len(b))
		}},
		{name: "wrong CRC64, seekable", want: errs.DataLoss, opts: adapters.PutOptions{CRC64: &wrong}, body: func(_ context.Context, _ context.CancelFunc, b []byte) (io.Reader, int64) {
			return bytes.NewReader(b), int64(len(b))
		}},
		{name: "wrong CRC64, unknown size", want: errs.DataLoss, opts: adapters.PutOptions{CRC64: &wrong}, body: func(_ context.Context, _ context.CancelFunc, b []byte) (io.Reader, int64) {
			return opaque{bytes.NewReader(b)}, -1
		}},
	}
}

// check judges the error of a refused write. ctx is the one that the write had.
func (r refused) check(t *testing.T, what string, err error) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("%s succeeded", what)
	case r.is != nil && !errors.Is(err, r.is):
		t.Errorf("%s: error %v, want one that wraps %q", what, err, r.is)
	case r.is == nil && errs.CodeOf(err) != r.want:
		t.Errorf("%s: error %v (%v), want %v", what, err, errs.CodeOf(err), r.want)
	}
}

func testPutRefused(t *testing.T, h Harness) {
	s := h.New(t)
	testRefusals(t, s, false)
	wantClean(t, h, s)
}

// testRefusals puts bodies that must be refused, over nothing and over an object.
func testRefusals(t *testing.T, s adapters.Store, unproven bool) {
	t.Helper()
	old := pattern(1, 1000)
	for _, size := range []int{100, 4096, 3 << 20} {
		b := pattern(uint64(size), size)
		for _, r := range refusals() {
			for _, existing := range []bool{false, true} {
				key := "refused/absent"
				if existing {
					key = "refused/present"
					put(t, s, key, old, adapters.PutOptions{Metadata: map[string]string{"kept": "yes"}})
				}
				ctx, cancel := context.WithCancel(t.Context())
				body, n := r.body(ctx, cancel, b)
				r.opts.Unproven = unproven
				_, err := s.Put(ctx, key, body, n, r.opts)
				cancel()
				r.check(t, "Put, "+r.name, err)
				if !existing {
					wantAbsent(t, s, key)
				} else if head := wantObject(t, s, key, old); head.Metadata["kept"] != "yes" {
					t.Errorf("Put, %s: metadata of the old object is now %q", r.name, head.Metadata)
				}
			}
		}
	}
}

func testPutFailing(t *testing.T, h Harness) {
	if h.Failing == nil {
		t.Log("the harness has no hook that makes the store fail: only failing bodies are tested")
		return
	}
	s, failAfter := h.Failing(t)
	t.Cleanup(func() { failAfter(-1) })
	old := pattern(1, 1000)
	b := pattern(2, 3<<20)
	for _, n := range []int64{0, 1000, 1 << 20} {
		failAfter(-1)
		put(t, s, "failing/present", old, adapters.PutOptions{})
		failAfter(n)
		for _, key := range []string{"failing/absent", "failing/present"} {
			_, err := s.Put(t.Context(), key, bytes.NewReader(b), int64(len(b)), adapters.PutOptions{})
			if !errs.Retryable(err) {
				t.Errorf("Put to a store that fails after %d bytes: error %v (%v), want a retryable one", n, err, errs.CodeOf(err))
			}
		}
		failAfter(-1)
		wantAbsent(t, s, "failing/absent")
		wantObject(t, s, "failing/present", old)
	}
	put(t, s, "failing/absent", b, adapters.PutOptions{})
	wantObject(t, s, "failing/absent", b)
	wantClean(t, h, s)
}
