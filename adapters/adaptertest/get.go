package adaptertest

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

func testGet(t *testing.T, h Harness) {
	s := h.New(t)
	wantAbsent(t, s, "absent")
	wantAbsent(t, s, "absent/deeper/still")
	a, b := pattern(1, 300), pattern(2, 300)
	first := put(t, s, "get", a, adapters.PutOptions{})
	body, _, err := s.Get(t.Context(), "get", adapters.Range{}, first.ETag)
	if err != nil {
		t.Fatalf("Get with the right IfMatch: %v", err)
	}
	if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, a) {
		t.Errorf("Get with the right IfMatch = %s, %v", describe(got), err)
	}
	if err := body.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	put(t, s, "get", b, adapters.PutOptions{})
	for _, r := range []adapters.Range{{}, {Offset: 1}, {Offset: 5, Length: 10}} {
		if body, _, err := s.Get(t.Context(), "get", r, first.ETag); err == nil {
			body.Close()
			t.Errorf("Get %+v with a stale IfMatch succeeded", r)
		} else {
			wantCode(t, "Get with a stale IfMatch", err, errs.FailedPrecondition)
		}
	}
	if _, _, err := s.Get(t.Context(), "absent", adapters.Range{}, first.ETag); !errs.Is(err, errs.NotFound) {
		t.Errorf("Get of an absent key with IfMatch: error %v, want %v", err, errs.NotFound)
	}
	// A body closed before its end does no harm.
	big := pattern(3, 2<<20)
	put(t, s, "big", big, adapters.PutOptions{})
	for range 20 {
		body, _, err := s.Get(t.Context(), "big", adapters.Range{}, "")
		if err != nil {
			t.Fatalf("Get: %v", err)
		}
		if _, err := io.ReadFull(body, make([]byte, 10)); err != nil {
			t.Errorf("Read: %v", err)
		}
		body.Close()
	}
	// A body can also be copied to a writer that reads from it in its own way.
	body, _, err = s.Get(t.Context(), "big", adapters.Range{Offset: 7, Length: 1 << 20}, "")
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	defer body.Close()
	head := make([]byte, 9)
	if _, err := io.ReadFull(body, head); err != nil {
		t.Fatalf("Read: %v", err)
	}
	var rest bytes.Buffer
	if _, err := io.Copy(&rest, body); err != nil {
		t.Fatalf("Copy: %v", err)
	}
	if got, want := append(head, rest.Bytes()...), big[7:7+1<<20]; !bytes.Equal(got, want) {
		t.Errorf("read, then copied: %s, want %s", describe(got), describe(want))
	}
}

func testRanges(t *testing.T, h Harness) {
	s := h.New(t)
	const size = 100_000
	b := pattern(1, size)
	put(t, s, "ranges", b, adapters.PutOptions{})
	put(t, s, "empty", nil, adapters.PutOptions{})
	put(t, s, "one", b[:1], adapters.PutOptions{})
	for _, c := range []struct {
		key        string
		r          adapters.Range
		start, end int
	}{
		{"ranges", adapters.Range{}, 0, size},
		{"ranges", adapters.Range{Offset: 0, Length: 1}, 0, 1},
		{"ranges", adapters.Range{Offset: 0, Length: size}, 0, size},
		{"ranges", adapters.Range{Offset: 0, Length: size + 1}, 0, size},
		{"ranges", adapters.Range{Offset: 0, Length: math.MaxInt64}, 0, size},
		{"ranges", adapters.Range{Offset: 1}, 1, size},
		{"ranges", adapters.Range{Offset: 1, Length: math.MaxInt64}, 1, size},
		{"ranges", adapters.Range{Offset: 32767, Length: 2}, 32767, 32769},
		{"ranges", adapters.Range{Offset: size - 1}, size - 1, size},
		{"ranges", adapters.Range{Offset: size - 1, Length: 1}, size - 1, size},
		{"ranges", adapters.Range{Offset: size - 1, Length: 2}, size - 1, size},
		{"ranges", adapters.Range{Offset: 10, Length: 20}, 10, 30},
		{"one", adapters.Range{Offset: 0, Length: 1}, 0, 1},
		{"one", adapters.Range{Offset: 0, Length: 5}, 0, 1},
		{"empty", adapters.Range{}, 0, 0},
	} {
		got, info, err := get(t.Context(), s, c.key, c.r)
		if err != nil {
			t.Errorf("Get %s %+v: %v", c.key, c.r, err)
			continue
		}
		if !bytes.Equal(got, b[c.start:c.end]) {
			t.Errorf("Get %s %+v = %s, want bytes %d to %d", c.key, c.r, describe(got), c.start, c.end)
		}
		if want := map[string]int64{"ranges": size, "one": 1}[c.key]; info.Size != want {
			t.Errorf("Get %s %+v: Info.Size = %d, want the whole %d", c.key, c.r, info.Size, want)
		}
		if want := map[string][]byte{"ranges": b, "one": b[:1]}[c.key]; info.CRC64 != nil && *info.CRC64 != *crc(want) {
			t.Errorf("Get %s %+v: Info.CRC64 is not that of the whole object", c.key, c.r)
		}
	}
	for _, c := range []struct {
		key string
		r   adapters.Range
	}{
		{"ranges", adapters.Range{Offset: size}},
		{"ranges", adapters.Range{Offset: size, Length: 1}},
		{"ranges", adapters.Range{Offset: size + 1}},
		{"ranges", adapters.Range{Offset: math.MaxInt64}},
		{"ranges", adapters.Range{Offset: math.MaxInt64, Length: math.MaxInt64}},
		{"one", adapters.Range{Offset: 1}},
		{"empty", adapters.Range{Offset: 0, Length: 1}},
		{"empty", adapters.Range{Offset: 1}},
	} {
		_, _, err := get(t.Context(), s, c.key, c.r)
		what := fmt.Sprintf("Get %s %+v", c.key, c.r)
		wantCode(t, what, err, errs.InvalidArgument)
		if got := errs.ReasonOf(err); got != "InvalidRange" {
			t.Errorf("%s: reason %q, want InvalidRange", what, got)
		}
	}
	for _, r := range []adapters.Range{{Offset: -1}, {Offset: -1, Length: 5}, {Length: -1}} {
		_, _, err := get(t.Context(), s, "ranges", r)
		wantCode(t, fmt.Sprintf("Get %+v", r), err, errs.InvalidArgument)
	}
	if _, _, err := get(t.Context(), s, "absent", adapters.Range{Offset: 5}); !errs.Is(err, errs.NotFound) {
		t.Errorf("Get of a range of an absent key: error %v, want %v", err, errs.NotFound)
	}
}

func testDelete(t *testing.T, h Harness) {
	s := h.New(t)
	for _, key := range []string{"absent", "a/deep/absent", "a//", "/"} {
		if err := s.Delete(t.Context(), key, ""); err != nil {
			t.Errorf("Delete of absent %q: %v", key, err)
		}
		if err := s.Delete(t.Context(), key, "any"); err != nil {
			t.Errorf("Delete of absent %q with IfMatch: %v", key, err)
		}
	}
	put(t, s, "d/one", []byte("1"), adapters.PutOptions{})
	put(t, s, "d/two", []byte("2"), adapters.PutOptions{})
	for range 2 {
		if err := s.Delete(t.Context(), "d/one", ""); err != nil {
			t.Fatalf("Delete: %v", err)
		}
		wantAbsent(t, s, "d/one")
	}
	wantObject(t, s, "d/two", []byte("2"))
	if err := s.Delete(t.Context(), "d", ""); err != nil {
		t.Errorf("Delete of what is only a prefix: %v", err)
	}
	wantObject(t, s, "d/two", []byte("2"))

	first := put(t, s, "d/two", []byte("22"), adapters.PutOptions{})
	second := put(t, s, "d/two", []byte("33"), adapters.PutOptions{})
	wantCode(t, "Delete with a stale IfMatch", s.Delete(t.Context(), "d/two", first.ETag), errs.FailedPrecondition)
	wantObject(t, s, "d/two", []byte("33"))
	if err := s.Delete(t.Context(), "d/two", second.ETag); err != nil {
		t.Errorf("Delete with the right IfMatch: %v", err)
	}
	wantAbsent(t, s, "d/two")
	put(t, s, "d/two", []byte("again"), adapters.PutOptions{})
	wantObject(t, s, "d/two", []byte("again"))
	if err := s.Delete(t.Context(), "d/two", ""); err != nil {
		t.Errorf("Delete: %v", err)
	}
	wantNothing(t, h, s)
}
