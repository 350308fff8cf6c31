//go:build ceph && cgo

package cephrados_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/cephrados"
	"github.com/opensds/gelato/internal/errs"
)

// TestInline stores objects about the limit below which bytes are a row, in every order: each is read back whole and in ranges, listings do not read
// bytes, and nothing stays of what was replaced.
func TestInline(t *testing.T) {
	t.Parallel()
	s := open(t, config(shared.Get(t), map[string]string{"indexShards": "1"}))
	sizes := []int{0, 1, cephrados.InlineMost, cephrados.InlineMost + 1, 100_000}
	for i, from := range sizes {
		for j, to := range sizes {
			key := fmt.Sprintf("key/%d", i)
			put(t, s, key, pattern(1, from))
			b := pattern(2, to)
			info := put(t, s, key, b)
			inline := to > 0 && to <= cephrados.InlineMost
			if info.Verified == inline || (info.CRC64 == nil) != inline || (info.Proof == "") != inline {
				t.Errorf("Put of %d bytes: verified %v by %q, CRC64 %v, want proven what is no row", to, info.Verified, info.Proof, info.CRC64)
			}
			wantObject(t, s, key, b)
			if to > 0 {
				for _, r := range []adapters.Range{{Offset: int64(to - 1)}, {Length: 1}, {Offset: int64(to / 2), Length: 1 << 20}} {
					end := int64(to)
					if r.Length > 0 {
						end = min(end, r.Offset+r.Length)
					}
					if got, err := get(t.Context(), s, key, r); err != nil || !bytes.Equal(got, b[r.Offset:end]) {
						t.Errorf("Get %+v of %d bytes: %d bytes, %v, want %d", r, to, len(got), err, end-r.Offset)
					}
				}
			}
			if _, _, row := cephrados.Row(t, s, key, true); inline != (row != nil) || inline && !bytes.Equal(row, b) {
				t.Errorf("%d bytes after %d: a row of %d bytes", to, from, len(row))
			}
			if _, _, entry := cephrados.Row(t, s, key, false); len(entry) > 1000 {
				t.Errorf("%d bytes: an entry of %d, want it small, as listings read it", to, len(entry))
			}
			if j%2 == 0 {
				if err := s.Delete(t.Context(), key, info.ETag); err != nil {
					t.Errorf("Delete of %d bytes: %v", to, err)
				}
			}
		}
	}
	wantNothingLeft(t, s, 2*cephrados.GraceTime)
}

// TestInlineDamage changes rows behind the store's back: readers of the whole and of ranges hear of it.
func TestInlineDamage(t *testing.T) {
	t.Parallel()
	s := open(t, config(shared.Get(t), nil))
	b := pattern(1, 4096)
	for _, tt := range []struct {
		name   string
		damage func(shard, row string) error
	}{
		{"one bit", func(shard, row string) error {
			bad := bytes.Clone(b)
			bad[99] ^= 1
			return cephrados.Pool(s).SetOmap(shard, map[string][]byte{row: bad})
		}},
		{"cut", func(shard, row string) error {
			return cephrados.Pool(s).SetOmap(shard, map[string][]byte{row: b[:100]})
		}},
		{"gone", func(shard, row string) error { return cephrados.Pool(s).RmOmapKeys(shard, []string{row}) }},
	} {
		put(t, s, tt.name, b)
		shard, row, _ := cephrados.Row(t, s, tt.name, true)
		if err := tt.damage(shard, row); err != nil {
			t.Fatal(err)
		}
		for _, r := range []adapters.Range{{}, {Offset: 10, Length: 10}} {
			if _, err := get(t.Context(), s, tt.name, r); !errs.Is(err, errs.DataLoss) {
				t.Errorf("Get %+v of a row that is damaged (%s): %v, want %v", r, tt.name, err, errs.DataLoss)
			}
		}
	}
}

// TestInlineRaced has many replace one object by a small one and a large one, and delete it, while others read it: they see one of them, whole.
func TestInlineRaced(t *testing.T) {
	t.Parallel()
	s := open(t, config(shared.Get(t), map[string]string{"stripeSize": "65536"}))
	bodies := [][]byte{pattern(1, 4096), pattern(2, 300_000), pattern(3, 100)}
	var g errgroup.Group
	for i := range 6 {
		g.Go(func() error {
			for n := range 20 {
				b := bodies[(i+n)%len(bodies)]
				if _, err := s.Put(t.Context(), "key", bytes.NewReader(b), int64(len(b)), adapters.PutOptions{}); err != nil {
					return err
				}
				if i == 0 && n%4 == 0 {
					if err := s.Delete(t.Context(), "key", ""); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	for range 3 {
		g.Go(func() error {
			for range 60 {
				got, err := get(t.Context(), s, "key", adapters.Range{})
				if err == nil && !slices.ContainsFunc(bodies, func(b []byte) bool { return bytes.Equal(b, got) }) {
					return fmt.Errorf("%d bytes that nobody put", len(got))
				}
				if err != nil && !errs.Is(err, errs.NotFound) {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, s, 2*cephrados.GraceTime)
}

// childFlips replaces a small object by a large one and back, for ever.
func childFlips(ctx context.Context, s *cephrados.Store) error {
	for n := 0; ; n++ {
		b := flip(n)
		if _, err := s.Put(ctx, "key", bytes.NewReader(b), int64(len(b)), adapters.PutOptions{}); err != nil {
			return err
		}
		fmt.Println("flipped")
	}
}

func flip(n int) []byte { return pattern(byte(4+n%2), []int{4096, 300_000}[n%2]) }

// TestInlineKilled kills a process that replaces a small object by a large one and back: one of them is there, whole, and nothing else once intents have run out.
func TestInlineKilled(t *testing.T) {
	t.Parallel()
	conf := config(shared.Get(t), map[string]string{"stripeSize": "65536"})
	s := open(t, conf)
	for round := range 5 {
		cmd := child(t, "flip", conf)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 5+round && lines.Scan(); n++ {
			if !strings.HasPrefix(lines.Text(), "flipped") {
				t.Fatalf("the child says %q", lines.Text())
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		got, err := get(t.Context(), s, "key", adapters.Range{})
		if err != nil || !bytes.Equal(got, flip(0)) && !bytes.Equal(got, flip(1)) {
			t.Errorf("Get: %d bytes, %v, want one of those that were put", len(got), err)
		}
		wantNothingLeft(t, s, cephrados.LeaseTime+2*time.Minute)
	}
}

// TestFirstFormat uses a namespace that was made before bytes could be rows: none become some.
func TestFirstFormat(t *testing.T) {
	t.Parallel()
	conf := config(shared.Get(t), nil)
	first := open(t, conf)
	for _, oid := range []string{"gelato.index.0", "gelato.root"} {
		if err := cephrados.Pool(first).WriteFull(oid, []byte(`{"format":1,"indexShards":1}`)); err != nil { // a shard may have bytes, nobody looks
			t.Fatal(err)
		}
	}
	s := open(t, conf)
	b := pattern(1, 100)
	info := put(t, s, "key", b)
	if !info.Verified {
		t.Error("Put is not verified")
	}
	wantObject(t, s, "key", b)
	if _, _, row := cephrados.Row(t, s, "key", true); row != nil {
		t.Errorf("there is a row of %d bytes", len(row))
	}
	if err := s.Delete(t.Context(), "key", ""); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, s, 2*cephrados.GraceTime)
}
