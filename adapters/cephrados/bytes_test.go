//go:build ceph && cgo

package cephrados_test

import (
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/cephrados"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/overwrite"
)

// TestDamage changes data objects behind the store's back: readers of the whole hear of it.
func TestDamage(t *testing.T) {
	t.Parallel()
	s := open(t, config(shared.Get(t), map[string]string{"stripeSize": "65536"}))
	b := pattern(1, 300_000)
	for _, tt := range []struct {
		name   string
		damage func(oid string) error
		want   errs.Code
	}{
		{"one bit", func(oid string) error { return cephrados.Pool(s).Write(oid, []byte{b[65536+10] ^ 1}, 10) }, errs.DataLoss},
		{"cut", func(oid string) error { return cephrados.Pool(s).Truncate(oid, 1000) }, errs.DataLoss},
		{"gone", func(oid string) error { return cephrados.Pool(s).Delete(oid) }, errs.DataLoss},
	} {
		info := put(t, s, tt.name, b)
		if err := tt.damage("gelato.data." + cephrados.ID(info.ETag) + ".1"); err != nil {
			t.Fatal(err)
		}
		if _, err := get(t.Context(), s, tt.name, adapters.Range{}); !errs.Is(err, tt.want) {
			t.Errorf("Get of an object with a stripe damaged (%s): %v, want %v", tt.name, err, tt.want)
		}
	}
}

// TestDamagedTable takes the table of a multipart object away, then puts half a one in its place: readers hear of it, and other garbage is removed all the same.
func TestDamagedTable(t *testing.T) {
	t.Parallel()
	s := open(t, config(shared.Get(t), map[string]string{"indexShards": "1"}))
	id, err := s.CreateUpload(t.Context(), "parts", adapters.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var parts []adapters.Part
	for n := 1; n <= 2; n++ {
		p, err := s.PutPart(t.Context(), "parts", id, n, bytes.NewReader(pattern(byte(n), 1000)), 1000, adapters.Sums{})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, p)
	}
	info, err := s.CompleteUpload(t.Context(), "parts", id, parts, adapters.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	table := "gelato.parts." + cephrados.ID(info.ETag)
	for _, damage := range []func() error{
		func() error { return cephrados.Pool(s).Delete(table) },
		func() error { return cephrados.Pool(s).WriteFull(table, make([]byte, 32)) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if _, err := get(t.Context(), s, "parts", adapters.Range{}); !errs.Is(err, errs.DataLoss) {
			t.Errorf("Get of an object with its table damaged: %v, want %v", err, errs.DataLoss)
		}
	}
	if err := s.Delete(t.Context(), "parts", ""); err != nil {
		t.Fatal(err)
	}
	later := put(t, s, "later", []byte("bytes"))
	if err := s.Delete(t.Context(), "later", ""); err != nil {
		t.Fatal(err)
	}
	if err := cephrados.Sweep(t.Context(), s, time.Now().Add(cephrados.GraceTime+time.Minute)); !errs.Is(err, errs.DataLoss) {
		t.Errorf("sweep = %v, want %v", err, errs.DataLoss)
	}
	left := cephrados.Unreferenced(t, s)
	if i := slices.Index(left, "gelato.data."+cephrados.ID(later.ETag)+".0"); i >= 0 {
		t.Errorf("left over: %q behind damaged garbage", left[i])
	}
	if !slices.Contains(left, table) {
		t.Errorf("left over: %q, want the damaged table among it", left)
	}
}

// TestProof wants the OSD's checksum to tell right bytes from others.
func TestProof(t *testing.T) {
	t.Parallel()
	s := open(t, config(shared.Get(t), nil))
	b := pattern(1, 1<<20)
	info := put(t, s, "key", b)
	oid := "gelato.data." + cephrados.ID(info.ETag) + ".0"
	if err := cephrados.Prove(s, oid, b); err != nil {
		t.Errorf("Prove of what was put: %v", err)
	}
	if err := cephrados.Pool(s).Write(oid, []byte{b[99] ^ 1}, 99); err != nil {
		t.Fatal(err)
	}
	if err := cephrados.Prove(s, oid, b); err == nil {
		t.Error("Prove of other bytes succeeds")
	}
}

// TestETagIsNoMD5 sees to it that nobody takes an ETag for the MD5 of the bytes, which it is not: a sync with a store whose ETags are would never end.
func TestETagIsNoMD5(t *testing.T) {
	t.Parallel()
	s := open(t, config(shared.Get(t), nil))
	b := []byte("bytes")
	info := put(t, s, "key", b)
	sum := md5.Sum(b)
	there := overwrite.Version{Size: info.Size, Modified: info.ModTime.Add(time.Hour), ETag: hex.EncodeToString(sum[:])}
	if same, _ := overwrite.Same(overwrite.Version{Size: info.Size, Modified: info.ModTime, ETag: info.ETag}, there); !same {
		t.Errorf("the object with the ETag %s differs from a later one with the MD5 %s", info.ETag, there.ETag)
	}
}

// TestManyParts completes an upload of more parts than one page of rows has, and reads across them.
func TestManyParts(t *testing.T) {
	t.Parallel()
	s := open(t, config(shared.Get(t), nil))
	const parts, size = 1100, 999
	b := pattern(1, parts*size)
	id, err := s.CreateUpload(t.Context(), "parts", adapters.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	stored := make([]adapters.Part, parts)
	var g errgroup.Group
	g.SetLimit(16)
	for i := range parts {
		g.Go(func() (err error) {
			stored[i], err = s.PutPart(t.Context(), "parts", id, i*9+1, bytes.NewReader(b[i*size:(i+1)*size]), size, adapters.Sums{})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CompleteUpload(t.Context(), "parts", id, stored, adapters.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	wantObject(t, s, "parts", b)
	for _, r := range []adapters.Range{{Offset: 998, Length: 1}, {Offset: 998, Length: 3}, {Offset: 999, Length: 999}, {Offset: 1_000_000, Length: 50_000}, {Offset: parts*size - 1}} {
		end := int64(len(b))
		if r.Length > 0 {
			end = r.Offset + r.Length
		}
		if got, err := get(t.Context(), s, "parts", r); err != nil || !bytes.Equal(got, b[r.Offset:end]) {
			t.Errorf("Get %+v: %d bytes, %v, want %d", r, len(got), err, end-r.Offset)
		}
	}
	wantNothingLeft(t, s, cephrados.GraceTime)
	if err := s.Delete(t.Context(), "parts", ""); err != nil {
		t.Fatal(err)
	}
	wantNothingLeft(t, s, 2*cephrados.GraceTime)
}

// TestPartsRaced stores one part again and again while the upload is completed and aborted: whatever wins, nothing leaks and nothing is torn.
func TestPartsRaced(t *testing.T) {
	t.Parallel()
	s := open(t, config(shared.Get(t), map[string]string{"indexShards": "1"}))
	for round := range 12 {
		key := fmt.Sprintf("raced/%d", round)
		id, err := s.CreateUpload(t.Context(), key, adapters.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		first, err := s.PutPart(t.Context(), key, id, 1, bytes.NewReader(pattern(1, 1000)), -1, adapters.Sums{})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				_, err := s.PutPart(t.Context(), key, id, 1+i%2, bytes.NewReader(pattern(2, 1000)), -1, adapters.Sums{})
				if err != nil && !errs.Is(err, errs.NotFound) {
					t.Errorf("PutPart: %v", err)
				}
			})
		}
		wg.Go(func() {
			if round%2 == 0 {
				if err := s.AbortUpload(t.Context(), key, id); err != nil {
					t.Errorf("AbortUpload: %v", err)
				}
				return
			}
			_, err := s.CompleteUpload(t.Context(), key, id, []adapters.Part{first}, adapters.PutOptions{})
			if err != nil && !errs.Is(err, errs.FailedPrecondition) {
				t.Errorf("CompleteUpload: %v", err)
			}
			if err == nil {
				wantObject(t, s, key, pattern(1, 1000))
			}
		})
		wg.Wait()
		if err := s.AbortUpload(t.Context(), key, id); err != nil {
			t.Errorf("AbortUpload: %v", err)
		}
	}
	wantNothingLeft(t, s, cephrados.GraceTime)
}

// TestManyAtOnce has more calls than memory and threads are for, with bodies of unknown size.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	s := open(t, config(shared.Get(t), nil))
	b := pattern(1, 5<<20)
	var g errgroup.Group
	for i := range 60 {
		g.Go(func() error {
			key := fmt.Sprintf("many/%d/%s", i, rand.Text())
			if _, err := s.Put(t.Context(), key, struct{ *bytes.Buffer }{bytes.NewBuffer(b)}, -1, adapters.PutOptions{}); err != nil {
				return err
			}
			got, err := get(t.Context(), s, key, adapters.Range{})
			if err == nil && !bytes.Equal(got, b) {
				err = fmt.Errorf("%q has other bytes", key)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	if used := cephrados.BuffersUsed(s); used != 0 {
		t.Errorf("%d bytes of buffers are not given back", used)
	}
}

// TestUnproven wants the OSD asked only where a proof is wanted, and an upload with a part that was not proven to have no proof, also when it is completed again.
func TestUnproven(t *testing.T) {
	t.Parallel()
	s := open(t, config(shared.Get(t), nil))
	b := pattern(1, 1<<20)
	for _, unproven := range []bool{false, true} {
		info, err := s.Put(t.Context(), "key", bytes.NewReader(b), int64(len(b)), adapters.PutOptions{Unproven: unproven})
		if err != nil || info.Verified == unproven || (info.CRC64 == nil) != unproven {
			t.Errorf("Put, unproven %v = verified %v, CRC64 %v, %v", unproven, info.Verified, info.CRC64, err)
		}
		wantObject(t, s, "key", b)
	}
	id, err := s.CreateUpload(t.Context(), "parts", adapters.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var parts []adapters.Part
	for n := 1; n <= 2; n++ {
		p, err := s.PutPart(t.Context(), "parts", id, n, bytes.NewReader(b), int64(len(b)), adapters.Sums{Unproven: n == 2})
		if err != nil || p.Verified != (n == 1) {
			t.Fatalf("PutPart %d = verified %v, %v, want the first one verified", n, p.Verified, err)
		}
		parts = append(parts, p)
	}
	for range 2 {
		info, err := s.CompleteUpload(t.Context(), "parts", id, parts, adapters.PutOptions{})
		if err != nil || info.Verified || info.CRC64 != nil {
			t.Errorf("CompleteUpload = verified %v by %q, CRC64 %v, %v, want no proof", info.Verified, info.Proof, info.CRC64, err)
		}
	}
	wantObject(t, s, "parts", slices.Concat(b, b))
}
