package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/docstoretest"
	"github.com/opensds/gelato/internal/errs"
)

func TestMemoryTwin(t *testing.T) {
	t.Parallel()
	docstoretest.Run(t, docstoretest.Harness{Open: func(*testing.T) docstore.Store { return newMemDocs() }})
}

func TestPutGetDelete(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		b := w.bucket("b")
		key := "dir/\x02ü key"
		first := w.mustPut(b, key, "one")
		got, err := w.Get(t.Context(), b, key, "")
		if err != nil {
			t.Fatal(err)
		}
		first.Modified, got.Modified = time.Time{}, time.Time{}
		if fmt.Sprintf("%+v", *got.CRC64) != fmt.Sprintf("%+v", *first.CRC64) {
			t.Errorf("CRC64 %v, want %v", *got.CRC64, *first.CRC64)
		}
		first.CRC64, got.CRC64 = nil, nil
		if g, want := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", first); g != want {
			t.Errorf("got  %s\nwant %s", g, want)
		}
		if got.Rev == "" || got.Version != got.Rev {
			t.Errorf("revision %q, version %q", got.Rev, got.Version)
		}
		second := w.mustPut(b, key, "two")
		if text, err := w.read(b, key); text != "two" || err != nil {
			t.Errorf("read %q, %v", text, err)
		}
		if second.Rev <= got.Rev {
			t.Errorf("revision %s after %s", second.Rev, got.Rev)
		}
		usage, asOf := w.usage(b)
		if len(usage) != 0 || !asOf.IsZero() {
			t.Errorf("usage %v as of %v before any pass", usage, asOf)
		}
		w.quiesce()
		w.wantClean(1)
		if usage, asOf := w.usage(b); len(usage) != 1 || usage[0] != (Usage{"a", 1, 3}) || asOf.IsZero() {
			t.Errorf("usage %v as of %v", usage, asOf)
		}
		if d, err := w.Delete(t.Context(), b, key, "", Condition{}); !d.Existed || err != nil {
			t.Errorf("delete: %v, %v", d.Existed, err)
		}
		if d, err := w.Delete(t.Context(), b, key, "", Condition{}); d.Existed || err != nil {
			t.Errorf("second delete: %v, %v", d.Existed, err)
		}
		_, err = w.Get(t.Context(), b, key, "")
		wantReason(t, err, errs.NotFound, "NoSuchKey")
		w.quiesce()
		w.wantClean(0)
		if usage, _ := w.usage(b); len(usage) != 0 {
			t.Errorf("usage %v of an empty bucket", usage)
		}
	})
}

func (w *world) usage(b Bucket) ([]Usage, time.Time) {
	w.t.Helper()
	list, asOf, err := w.Usage(w.t.Context(), []string{b.ID})
	if err != nil {
		w.t.Fatal(err)
	}
	return list[0], asOf
}

func TestConditions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		b := w.bucket("b")
		_, err := w.put(b, "k", "x", Condition{IfETag: "e"})
		wantReason(t, err, errs.NotFound, "NoSuchKey")
		o, err := w.put(b, "k", "x", Condition{IfAbsent: true})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.put(b, "k", "y", Condition{IfAbsent: true})
		wantReason(t, err, errs.FailedPrecondition, "PreconditionFailed")
		_, err = w.put(b, "k", "y", Condition{IfETag: "other"})
		wantReason(t, err, errs.FailedPrecondition, "PreconditionFailed")
		_, err = w.put(b, "k", "y", Condition{IfRev: "0"})
		wantReason(t, err, errs.FailedPrecondition, "PreconditionFailed")
		if _, err = w.put(b, "k", "y", Condition{IfETag: o.ETag, IfRev: o.Rev}); err != nil {
			t.Error(err)
		}
		_, err = w.Delete(t.Context(), b, "k", "", Condition{IfETag: o.ETag})
		wantReason(t, err, errs.FailedPrecondition, "PreconditionFailed")
		_, err = w.Delete(t.Context(), b, "none", "", Condition{IfETag: "e"})
		wantReason(t, err, errs.NotFound, "NoSuchKey")
		w.quiesce()
		w.wantClean(1)
	})
}

// A writer whose head moved on meanwhile starts again from the new head, and one whose note was closed may not.
func TestRebaseAndFence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		b := w.bucket("b")
		slow, so := w.begin(b, "k", "slow")
		w.mustPut(b, "k", "fast")
		if _, err := w.Commit(t.Context(), slow, so, nil, Condition{}); err != nil {
			t.Fatal(err)
		}
		if text, _ := w.read(b, "k"); text != "slow" {
			t.Errorf("read %q", text)
		}
		for _, key := range []string{"k", "new"} {
			late, lo := w.begin(b, key, "late")
			<-late.ready
			late.ch.until = time.Time{} // a writer that does not look at its clock
			w.quiesce()
			_, err := w.Commit(t.Context(), late, lo, nil, Condition{})
			wantReason(t, err, errs.Unavailable, "WriteExpired")
			w.Abandon(t.Context(), late)
		}
		renewed, ro := w.begin(b, "k", "renewed")
		for range 5 {
			time.Sleep(w.opt.TTL / 2)
			if err := w.Renew(t.Context(), renewed); err != nil {
				t.Fatal(err)
			}
			if err := w.sweep(t.Context(), shardOf(b.ID, "k")); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Commit(t.Context(), renewed, ro, nil, Condition{}); err != nil {
			t.Error(err)
		}
		w.quiesce()
		w.wantClean(1)
	})
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		b := w.bucket("b")
		_, err := w.CreateBucket(t.Context(), Bucket{Name: "b", Owner: "u"}, nil)
		wantReason(t, err, errs.AlreadyExists, "BucketAlreadyOwnedByYou")
		_, err = w.CreateBucket(t.Context(), Bucket{Name: "b", Owner: "v"}, nil)
		wantReason(t, err, errs.AlreadyExists, "BucketAlreadyExists")
		w.mustPut(b, "k", "x")
		wantReason(t, w.DeleteBucket(t.Context(), "b"), errs.FailedPrecondition, "BucketNotEmpty")
		if _, err := w.Delete(t.Context(), b, "k", "", Condition{}); err != nil {
			t.Fatal(err)
		}
		late, o := w.begin(b, "late", "x")
		<-late.ready
		if err := w.DeleteBucket(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		_, err = w.Commit(t.Context(), late, o, nil, Condition{})
		wantReason(t, err, errs.NotFound, "NoSuchBucket")
		w.Abandon(t.Context(), late)
		_, err = w.Bucket(t.Context(), "b")
		wantReason(t, err, errs.NotFound, "NoSuchBucket")
		again := w.bucket("b")
		if again.ID == b.ID {
			t.Error("two incarnations share an id")
		}
		w.bucket("c")
		list, more, err := w.Buckets(t.Context(), "u", "b", 1)
		if err != nil || more || len(list) != 1 || list[0].Name != "c" {
			t.Errorf("buckets after b: %v %v %v", list, more, err)
		}
		placed, err := w.SetPlacement(t.Context(), "b", "b")
		if err != nil || placed.BackendID != "b" {
			t.Errorf("placement: %v, %v", placed, err)
		}
		if got, _ := w.Bucket(t.Context(), "b"); got.BackendID != "b" {
			t.Errorf("bucket shows placement %q", got.BackendID)
		}
		w.quiesce()
		w.wantClean(0)
	})
}

func TestList(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	b := w.bucket("b")
	keys := []string{"a", "a/", "a/1", "a/2", "a//x", "b/1", "c", "d/e/f", "ü/1", "ü/2", "z"}
	for _, k := range keys {
		w.mustPut(b, k, k)
	}
	w.mustPut(b, "c0", "x")
	if _, err := w.Delete(t.Context(), b, "c0", "", Condition{}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	for _, prefix := range []string{"", "a", "a/", "ü", "none"} {
		for _, delimiter := range []string{"", "/", "//"} {
			for limit := 1; limit <= 12; limit++ {
				want := model(keys, prefix, delimiter)
				var got []string
				after := ""
				for {
					p, err := w.List(t.Context(), Listing{Bucket: b, Prefix: prefix, Delimiter: delimiter, After: after, Limit: limit})
					if err != nil {
						t.Fatal(err)
					}
					var page []string
					for _, o := range p.Objects {
						page = append(page, o.Key)
					}
					page = append(page, p.CommonPrefixes...)
					slices.Sort(page)
					got = append(got, page...)
					if len(page) > limit || p.More && len(page) != limit {
						t.Errorf("%q %q %d: page %q, more %v", prefix, delimiter, limit, page, p.More)
					}
					if !p.More {
						break
					}
					after = p.Next
				}
				if !slices.Equal(got, want) {
					t.Errorf("prefix %q delimiter %q limit %d: got %q, want %q", prefix, delimiter, limit, got, want)
				}
			}
		}
	}
}

func model(keys []string, prefix, delimiter string) []string {
	var out []string
	for _, k := range keys {
		if !strings.HasPrefix(k, prefix) {
			continue
		}
		if i := strings.Index(k[len(prefix):], delimiter); delimiter != "" && i >= 0 {
			k = k[:len(prefix)+i+len(delimiter)]
		}
		if !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{GarbageGrace: 5 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		b := w.bucket("b")
		w.mustPut(b, "k", "one")
		w.mustPut(b, "k", "two")
		time.Sleep(15 * time.Second)
		if n := w.a.len(); n != 1 {
			t.Errorf("%d native objects 15 s after an overwrite, want 1", n)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// To amend an object changes nothing of its bytes: neither usage nor garbage tells of it.
func TestAmend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		ctx := t.Context()
		b := w.bucket("b")
		before := w.mustPut(b, "k", "bytes")
		tag := func(v string) func(*Object) error {
			return func(o *Object) error {
				o.Tags = map[string]string{"t": v}
				return nil
			}
		}
		for range 3 {
			if _, err := w.Amend(ctx, b, "k", "", tag("x")); err != nil {
				t.Fatal(err)
			}
		}
		o, err := w.Amend(ctx, b, "k", NullVersion, tag("y"))
		if err != nil || o.Tags["t"] != "y" || o.Version != before.Version || o.Rev == before.Rev || o.Location != before.Location {
			t.Errorf("got %+v and %v", o, err)
		}
		refused := errors.New("refused")
		if _, err := w.Amend(ctx, b, "k", "", func(*Object) error { return refused }); err != refused {
			t.Errorf("got %v, want the error of alter", err)
		}
		for version, want := range map[string]string{"": "NoSuchKey", NullVersion: "NoSuchVersion"} {
			if _, err := w.Amend(ctx, b, "absent", version, tag("z")); errs.ReasonOf(err) != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		w.quiesce()
		w.wantClean(1)
		if got, err := w.read(b, "k"); got != "bytes" || err != nil {
			t.Errorf("got %q and %v", got, err)
		}
		if usage, _ := w.usage(b); len(usage) != 1 || usage[0] != (Usage{"a", 1, 5}) {
			t.Errorf("usage %v", usage)
		}
	})
}
