package adaptertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// testConcurrentWriters has writers of different bytes at one key: readers see one of them whole, and one ETag
// names one content.
func testConcurrentWriters(t *testing.T, h Harness) {
	s := h.New(t)
	const writers, rounds, readers = 4, 6, 3
	contents := map[string]bool{} // every content that may ever be seen
	bodies := make([][][]byte, writers)
	for w := range writers {
		for r := range rounds {
			b := pattern(uint64(w*rounds+r+1), 200_000+1000*(w%2))
			bodies[w] = append(bodies[w], b)
			contents[string(b)] = true
		}
	}
	put(t, s, "cw/key", bodies[0][0], adapters.PutOptions{})
	var mu sync.Mutex
	byETag := map[string]string{}
	seen := func(what, etag string, b []byte) {
		mu.Lock()
		defer mu.Unlock()
		if !contents[string(b)] {
			t.Errorf("%s: %s, which nobody wrote", what, describe(b))
		}
		if was, ok := byETag[etag]; ok && was != string(b) {
			t.Errorf("%s: ETag %q names two contents", what, etag)
		}
		byETag[etag] = string(b)
	}
	done := make(chan struct{})
	var writing, reading sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for r, b := range bodies[w] {
				info, err := s.Put(t.Context(), "cw/key", bytes.NewReader(b), int64(len(b)), adapters.PutOptions{})
				if err != nil {
					t.Errorf("Put: %v", err)
					return
				}
				seen("Put", info.ETag, b)
				// Neighbours that come and go take the folder away and make it again.
				neighbour := fmt.Sprintf("cw/dir%d/%d", r%2, w)
				if _, err := s.Put(t.Context(), neighbour, strings.NewReader("x"), 1, adapters.PutOptions{}); err != nil {
					t.Errorf("Put %q: %v", neighbour, err)
				}
				if err := s.Delete(t.Context(), neighbour, ""); err != nil {
					t.Errorf("Delete %q: %v", neighbour, err)
				}
			}
		})
	}
	for range readers {
		reading.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				b, info, err := get(t.Context(), s, "cw/key", adapters.Range{})
				if err != nil {
					if !errs.Retryable(err) {
						t.Errorf("Get during writes: %v", err)
					}
					continue
				}
				if info.Size != int64(len(b)) {
					t.Errorf("Get: %d bytes, Info says %d", len(b), info.Size)
				}
				checkSums(t, "Get during writes", info, b)
				if h.MixesETags {
					info.ETag = string(b)
				}
				seen("Get", info.ETag, b)
				if page, err := s.List(t.Context(), "cw/key", "", 10); err != nil || len(page.Objects) != 1 {
					t.Errorf("List during writes = %q, %v", keysOf(page), err)
				}
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
	if err := s.Delete(t.Context(), "cw/key", ""); err != nil {
		t.Errorf("Delete: %v", err)
	}
	wantNothing(t, h, s)
}

// testReadersInFlight overwrites and deletes what somebody is reading: the reader gets the old bytes to their end, or an error.
func testReadersInFlight(t *testing.T, h Harness) {
	s := h.New(t)
	const size = 8 << 20
	old, newer := pattern(1, size), pattern(2, size+100)
	for _, c := range []struct {
		name   string
		change func(key string) error
	}{
		{"overwritten", func(key string) error {
			_, err := s.Put(t.Context(), key, bytes.NewReader(newer), int64(len(newer)), adapters.PutOptions{})
			return err
		}},
		{"shortened", func(key string) error {
			_, err := s.Put(t.Context(), key, strings.NewReader("short"), 5, adapters.PutOptions{})
			return err
		}},
		{"deleted", func(key string) error { return s.Delete(t.Context(), key, "") }},
		{"deleted and put again", func(key string) error {
			if err := s.Delete(t.Context(), key, ""); err != nil {
				return err
			}
			_, err := s.Put(t.Context(), key, bytes.NewReader(newer[:size]), size, adapters.PutOptions{})
			return err
		}},
	} {
		for _, r := range []adapters.Range{{}, {Offset: 1 << 20, Length: 6 << 20}} {
			key := "flight/" + c.name
			put(t, s, key, old, adapters.PutOptions{})
			body, info, err := s.Get(t.Context(), key, r, "")
			if err != nil {
				t.Fatalf("Get: %v", err)
			}
			want := old[r.Offset:]
			if r.Length > 0 {
				want = want[:r.Length]
			}
			head := make([]byte, 64<<10)
			if _, err := io.ReadFull(body, head); err != nil {
				t.Fatalf("Read: %v", err)
			}
			if err := c.change(key); err != nil {
				t.Fatalf("change: %v", err)
			}
			rest, err := io.ReadAll(body)
			body.Close()
			if got := append(head, rest...); err == nil && !bytes.Equal(got, want) {
				t.Errorf("%s while it is read: %s, want %s or an error", c.name, describe(got), describe(want))
			}
			if info.Size != size || info.CRC64 != nil && *info.CRC64 != *crc(old) {
				t.Errorf("%s: Info = %+v, want that of the old bytes", c.name, info)
			}
		}
	}
}

// testDeadContext calls everything with a context that has ended: nothing happens, soon.
func testDeadContext(t *testing.T, h Harness) {
	s := h.New(t)
	put(t, s, "dead", []byte("alive"), adapters.PutOptions{})
	multipart := s.Capabilities().Multipart
	var id string
	var part adapters.Part
	if multipart {
		id = createUpload(t, s, "dead-upload", adapters.PutOptions{})
		part = putPart(t, s, "dead-upload", id, 1, []byte("x"))
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel2 := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel2()
	for ctx, want := range map[context.Context]errs.Code{cancelled: errs.Canceled, late: errs.DeadlineExceeded} {
		calls := map[string]func() error{
			"Put": func() error {
				_, err := s.Put(ctx, "dead", strings.NewReader("changed"), 7, adapters.PutOptions{})
				return err
			},
			"Get":    func() error { _, _, err := get(ctx, s, "dead", adapters.Range{}); return err },
			"Head":   func() error { _, err := s.Head(ctx, "dead"); return err },
			"Delete": func() error { return s.Delete(ctx, "dead", "") },
			"List":   func() error { _, err := s.List(ctx, "", "", 10); return err },
		}
		if multipart {
			calls["CreateUpload"] = func() error { _, err := s.CreateUpload(ctx, "dead", adapters.PutOptions{}); return err }
			calls["PutPart"] = func() error {
				_, err := s.PutPart(ctx, "dead-upload", id, 1, strings.NewReader("y"), 1, adapters.Sums{})
				return err
			}
			calls["CompleteUpload"] = func() error {
				_, err := s.CompleteUpload(ctx, "dead-upload", id, []adapters.Part{part}, adapters.PutOptions{})
				return err
			}
			calls["AbortUpload"] = func() error { return s.AbortUpload(ctx, "dead-upload", id) }
			calls["ListUploads"] = func() error { _, err := s.ListUploads(ctx, "", 10); return err }
		}
		for name, call := range calls {
			start := time.Now()
			wantCode(t, name+" with a dead context", call(), want)
			if took := time.Since(start); took > h.Slow {
				t.Errorf("%s with a dead context took %v, want under %v", name, took, h.Slow)
			}
		}
	}
	wantObject(t, s, "dead", []byte("alive"))
	wantAbsent(t, s, "dead-upload")
	if multipart {
		complete(t, s, "dead-upload", id, []adapters.Part{part}, []byte("x"))
	}

	// A body whose context ends midway fails or, where the bytes were on their way, is whole.
	b := pattern(1, 16<<20)
	put(t, s, "dead-big", b, adapters.PutOptions{})
	ctx, cancel3 := context.WithCancel(t.Context())
	body, _, err := s.Get(ctx, "dead-big", adapters.Range{}, "")
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	defer body.Close()
	head := make([]byte, 100)
	if _, err := io.ReadFull(body, head); err != nil {
		t.Fatalf("Read: %v", err)
	}
	cancel3()
	start := time.Now()
	rest, err := io.ReadAll(body)
	if err == nil && !bytes.Equal(append(head, rest...), b) {
		t.Errorf("a body whose context ended gave %d bytes without an error, want %d", 100+len(rest), len(b))
	}
	if took := time.Since(start); took > h.Slow {
		t.Errorf("a body whose context ended took %v", took)
	}
}
