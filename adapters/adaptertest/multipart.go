package adaptertest

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// putPart stores a part and checks the answer.
func putPart(t *testing.T, s adapters.Store, key, id string, n int, b []byte) adapters.Part {
	t.Helper()
	p, err := s.PutPart(t.Context(), key, id, n, bytes.NewReader(b), int64(len(b)), adapters.Sums{})
	if err != nil {
		t.Fatalf("PutPart %d: %v", n, err)
	}
	if p.N != n || p.Size != int64(len(b)) || p.ETag == "" || p.CRC64 != *crc(b) {
		t.Errorf("PutPart %d = %+v, want size %d and CRC64 %016x", n, p, len(b), *crc(b))
	}
	if p.MD5 != nil && !bytes.Equal(p.MD5, md5sum(b)) {
		t.Errorf("PutPart %d: MD5 = %x, want %x", n, p.MD5, md5sum(b))
	}
	if p.Verified != (p.Proof != "") {
		t.Errorf("PutPart %d: Verified %v with proof %q", n, p.Verified, p.Proof)
	}
	return p
}

// wantLost checks that an upload that another write of its key ended fails cleanly.
func wantLost(t *testing.T, what string, err error) {
	t.Helper()
	if !errs.Is(err, errs.FailedPrecondition) && !errs.Is(err, errs.NotFound) {
		t.Errorf("%s: error %v (%v), want %v or %v", what, err, errs.CodeOf(err), errs.FailedPrecondition, errs.NotFound)
	}
}

func createUpload(t *testing.T, s adapters.Store, key string, o adapters.PutOptions) string {
	t.Helper()
	id, err := s.CreateUpload(t.Context(), key, o)
	if err != nil || id == "" {
		t.Fatalf("CreateUpload %q = %q, %v", key, id, err)
	}
	return id
}

func complete(t *testing.T, s adapters.Store, key, id string, parts []adapters.Part, want []byte) adapters.Info {
	t.Helper()
	info, err := s.CompleteUpload(t.Context(), key, id, parts, adapters.PutOptions{})
	if err != nil {
		t.Fatalf("CompleteUpload %q: %v", key, err)
	}
	checkWritten(t, "CompleteUpload", info, key, want)
	return info
}

// needMultipart reports whether the store has multipart uploads; one that has none must say so.
func needMultipart(t *testing.T, s adapters.Store) bool {
	t.Helper()
	if s.Capabilities().Multipart {
		return true
	}
	t.Log("Multipart is declared missing: it must be refused")
	_, err := s.CreateUpload(t.Context(), "k", adapters.PutOptions{})
	wantCode(t, "CreateUpload", err, errs.Unimplemented)
	return false
}

// partSizes gives three part sizes of which only the last is below the store's minimum.
func partSizes(s adapters.Store) (int, int, int) {
	least := int(max(s.Capabilities().MinPartSize, 1000))
	return least, least + 4321, 777
}

func testMultipart(t *testing.T, h Harness) {
	s := h.New(t)
	if !needMultipart(t, s) {
		return
	}
	n1, n2, n3 := partSizes(s)
	b := pattern(1, n1+n2+n3)
	b1, b2, b3 := b[:n1], b[n1:n1+n2], b[n1+n2:]

	started := time.Now()
	id := createUpload(t, s, "mp/key", adapters.PutOptions{})
	other := createUpload(t, s, "mp/other", adapters.PutOptions{})
	wantAbsent(t, s, "mp/key")
	uploads, err := s.ListUploads(t.Context(), "mp/", 100)
	if err != nil || len(uploads) != 2 {
		t.Errorf("ListUploads = %+v, %v, want two", uploads, err)
	}
	i := slices.IndexFunc(uploads, func(u adapters.Upload) bool { return u.ID == id })
	if i < 0 || uploads[i].Key != "mp/key" || uploads[i].Created.Sub(started).Abs() > time.Minute {
		t.Errorf("ListUploads = %+v, want key mp/key with id %q, created about %v", uploads, id, started)
	}
	if uploads, err := s.ListUploads(t.Context(), "mp/k", 100); err != nil || len(uploads) != 1 {
		t.Errorf("ListUploads with prefix mp/k = %+v, %v, want one", uploads, err)
	}
	if uploads, err := s.ListUploads(t.Context(), "", 1); err != nil || len(uploads) != 1 {
		t.Errorf("ListUploads with limit 1 = %+v, %v, want one", uploads, err)
	}

	p3 := putPart(t, s, "mp/key", id, 3, b3)
	p1 := putPart(t, s, "mp/key", id, 1, b1)
	p2 := putPart(t, s, "mp/key", id, 2, b2)
	wantAbsent(t, s, "mp/key")
	info := complete(t, s, "mp/key", id, []adapters.Part{p1, p2, p3}, b)
	head := wantObject(t, s, "mp/key", b)
	if head.ETag != info.ETag {
		t.Errorf("CompleteUpload: ETag %q, Head says %q", info.ETag, head.ETag)
	}
	if s.Capabilities().StoresChecksum && (head.CRC64 == nil || *head.CRC64 != *crc(b)) {
		t.Errorf("Head of a multipart object gives CRC64 %v, StoresChecksum promises %016x", head.CRC64, *crc(b))
	}
	for range 2 {
		again := complete(t, s, "mp/key", id, []adapters.Part{p1, p2, p3}, b)
		if again.ETag != info.ETag || again.Size != info.Size {
			t.Errorf("CompleteUpload again = size %d, ETag %q, want %d, %q", again.Size, again.ETag, info.Size, info.ETag)
		}
	}
	if uploads, err := s.ListUploads(t.Context(), "mp/k", 100); err != nil || len(uploads) != 0 {
		t.Errorf("ListUploads after completion = %+v, %v, want none", uploads, err)
	}
	if err := s.AbortUpload(t.Context(), "mp/key", id); err != nil {
		t.Errorf("AbortUpload of a complete upload: %v", err)
	}
	wantObject(t, s, "mp/key", b)

	// An upload over an object replaces it only when it completes.
	old := put(t, s, "mp/other", []byte("old"), adapters.PutOptions{})
	o1 := putPart(t, s, "mp/other", other, 1, b1)
	wantObject(t, s, "mp/other", []byte("old"))
	if done := complete(t, s, "mp/other", other, []adapters.Part{o1}, b1); done.ETag == old.ETag {
		t.Errorf("CompleteUpload over an object keeps its ETag %q", done.ETag)
	}
	wantObject(t, s, "mp/other", b1)
	for _, key := range []string{"mp/key", "mp/other"} {
		if err := s.Delete(t.Context(), key, ""); err != nil {
			t.Errorf("Delete: %v", err)
		}
		wantAbsent(t, s, key)
	}
	wantNothing(t, h, s)
}

func testMultipartParts(t *testing.T, h Harness) {
	s := h.New(t)
	if !needMultipart(t, s) {
		return
	}
	n1, n2, n3 := partSizes(s)
	b := pattern(1, n1+n2+n3)
	b1, b2, b3 := b[:n1], b[n1:n1+n2], b[n1+n2:]

	t.Run("sparse numbers", func(t *testing.T) {
		id := createUpload(t, s, "sparse", adapters.PutOptions{})
		last := s.Capabilities().MaxParts
		parts := []adapters.Part{putPart(t, s, "sparse", id, 2, b1), putPart(t, s, "sparse", id, 17, b2), putPart(t, s, "sparse", id, last, b3)}
		complete(t, s, "sparse", id, parts, b)
		wantObject(t, s, "sparse", b)
	})
	t.Run("some left out", func(t *testing.T) {
		id := createUpload(t, s, "some", adapters.PutOptions{})
		p1 := putPart(t, s, "some", id, 1, b1)
		p2 := putPart(t, s, "some", id, 2, b2)
		p3 := putPart(t, s, "some", id, 3, b3)
		if s.Capabilities().NeedsAllParts {
			if _, err := s.CompleteUpload(t.Context(), "some", id, []adapters.Part{p1, p3}, adapters.PutOptions{}); err != nil {
				wantCode(t, "CompleteUpload with some left out", err, errs.FailedPrecondition)
				wantAbsent(t, s, "some")
				complete(t, s, "some", id, []adapters.Part{p1, p2, p3}, b)
				wantObject(t, s, "some", b)
				return
			}
		}
		complete(t, s, "some", id, []adapters.Part{p1, p3}, slices.Concat(b1, b3))
		wantObject(t, s, "some", slices.Concat(b1, b3))
	})
	t.Run("sent again", func(t *testing.T) {
		id := createUpload(t, s, "again", adapters.PutOptions{})
		stale := putPart(t, s, "again", id, 1, pattern(9, n1))
		fresh := putPart(t, s, "again", id, 1, b1)
		p2 := putPart(t, s, "again", id, 2, b2)
		_, err := s.CompleteUpload(t.Context(), "again", id, []adapters.Part{stale, p2}, adapters.PutOptions{})
		wantCode(t, "CompleteUpload with a part that was replaced", err, errs.FailedPrecondition)
		wantAbsent(t, s, "again")
		_, err = s.CompleteUpload(t.Context(), "again", id, []adapters.Part{fresh, p2, {N: 3, Size: p2.Size, ETag: p2.ETag, CRC64: p2.CRC64}}, adapters.PutOptions{})
		wantCode(t, "CompleteUpload with a part that is absent", err, errs.FailedPrecondition)
		wantAbsent(t, s, "again")
		complete(t, s, "again", id, []adapters.Part{fresh, p2}, slices.Concat(b1, b2))
		wantObject(t, s, "again", slices.Concat(b1, b2))
	})
	t.Run("one empty part", func(t *testing.T) {
		id := createUpload(t, s, "empty", adapters.PutOptions{})
		complete(t, s, "empty", id, []adapters.Part{putPart(t, s, "empty", id, 1, nil)}, nil)
		wantObject(t, s, "empty", nil)
	})
	t.Run("streams", func(t *testing.T) {
		id := createUpload(t, s, "streams", adapters.PutOptions{})
		p1, err := s.PutPart(t.Context(), "streams", id, 1, opaque{bytes.NewReader(b1)}, int64(n1), adapters.Sums{CRC64: crc(b1)})
		if err != nil {
			t.Fatalf("PutPart of a stream: %v", err)
		}
		p2, err := s.PutPart(t.Context(), "streams", id, 2, opaque{bytes.NewReader(b2)}, -1, adapters.Sums{})
		if err != nil {
			t.Fatalf("PutPart of unknown size: %v", err)
		}
		if p1.CRC64 != *crc(b1) || p2.CRC64 != *crc(b2) || p2.Size != int64(n2) {
			t.Errorf("PutPart of streams = %+v, %+v", p1, p2)
		}
		complete(t, s, "streams", id, []adapters.Part{p1, p2}, slices.Concat(b1, b2))
		wantObject(t, s, "streams", slices.Concat(b1, b2))
	})
	t.Run("two uploads of one key", func(t *testing.T) {
		first, second := createUpload(t, s, "two", adapters.PutOptions{}), createUpload(t, s, "two", adapters.PutOptions{})
		if first == second {
			t.Fatalf("two uploads have the same id %q", first)
		}
		p1, p2 := putPart(t, s, "two", first, 1, b1), putPart(t, s, "two", second, 1, b2)
		complete(t, s, "two", second, []adapters.Part{p2}, b2)
		wantObject(t, s, "two", b2)
		if !s.Capabilities().ExclusiveUploads {
			complete(t, s, "two", first, []adapters.Part{p1}, b1)
			wantObject(t, s, "two", b1)
			return
		}
		_, err := s.CompleteUpload(t.Context(), "two", first, []adapters.Part{p1}, adapters.PutOptions{})
		wantLost(t, "CompleteUpload after another upload of the key", err)
		wantObject(t, s, "two", b2)
		// The upload goes on with new parts: never with those of the other one.
		if p1, err := s.PutPart(t.Context(), "two", first, 1, bytes.NewReader(b1), int64(n1), adapters.Sums{}); err != nil {
			wantLost(t, "PutPart after another upload of the key", err)
		} else {
			complete(t, s, "two", first, []adapters.Part{p1}, b1)
			wantObject(t, s, "two", b1)
		}
		if err := s.AbortUpload(t.Context(), "two", first); err != nil {
			t.Errorf("AbortUpload: %v", err)
		}
	})
	wantClean(t, h, s)
}

func testMultipartEnds(t *testing.T, h Harness) {
	s := h.New(t)
	if !needMultipart(t, s) {
		return
	}
	n1, _, n3 := partSizes(s)
	b1, b3 := pattern(1, n1), pattern(3, n3)
	ctx := t.Context()

	id := createUpload(t, s, "ends", adapters.PutOptions{})
	p1 := putPart(t, s, "ends", id, 1, b1)
	for range 2 {
		if err := s.AbortUpload(ctx, "ends", id); err != nil {
			t.Errorf("AbortUpload: %v", err)
		}
	}
	wantAbsent(t, s, "ends")
	_, err := s.CompleteUpload(ctx, "ends", id, []adapters.Part{p1}, adapters.PutOptions{})
	wantCode(t, "CompleteUpload after an abort", err, errs.NotFound)
	_, err = s.PutPart(ctx, "ends", id, 2, bytes.NewReader(b3), int64(n3), adapters.Sums{})
	wantCode(t, "PutPart after an abort", err, errs.NotFound)
	if uploads, err := s.ListUploads(ctx, "", 100); err != nil || len(uploads) != 0 {
		t.Errorf("ListUploads after an abort = %+v, %v, want none", uploads, err)
	}
	wantNothing(t, h, s)

	// A part that fails leaves the one before.
	id = createUpload(t, s, "parts", adapters.PutOptions{})
	p1 = putPart(t, s, "parts", id, 1, b1)
	for _, r := range refusals() {
		ctx, cancel := context.WithCancel(t.Context())
		body, size := r.body(ctx, cancel, pattern(7, n1))
		_, err := s.PutPart(ctx, "parts", id, 1, body, size, adapters.Sums{CRC64: r.opts.CRC64})
		cancel()
		r.check(t, "PutPart, "+r.name, err)
	}
	// The whole's CRC64, when it is known, is compared before anything is visible.
	_, err = s.CompleteUpload(ctx, "parts", id, []adapters.Part{p1}, adapters.PutOptions{CRC64: crc([]byte("other"))})
	wantCode(t, "CompleteUpload with a wrong CRC64", err, errs.DataLoss)
	wantAbsent(t, s, "parts")
	info, err := s.CompleteUpload(ctx, "parts", id, []adapters.Part{p1}, adapters.PutOptions{CRC64: crc(b1)})
	if err != nil {
		t.Fatalf("CompleteUpload with the right CRC64: %v", err)
	}
	checkWritten(t, "CompleteUpload", info, "parts", b1)
	wantObject(t, s, "parts", b1)
	if err := s.Delete(ctx, "parts", ""); err != nil {
		t.Errorf("Delete: %v", err)
	}
	wantNothing(t, h, s)

	// Conditions are judged when the upload completes.
	if !s.Capabilities().ConditionalPut {
		return
	}
	id = createUpload(t, s, "cond", adapters.PutOptions{IfNoneMatch: true})
	old := put(t, s, "cond", []byte("in the meantime"), adapters.PutOptions{})
	p1 = putPart(t, s, "cond", id, 1, b1) // after the Put: with ExclusiveUploads that drops earlier parts
	_, err = s.CompleteUpload(ctx, "cond", id, []adapters.Part{p1}, adapters.PutOptions{IfNoneMatch: true})
	wantCode(t, "CompleteUpload with IfNoneMatch over an object", err, errs.AlreadyExists)
	_, err = s.CompleteUpload(ctx, "cond", id, []adapters.Part{p1}, adapters.PutOptions{IfMatch: "0123456789abcdef"})
	wantCode(t, "CompleteUpload with a wrong IfMatch", err, errs.FailedPrecondition)
	wantObject(t, s, "cond", []byte("in the meantime"))
	if _, err = s.CompleteUpload(ctx, "cond", id, []adapters.Part{p1}, adapters.PutOptions{IfMatch: old.ETag}); err != nil {
		t.Errorf("CompleteUpload with the right IfMatch: %v", err)
	}
	wantObject(t, s, "cond", b1)
	wantClean(t, h, s)
}

func testMultipartRefused(t *testing.T, h Harness) {
	s := h.New(t)
	if !needMultipart(t, s) {
		return
	}
	ctx := t.Context()
	n1, _, _ := partSizes(s)
	b1 := pattern(1, n1)
	id := createUpload(t, s, "mr", adapters.PutOptions{})
	p1, p2 := putPart(t, s, "mr", id, 1, b1), putPart(t, s, "mr", id, 2, b1)

	for _, n := range []int{-1, 0, s.Capabilities().MaxParts + 1} {
		_, err := s.PutPart(ctx, "mr", id, n, strings.NewReader("x"), 1, adapters.Sums{})
		wantCode(t, "PutPart with a number out of range", err, errs.InvalidArgument)
	}
	for name, parts := range map[string][]adapters.Part{"no parts": nil, "parts in descending order": {p2, p1}, "a part named twice": {p1, p1}} {
		_, err := s.CompleteUpload(ctx, "mr", id, parts, adapters.PutOptions{})
		wantCode(t, "CompleteUpload with "+name, err, errs.InvalidArgument)
	}
	for name, bad := range map[string]struct{ key, id string }{
		"an unknown id": {"mr", strings.Repeat("0", len(id))}, "a strange id": {"mr", "../../x"}, "an empty id": {"mr", ""}, "another key": {"mr2", id},
	} {
		_, err := s.PutPart(ctx, bad.key, bad.id, 1, strings.NewReader("x"), 1, adapters.Sums{})
		wantCode(t, "PutPart with "+name, err, errs.NotFound)
		_, err = s.CompleteUpload(ctx, bad.key, bad.id, []adapters.Part{p1}, adapters.PutOptions{})
		wantCode(t, "CompleteUpload with "+name, err, errs.NotFound)
		if err := s.AbortUpload(ctx, bad.key, bad.id); err != nil {
			t.Errorf("AbortUpload with %s: %v", name, err)
		}
	}
	if got := listAll(t, s, "", 10); len(got) != 0 {
		t.Errorf("List = %q, want nothing", got)
	}
	complete(t, s, "mr", id, []adapters.Part{p1, p2}, slices.Concat(b1, b1))
	wantObject(t, s, "mr", slices.Concat(b1, b1))
}
