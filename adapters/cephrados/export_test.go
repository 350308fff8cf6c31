//go:build ceph && cgo

package cephrados

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ceph/go-ceph/rados"
)

// GraceTime and LeaseTime are how long garbage and intents stay.
const (
	GraceTime = graceTime
	LeaseTime = leaseTime
)

// InlineMost is the largest object whose bytes are a row.
const InlineMost = inlineMost

// settle waits for what the store does in the background. Nobody may use it meanwhile, its own sweeper included: a WaitGroup is not to be waited for
// while others begin.
func settle(s *Store) {
	s.stopSweeping()
	s.tasks.Wait()
	s.startSweeping()
}

// Sweep waits for what the store does in the background and then makes a pass, as of a time.
func Sweep(ctx context.Context, s *Store, now time.Time) error {
	s.dropSpares()
	settle(s)
	return s.sweep(ctx, now)
}

// SweepNow makes a pass without waiting for anything.
func (s *Store) SweepNow(ctx context.Context, now time.Time) error { return s.sweep(ctx, now) }

// ID is under which id the object with this ETag was written.
func ID(etag string) string { return strings.TrimPrefix(etag, etagPrefix) }

// Pool is librados below the store.
func Pool(s *Store) *rados.IOContext { return s.io }

// BuffersUsed waits for what the store does in the background and says how much of the budget is used then.
func BuffersUsed(s *Store) int64 {
	settle(s)
	return s.buffers.used.Load()
}

// Prove has the OSD compute the checksum of an object and compares it.
func Prove(s *Store, oid string, b []byte) error {
	sum, err := s.checksum(oid, 0, len(b))
	if err == nil && sum != crc32.Checksum(b, castagnoli) {
		err = errors.New("other bytes")
	}
	return err
}

// Unreferenced lists rows of intents and garbage, and objects in the pool that no entry and no part leads to.
func Unreferenced(t testing.TB, s *Store) []string {
	t.Helper()
	var left []string
	wanted := map[string]bool{rootObject: true}
	inline := map[string]bool{}
	want := func(d data) {
		if d.Parts == 0 {
			for n := range d.objects() {
				wanted[dataObject(d.ID, n)] = true
			}
			return
		}
		wanted[tableObject(d.ID)] = true
		parts, err := s.readTable(t.Context(), d)
		if err != nil {
			t.Errorf("read table: %v", err)
		}
		for _, p := range parts {
			for n := range p.objects() {
				wanted[dataObject(p.ID, n)] = true
			}
		}
	}
	l, err := s.layout(t.Context(), false)
	if err != nil {
		t.Fatalf("layout: %v", err)
	}
	if l == nil {
		return nil
	}
	for n := range l.Shards {
		wanted[shardObject(n)] = true
		for after, more := "", true; more; {
			var rows []row
			if rows, more, err = s.scan(t.Context(), shardObject(n), "", after, scanMost); err != nil {
				t.Fatalf("scan: %v", err)
			}
			for _, r := range rows {
				after = r.key
				switch r.key[:1] {
				case entryRow:
					e, _ := decode[entry](r.value)
					want(e.Data)
					if bytes := bytesRow + r.key[len(entryRow):]; inline[bytes] != e.Data.Inline {
						left = append(left, fmt.Sprintf("%s: there is a row of bytes: %v, want %v", r.key, inline[bytes], e.Data.Inline))
					} else {
						delete(inline, bytes)
					}
				case bytesRow: // before the entries
					inline[r.key] = true
				case partRow:
					p, _ := decode[part](r.value)
					want(p.Data)
				case intentRow, garbageRow:
					left = append(left, r.key)
				}
			}
		}
	}
	left = slices.AppendSeq(left, maps.Keys(inline))
	err = s.io.ListObjects(func(oid string) {
		if !wanted[oid] {
			left = append(left, oid)
		}
		delete(wanted, oid)
	})
	if err != nil {
		t.Fatalf("list objects: %v", err)
	}
	for oid := range wanted {
		if strings.HasPrefix(oid, "gelato.data.") {
			left = append(left, "missing "+oid)
		}
	}
	slices.Sort(left)
	return left
}

// Row reads the row of an object's entry, or, with bytes, the one of its bytes.
func Row(t testing.TB, s *Store, key string, bytes bool) (shard, name string, value []byte) {
	t.Helper()
	at, err := s.find(t.Context(), key, false)
	if err != nil {
		t.Fatal(err)
	}
	name = at.entryKey()
	if bytes {
		name = at.bytesKey()
	}
	rows, err := s.rows(t.Context(), at.shard, name)
	if err != nil {
		t.Fatal(err)
	}
	return at.shard, name, rows[name]
}

// LeaveIntent leaves what a writer does that dies after so many stripes.
func LeaveIntent(t testing.TB, s *Store, stripes int64) {
	t.Helper()
	at, err := s.find(t.Context(), "dead", true)
	if err != nil {
		t.Fatal(err)
	}
	w := s.newWrite(t.Context(), at.shard)
	if err := w.lease(); err != nil {
		t.Fatal(err)
	}
	for n := range stripes {
		if err := s.create(t.Context(), dataObject(w.id, n), make([]byte, s.stripe)); err != nil {
			t.Fatal(err)
		}
	}
}
