package adaptertest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// errBody is what a failing body fails with.
var errBody = errors.New("the body broke")

// pattern returns n bytes that differ from those of every other seed.
func pattern(seed uint64, n int) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b)
	return b
}

func crc(b []byte) *uint64 {
	c := crc64nvme.Checksum(b)
	return &c
}

// put stores b and fails the test when that fails or answers something else than was stored.
func put(t *testing.T, s adapters.Store, key string, b []byte, o adapters.PutOptions) adapters.Info {
	t.Helper()
	info, err := s.Put(t.Context(), key, bytes.NewReader(b), int64(len(b)), o)
	if err != nil {
		t.Fatalf("Put %q: %v", key, err)
	}
	checkWritten(t, "Put", info, key, b)
	return info
}

// checkWritten checks the answer to a write.
func checkWritten(t *testing.T, op string, info adapters.Info, key string, b []byte) {
	t.Helper()
	if info.Key != key || info.Size != int64(len(b)) || info.ETag == "" {
		t.Errorf("%s %q = key %q, size %d, ETag %q, want size %d and an ETag", op, key, info.Key, info.Size, info.ETag, len(b))
	}
	checkSums(t, op, info, b)
	if info.Verified != (info.Proof != "") {
		t.Errorf("%s %q: Verified %v with proof %q", op, key, info.Verified, info.Proof)
	}
}

// checkSums checks that whatever checksum is claimed is that of b.
func checkSums(t *testing.T, op string, info adapters.Info, b []byte) {
	t.Helper()
	if info.CRC64 != nil && *info.CRC64 != *crc(b) {
		t.Errorf("%s %q: CRC64 = %016x, want %016x", op, info.Key, *info.CRC64, *crc(b))
	}
	if info.MD5 != nil && !bytes.Equal(info.MD5, md5sum(b)) {
		t.Errorf("%s %q: MD5 = %x, want %x", op, info.Key, info.MD5, md5sum(b))
	}
}

// get reads a whole object.
func get(ctx context.Context, s adapters.Store, key string, r adapters.Range) ([]byte, adapters.Info, error) {
	body, info, err := s.Get(ctx, key, r, "")
	if err != nil {
		return nil, info, err
	}
	b, err := io.ReadAll(body)
	if cerr := body.Close(); err == nil {
		err = cerr
	}
	return b, info, err
}

// wantObject checks that the object at key is b, by Head, Get and List.
func wantObject(t *testing.T, s adapters.Store, key string, b []byte) adapters.Info {
	t.Helper()
	head, err := s.Head(t.Context(), key)
	if err != nil {
		t.Errorf("Head %q: %v", key, err)
		return head
	}
	if head.Key != key || head.Size != int64(len(b)) || head.ETag == "" || head.ModTime.IsZero() {
		t.Errorf("Head %q = key %q, size %d, ETag %q, time %v, want size %d", key, head.Key, head.Size, head.ETag, head.ModTime, len(b))
	}
	checkSums(t, "Head", head, b)
	got, info, err := get(t.Context(), s, key, adapters.Range{})
	if err != nil {
		t.Errorf("Get %q: %v", key, err)
		return head
	}
	if !bytes.Equal(got, b) {
		t.Errorf("Get %q = %s, want %s", key, describe(got), describe(b))
	}
	if info.Key != key || info.Size != head.Size || info.ETag != head.ETag {
		t.Errorf("Get %q = key %q, size %d, ETag %q; Head says size %d, ETag %q", key, info.Key, info.Size, info.ETag, head.Size, head.ETag)
	}
	checkSums(t, "Get", info, b)
	page, err := s.List(t.Context(), key, "", 1)
	if err != nil || len(page.Objects) != 1 || page.Objects[0].Key != key {
		t.Errorf("List with prefix %q, limit 1 = %q, %v, want the key itself", key, keysOf(page), err)
		return head
	}
	listed := page.Objects[0]
	if listed.Size != head.Size || listed.ETag != head.ETag || listed.ModTime.Sub(head.ModTime).Abs() >= time.Second {
		t.Errorf("List of %q = size %d, ETag %q, time %v; Head says %d, %q, %v", key, listed.Size, listed.ETag, listed.ModTime, head.Size, head.ETag, head.ModTime)
	}
	return head
}

// wantAbsent checks that no object is at key, by Head, Get and List.
func wantAbsent(t *testing.T, s adapters.Store, key string) {
	t.Helper()
	if _, err := s.Head(t.Context(), key); !errs.Is(err, errs.NotFound) {
		t.Errorf("Head of absent %q: error %v (%v), want %v", key, err, errs.CodeOf(err), errs.NotFound)
	}
	if body, _, err := s.Get(t.Context(), key, adapters.Range{}, ""); !errs.Is(err, errs.NotFound) {
		t.Errorf("Get of absent %q: error %v (%v), want %v", key, err, errs.CodeOf(err), errs.NotFound)
		if err == nil {
			body.Close()
		}
	}
	page, err := s.List(t.Context(), key, "", 1)
	if err != nil || slices.Contains(keysOf(page), key) {
		t.Errorf("List of absent %q = %q, %v", key, keysOf(page), err)
	}
}

// wantNothing checks that the store lists nothing and, where the harness can look, holds nothing staged.
func wantNothing(t *testing.T, h Harness, s adapters.Store) {
	t.Helper()
	if got := listAll(t, s, "", 100); len(got) != 0 {
		t.Errorf("the store lists %q, want nothing", got)
	}
	wantClean(t, h, s)
}

func wantClean(t *testing.T, h Harness, s adapters.Store) {
	t.Helper()
	if h.Leftovers == nil {
		return
	}
	if left := h.Leftovers(t, s); len(left) != 0 {
		t.Errorf("left over: %q, want nothing", left)
	}
}

// wantCode checks the code of an error.
func wantCode(t *testing.T, what string, err error, want errs.Code) {
	t.Helper()
	if got := errs.CodeOf(err); err == nil || got != want {
		t.Errorf("%s: error %v (%v), want %v", what, err, got, want)
	}
}

func keysOf(p adapters.Page) []string {
	keys := make([]string, len(p.Objects))
	for i, o := range p.Objects {
		keys[i] = o.Key
	}
	return keys
}

// listAll pages through a prefix and checks what must hold for every page.
func listAll(t *testing.T, s adapters.Store, prefix string, limit int) []string {
	t.Helper()
	all := []string{}
	after := ""
	for {
		page, err := s.List(t.Context(), prefix, after, limit)
		if err != nil {
			t.Fatalf("List %q after %q: %v", prefix, after, err)
		}
		keys := keysOf(page)
		if len(keys) > limit {
			t.Fatalf("List %q after %q: %d keys, limit %d", prefix, after, len(keys), limit)
		}
		for _, key := range keys {
			if key <= after {
				t.Fatalf("List %q after %q: %q comes again, or out of order", prefix, after, key)
			}
			after = key
		}
		all = append(all, keys...)
		if !page.More {
			return all
		}
		if len(keys) == 0 {
			t.Fatalf("List %q after %q: an empty page that says there is more", prefix, after)
		}
	}
}

func describe(b []byte) string {
	if len(b) <= 32 {
		return fmt.Sprintf("%d bytes %x", len(b), b)
	}
	return fmt.Sprintf("%d bytes %x...%x (CRC64 %016x)", len(b), b[:8], b[len(b)-8:], *crc(b))
}

// opaque hides everything of a reader but Read, so that nobody can seek in it or ask for its length.
type opaque struct{ r io.Reader }

func (o opaque) Read(p []byte) (int, error) { return o.r.Read(p) }

// breaking gives the bytes of b and then fails instead of ending.
func breaking(b []byte, err error) io.Reader {
	return opaque{io.MultiReader(bytes.NewReader(b), failing{err})}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// cancelling gives the bytes of b, calls cancel and then waits for ctx, as a network body does.
func cancelling(ctx context.Context, cancel context.CancelFunc, b []byte) io.Reader {
	return opaque{io.MultiReader(bytes.NewReader(b), cancelReader{ctx, cancel})}
}

type cancelReader struct {
	ctx    context.Context
	cancel context.CancelFunc
}

func (c cancelReader) Read([]byte) (int, error) {
	c.cancel()
	<-c.ctx.Done()
	return 0, c.ctx.Err()
}

// unheeding gives the bytes of b, calls cancel once a few are read, and goes on as if nothing had happened.
func unheeding(cancel context.CancelFunc, b []byte) io.Reader {
	half := len(b) / 2
	return opaque{io.MultiReader(bytes.NewReader(b[:half]), &once{do: cancel}, bytes.NewReader(b[half:]))}
}

// endless cancels after its first bytes and then goes on for 256 MiB, which nobody may read to their end.
func endless(cancel context.CancelFunc) io.Reader {
	return opaque{io.MultiReader(bytes.NewReader(make([]byte, 1000)), &once{do: cancel}, io.LimitReader(zeros{}, 256<<20), failing{errBody})}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

type once struct{ do func() }

func (o *once) Read([]byte) (int, error) {
	o.do()
	return 0, io.EOF
}
