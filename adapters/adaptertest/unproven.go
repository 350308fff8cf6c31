package adaptertest

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// testUnproven writes without asking for a proof: all else of the contract holds.
func testUnproven(t *testing.T, h Harness) {
	s := h.New(t)
	testBodies(t, s, true)
	testRefusals(t, s, true)
	testUnprovenMD5(t, s)
	if s.Capabilities().ConditionalPut {
		testUnprovenConditions(t, s)
	}
	if s.Capabilities().Multipart {
		testUnprovenParts(t, s)
	}
	wantClean(t, h, s)
}

// testUnprovenMD5 hands over MD5s: where a right one was compared with the store's, a wrong one is refused.
func testUnprovenMD5(t *testing.T, s adapters.Store) {
	t.Helper()
	compared := false
	b := pattern(5, 1<<20+7)
	for _, c := range known(b) {
		what := "unproven Put, MD5 known " + c.name
		info, err := s.Put(t.Context(), "md5", c.body, int64(len(b)), adapters.PutOptions{MD5: c.md5, Unproven: true})
		if !judgeMD5(t, what, c.is, &compared, info.Proof, err) {
			wantAbsent(t, s, "md5")
			continue
		}
		checkWritten(t, what, info, "md5", b)
		wantObject(t, s, "md5", b)
		if err := s.Delete(t.Context(), "md5", ""); err != nil {
			t.Fatalf("Delete: %v", err)
		}
	}
}

func testUnprovenConditions(t *testing.T, s adapters.Store) {
	t.Helper()
	b, other := pattern(6, 3<<20), pattern(7, 3<<20)
	info := put(t, s, "cond", b, adapters.PutOptions{IfNoneMatch: true, Unproven: true})
	for name, c := range map[string]struct {
		o    adapters.PutOptions
		want errs.Code
	}{
		"IfNoneMatch over an object": {adapters.PutOptions{IfNoneMatch: true, Unproven: true}, errs.AlreadyExists},
		"a wrong IfMatch":            {adapters.PutOptions{IfMatch: "0123456789abcdef", Unproven: true}, errs.FailedPrecondition},
	} {
		_, err := s.Put(t.Context(), "cond", bytes.NewReader(other), int64(len(other)), c.o)
		wantCode(t, "unproven Put with "+name, err, c.want)
		wantObject(t, s, "cond", b)
	}
	put(t, s, "cond", other, adapters.PutOptions{IfMatch: info.ETag, Unproven: true})
	wantObject(t, s, "cond", other)
}

// testUnprovenParts completes an upload of parts of which some were proven and some not.
func testUnprovenParts(t *testing.T, s adapters.Store) {
	t.Helper()
	ctx := t.Context()
	n1, n2, _ := partSizes(s)
	b1, b2 := pattern(1, n1), pattern(2, n2)
	id := createUpload(t, s, "parts", adapters.PutOptions{Unproven: true})
	p2 := putPart(t, s, "parts", id, 2, b2)
	p1, err := s.PutPart(ctx, "parts", id, 1, opaque{bytes.NewReader(b1)}, int64(n1), adapters.Sums{Unproven: true})
	if err != nil {
		t.Fatalf("unproven PutPart: %v", err)
	}
	if p1.CRC64 != *crc(b1) || p1.Size != int64(n1) || p1.Verified != (p1.Proof != "") {
		t.Errorf("unproven PutPart = %+v, want CRC64 %016x, size %d, and a proof if it is verified", p1, *crc(b1), n1)
	}
	for _, r := range refusals() {
		ctx, cancel := context.WithCancel(ctx)
		body, size := r.body(ctx, cancel, pattern(7, n1))
		_, err := s.PutPart(ctx, "parts", id, 1, body, size, adapters.Sums{CRC64: r.opts.CRC64, Unproven: true})
		cancel()
		r.check(t, "unproven PutPart, "+r.name, err)
	}
	whole := slices.Concat(b1, b2)
	_, err = s.CompleteUpload(ctx, "parts", id, []adapters.Part{p1, p2}, adapters.PutOptions{CRC64: crc(b1), Unproven: true})
	wantCode(t, "unproven CompleteUpload with a wrong CRC64", err, errs.DataLoss)
	wantAbsent(t, s, "parts")
	for range 2 { // again it answers the same
		info, err := s.CompleteUpload(ctx, "parts", id, []adapters.Part{p1, p2}, adapters.PutOptions{CRC64: crc(whole), Unproven: true})
		if err != nil {
			t.Fatalf("unproven CompleteUpload: %v", err)
		}
		checkWritten(t, "unproven CompleteUpload", info, "parts", whole)
		if info.Verified && info.CRC64 == nil && !p1.Verified {
			t.Errorf("CompleteUpload of a part that is not verified is, by %q", info.Proof)
		}
	}
	wantObject(t, s, "parts", whole)
}
