package catalog

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/docstoretest"
	"github.com/opensds/gelato/internal/errs"
)

// Several processes on one state, which may be away.

// member adds a process to a world, on docs.
func (w *world) member(docs docstore.Store) *world {
	w.t.Helper()
	c, err := New(docs, memStores{"a": w.a, "b": w.b}, blob.TagOf("test"), w.opt)
	if err != nil {
		w.t.Fatal(err)
	}
	return &world{Catalog: c, t: w.t, docs: w.docs, a: w.a, b: w.b}
}

func TestWritesOutliveAnOutage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		outage func(f *docstoretest.Faulty, on bool)
	}{
		{"killed", (*docstoretest.Faulty).Away},
		{"stopped", (*docstoretest.Faulty).Stop},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, Options{})
				docs := docstoretest.NewFaulty(w.docs, docstoretest.Faults{})
				m := w.member(docs)
				b := w.bucket("b")
				renewed, o := m.begin(b, "renewed", "x")
				idle, p := m.begin(b, "idle", "y")
				lost, q := m.begin(b, "lost", "z")
				synctest.Wait()
				c.outage(docs, true)
				for range 12 { // a minute
					time.Sleep(4 * time.Second)
					err := func() error {
						ctx, cancel := context.WithTimeout(t.Context(), time.Second)
						defer cancel()
						return m.Renew(ctx, renewed)
					}()
					if !errs.Retryable(err) || errs.ReasonOf(err) == Expired {
						t.Fatalf("renewing while the state is away: %v", err)
					}
					time.Sleep(time.Second)
				}
				c.outage(docs, false)
				docs.Wait()
				if err := m.Renew(t.Context(), renewed); err != nil {
					t.Errorf("renewing after the outage: %v", err)
				}
				if _, err := m.Commit(t.Context(), idle, p, nil, Condition{}); err != nil {
					t.Errorf("a write that nobody gave up: %v", err)
				}
				time.Sleep(20 * time.Second)
				for shard := range shards { // another process gives up what is out of touch
					if err := w.sweep(t.Context(), shard); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := m.Commit(t.Context(), renewed, o, nil, Condition{}); err != nil {
					t.Errorf("a write that was renewed: %v", err)
				}
				_, err := m.Commit(t.Context(), lost, q, nil, Condition{})
				wantReason(t, err, errs.Unavailable, Expired)
				m.Abandon(t.Context(), lost)
				w.quiesce()
				w.wantClean(2)
			})
		})
	}
}

func TestNothingIsPlacedByAnOldBucket(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		other := w.member(w.docs)
		w.bucket("b")
		old, err := other.Bucket(t.Context(), "b")
		if err != nil {
			t.Fatal(err)
		}
		pending := func(writes, uploads int64) {
			t.Helper()
			if gotW, gotU, err := w.PendingWrites(t.Context(), old, "b"); err != nil || gotW != writes || gotU != uploads {
				t.Errorf("pending are %d writes, %d uploads, %v; want %d and %d", gotW, gotU, err, writes, uploads)
			}
		}
		before, o := other.begin(old, "before", "x")
		u, err := other.CreateUpload(t.Context(), Upload{Bucket: old, Key: "upload"})
		if err != nil {
			t.Fatal(err)
		}
		// The other process stands still now; its bucket gets old in its hands.
		start := time.Now()
		if _, err := w.SetPlacement(t.Context(), "b", "b"); err != nil || time.Since(start) < cacheTTL {
			t.Fatalf("%v, after %v", err, time.Since(start))
		}
		pending(1, 1)
		start = time.Now()
		if _, err := w.SetPlacement(t.Context(), "b", "b"); err != nil || time.Since(start) < cacheTTL { // the first answer was lost
			t.Errorf("asked again: %v, after %v", err, time.Since(start))
		}
		time.Sleep(time.Second)
		late, err := other.Begin(t.Context(), old, "late", "", 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := late.Stored(t.Context()); !errs.Is(err, errs.Unavailable) {
			t.Errorf("a write with the placement of before: got %v, want Unavailable", err)
		}
		other.Abandon(t.Context(), late)
		if g := other.BeginMany(t.Context(), []Intent{{Bucket: old, Key: "many", Size: 1}})[0]; !errs.Is(g.Err, errs.Unavailable) {
			t.Errorf("a batch with the placement of before: got %v, want Unavailable", g.Err)
		}
		if g := other.BeginMany(t.Context(), []Intent{{Bucket: old, Key: "meant", BackendID: "a", Size: 1}})[0]; g.Err != nil {
			t.Errorf("a write to a backend that was named: %v", g.Err)
		} else {
			other.AbandonMany(t.Context(), []string{g.WriteID})
		}
		if !late.Moved() || before.Moved() {
			t.Errorf("the late write has moved: %v, the one before: %v; want true and false", late.Moved(), before.Moved())
		}
		if moved, err := other.CreateUpload(t.Context(), Upload{Bucket: old, Key: "moved"}); err != nil || moved.Location.BackendID != "b" {
			t.Errorf("an upload with the placement of before: got one at %q, %v, want one where the bucket moved to", moved.Location.BackendID, err)
		}
		if _, err := other.CreateUpload(t.Context(), Upload{Bucket: old, Key: "upload", StorageClass: "COLD"}); errs.ReasonOf(err) != "InvalidStorageClass" {
			t.Errorf("an upload with a storage class of the backend of before: got %v, want InvalidStorageClass", err)
		}
		pending(1, 1)
		if _, err := other.Commit(t.Context(), before, o, nil, Condition{}); err != nil {
			t.Fatal(err)
		}
		pending(0, 1)
		part := other.part(u, 1, "hello")
		if _, err := other.CompleteUpload(t.Context(), old, "upload", u.ID, []CompletedPart{part}, nil, Condition{}); err != nil {
			t.Fatal(err)
		}
		pending(0, 0)
		if fresh, err := other.Bucket(t.Context(), "b"); err != nil || fresh.BackendID != "b" {
			t.Errorf("the bucket is %+v, %v", fresh, err)
		}
	})
}

// A write that is not counted as pending any more is never committed, however wrong the clock of the one who counts.
func TestUncountedWritesStayOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{fault: fault{noDeadline: true}})
		b := w.bucket("b")
		w.mustPut(b, "there", "1")
		var writes []*Write
		var objects []Object
		for _, key := range []string{"there", "new"} {
			wr, o := w.begin(b, key, "late")
			writes, objects = append(writes, wr), append(objects, o)
		}
		synctest.Wait()
		fast := w.member(w.docs)
		fast.opt.Skew = -w.opt.TTL - 2*time.Second // its clock runs ahead
		if n, _, err := fast.PendingWrites(t.Context(), b, "b"); err != nil || n != 0 {
			t.Fatalf("got %d, %v, want 0", n, err)
		}
		for i, wr := range writes {
			_, err := w.Commit(t.Context(), wr, objects[i], nil, Condition{})
			wantReason(t, err, errs.Unavailable, Expired)
			w.Abandon(t.Context(), wr)
		}
		w.quiesce()
		w.wantClean(1)
	})
}

// An upload is begun with one process, gets its parts through another, and is completed by a third, twice.
func TestUploadsAreEveryMembers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		b := w.bucket("b")
		second, third := w.member(w.docs), w.member(w.docs)
		u, err := w.CreateUpload(t.Context(), Upload{Bucket: b, Key: "k"})
		if err != nil {
			t.Fatal(err)
		}
		seen, err := second.Upload(t.Context(), b, "k", u.ID)
		if err != nil {
			t.Fatal(err)
		}
		list := []CompletedPart{w.part(u, 1, "hello "), second.part(seen, 2, "world")}
		var etag string
		for _, m := range []*world{third, w} {
			o, err := m.CompleteUpload(t.Context(), b, "k", u.ID, list, nil, Condition{})
			if err != nil || etag != "" && o.ETag != etag {
				t.Fatalf("%+v, %v", o, err)
			}
			etag = o.ETag
		}
		if got, err := second.read(b, "k"); got != "hello world" {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// Conditions hold across processes: of many that want to be first, one is.
func TestConditionsHoldAcrossMembers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		b := w.bucket("b")
		won := make(chan bool)
		for range 8 {
			m := w.member(w.docs)
			wr, o := m.begin(b, "k", "x")
			go func() {
				_, err := m.Commit(t.Context(), wr, o, nil, Condition{IfAbsent: true})
				if err != nil && errs.ReasonOf(err) != "PreconditionFailed" {
					t.Error(err)
				}
				if err != nil {
					m.Abandon(t.Context(), wr)
				}
				won <- err == nil
			}()
		}
		winners := 0
		for range 8 {
			if <-won {
				winners++
			}
		}
		if winners != 1 {
			t.Errorf("%d writers were the first", winners)
		}
		w.quiesce()
		w.wantClean(1)
	})
}

// Two processes read the journal at once, while both write: usage is exact and nothing is deleted that is in use.
func TestMembersReadTheJournalAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{GarbageGrace: time.Minute, SweepInterval: time.Second})
		b := w.bucket("b")
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		ended := make(chan error)
		members := []*world{w.member(w.docs), w.member(w.docs)}
		for _, m := range members {
			go func() { ended <- m.Run(ctx) }()
		}
		for i := range 200 {
			members[i%2].mustPut(b, string(rune('a'+i%7)), strings.Repeat("x", i))
			time.Sleep(300 * time.Millisecond)
		}
		<-ended
		<-ended
		usage, _, err := w.Usage(t.Context(), []string{b.ID})
		if err != nil || len(usage[0]) != 1 || usage[0][0].Objects != 7 || usage[0][0].Bytes != 193+194+195+196+197+198+199 {
			t.Errorf("got %+v, %v", usage, err)
		}
		w.wantClean(7)
		for i := range 7 {
			if _, err := w.read(b, string(rune('a'+i))); err != nil {
				t.Error(err)
			}
		}
	})
}
