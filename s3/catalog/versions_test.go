package catalog

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// versioned is a bucket whose versioning is in a state.
func (w *world) versioned(name, state string) Bucket {
	w.t.Helper()
	w.bucket(name)
	b, err := w.SetVersioning(w.t.Context(), Bucket{Name: name}, state)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// versions lists a bucket as "key id" with "-" before the id of a delete marker.
func (w *world) versions(b Bucket) []string {
	w.t.Helper()
	p, err := w.ListVersions(w.t.Context(), VersionListing{Bucket: b, Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	var list []string
	for i, o := range p.Versions {
		id := o.VersionID
		if id == "" {
			id = NullVersion
		}
		if o.DeleteMarker {
			id = "-" + id
		}
		list = append(list, o.Key+" "+id)
		if first := i == 0 || p.Versions[i-1].Key != o.Key; o.Latest != first {
			w.t.Errorf("%s: latest %v", list[i], o.Latest)
		}
	}
	return list
}

func (w *world) wantVersions(b Bucket, want ...string) {
	w.t.Helper()
	if got := w.versions(b); !slices.Equal(got, want) {
		w.t.Errorf("versions %q, want %q", got, want)
	}
}

func (w *world) drop(b Bucket, key, id string, cond Condition) Deleted {
	w.t.Helper()
	d, err := w.Delete(w.t.Context(), b, key, id, cond)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func TestVersions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		b := w.versioned("b", Enabled)
		one, two := w.mustPut(b, "k", "1"), w.mustPut(b, "k", "22")
		marker := w.drop(b, "k", "", Condition{})
		three := w.mustPut(b, "k", "333")
		w.wantVersions(b, "k "+three.VersionID, "k -"+marker.VersionID, "k "+two.VersionID, "k "+one.VersionID)
		w.quiesce()
		if usage, _ := w.usage(b); len(usage) != 1 || usage[0] != (Usage{"a", 3, 6}) {
			t.Errorf("usage %v", usage)
		}
		wantReason(t, w.DeleteBucket(t.Context(), "b"), errs.FailedPrecondition, "BucketNotEmpty")
		for _, o := range []Object{one, two, three} {
			got, err := w.Get(t.Context(), b, "k", o.VersionID)
			if err != nil || got.ETag != o.ETag || got.Version != o.Version {
				t.Errorf("got %+v, %v, want %+v", got, err, o)
			}
		}
		_, err := w.Get(t.Context(), b, "k", marker.VersionID)
		wantReason(t, err, errs.FailedPrecondition, "MethodNotAllowed")

		// What is deleted from the middle and from the top leaves the rest as it was.
		if d := w.drop(b, "k", two.VersionID, Condition{}); !d.Existed || d.Marker {
			t.Errorf("deleted %+v", d)
		}
		w.wantVersions(b, "k "+three.VersionID, "k -"+marker.VersionID, "k "+one.VersionID)
		w.drop(b, "k", three.VersionID, Condition{})
		_, err = w.Get(t.Context(), b, "k", "")
		wantReason(t, err, errs.NotFound, "NoSuchKey")
		if d := w.drop(b, "k", marker.VersionID, Condition{}); !d.Existed || !d.Marker {
			t.Errorf("deleted %+v", d)
		}
		if o, err := w.Get(t.Context(), b, "k", ""); err != nil || o.VersionID != one.VersionID || !o.Latest {
			t.Errorf("got %+v, %v", o, err)
		}
		if d := w.drop(b, "k", two.VersionID, Condition{}); d.Existed {
			t.Errorf("deleted twice: %+v", d)
		}
		w.drop(b, "k", one.VersionID, Condition{})
		w.wantVersions(b)
		w.quiesce()
		w.wantClean(0)
		if n := w.count(collVersions); n != 0 {
			t.Errorf("%d documents of versions are left", n)
		}
		if err := w.DeleteBucket(t.Context(), "b"); err != nil {
			t.Error(err)
		}
	})
}

func TestNullVersions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		b := w.bucket("b")
		w.mustPut(b, "k", "before")
		b, err := w.SetVersioning(t.Context(), Bucket{Name: "b"}, Enabled)
		if err != nil {
			t.Fatal(err)
		}
		one := w.mustPut(b, "k", "one")
		two := w.mustPut(b, "k", "two")
		w.wantVersions(b, "k "+two.VersionID, "k "+one.VersionID, "k null")
		if b, err = w.SetVersioning(t.Context(), Bucket{Name: "b"}, Suspended); err != nil {
			t.Fatal(err)
		}
		// A null version replaces the one that was, from wherever it lies.
		w.mustPut(b, "k", "null")
		w.wantVersions(b, "k null", "k "+two.VersionID, "k "+one.VersionID)
		w.mustPut(b, "k", "null again")
		w.wantVersions(b, "k null", "k "+two.VersionID, "k "+one.VersionID)
		w.drop(b, "k", "", Condition{})
		w.wantVersions(b, "k -null", "k "+two.VersionID, "k "+one.VersionID)
		w.mustPut(b, "k", "null for good")
		w.drop(b, "k", two.VersionID, Condition{})
		w.wantVersions(b, "k null", "k "+one.VersionID)
		w.quiesce()
		if usage, _ := w.usage(b); len(usage) != 1 || usage[0] != (Usage{"a", 2, 16}) {
			t.Errorf("usage %v", usage)
		}
		if len(w.a.objects) != 2 {
			t.Errorf("%d blobs, want 2", len(w.a.objects))
		}
		w.drop(b, "k", NullVersion, Condition{})
		if text, err := w.read(b, "k"); text != "one" || err != nil {
			t.Errorf("read %q, %v", text, err)
		}
	})
}

func TestVersionsBelow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		w := newWorld(t, Options{})
		b := w.versioned("b", Enabled)
		one := w.mustPut(b, "k", "one")
		w.mustPut(b, "k", "two")
		w.mustPut(b, "k", "three")

		// One that is not the current one is amended, and its bytes move.
		tagged, err := w.Amend(ctx, b, "k", one.VersionID, func(o *Object) error {
			o.Tags = map[string]string{"a": "b"}
			return nil
		})
		if err != nil || tagged.VersionID != one.VersionID || tagged.Rev == one.Rev {
			t.Errorf("amended %+v, %v", tagged, err)
		}
		g := w.BeginMany(ctx, []Intent{{Bucket: b, Key: "k", BackendID: "b", Size: 3}})[0]
		info, err := w.b.Put(ctx, g.Location.NativeKey, strings.NewReader("one"), -1, adapters.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		g.Location.NativeETag = info.ETag
		item := CommitItem{WriteID: g.WriteID, Location: g.Location, Relocate: &Relocate{Version: one.Version, From: one.Location, CRC64: *one.CRC64}}
		res := w.CommitMany(ctx, []CommitItem{item})[0]
		if res.Err != nil {
			t.Fatal(res.Err)
		}
		got, err := w.Get(ctx, b, "k", one.VersionID)
		if err != nil || got.Location.BackendID != "b" || got.Tags["a"] != "b" || got.Version != one.Version || got.Rev != res.Rev {
			t.Errorf("got %+v, %v", got, err)
		}
		if again := w.CommitMany(ctx, []CommitItem{item})[0]; again != res {
			t.Errorf("committed twice: %v, first %v", again, res)
		}
		if text, err := w.read(b, "k"); text != "three" || err != nil {
			t.Errorf("read %q, %v", text, err)
		}
		w.quiesce()
		if len(w.a.objects) != 2 || len(w.b.objects) != 1 {
			t.Errorf("%d and %d blobs, want 2 and 1", len(w.a.objects), len(w.b.objects))
		}
		if usage, _ := w.usage(b); len(usage) != 2 || usage[0] != (Usage{"a", 2, 8}) || usage[1] != (Usage{"b", 1, 3}) {
			t.Errorf("usage %v", usage)
		}
	})
}

// An original that an older version refers to is neither deleted nor imported again.
func TestAdoptedVersion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		w := newWorld(t, Options{})
		b, other := w.versioned("b", Enabled), w.bucket("other")
		info, err := w.a.Put(ctx, "x", strings.NewReader("native"), -1, adapters.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		native := Native{NativeKey: "x", Key: "x", Size: info.Size, NativeETag: info.ETag, CRC64: info.CRC64}
		if err := w.Adopt(ctx, b, "a", []Native{native})[0]; err != nil {
			t.Fatal(err)
		}
		adopted, _ := w.Get(ctx, b, "x", "")
		w.mustPut(b, "x", "over")
		w.quiesce()
		wantReason(t, w.Adopt(ctx, other, "a", []Native{native})[0], errs.AlreadyExists, "Claimed")
		if _, ok := w.a.objects["x"]; !ok {
			t.Error("the original of an older version was deleted")
		}
		w.drop(b, "x", adopted.VersionID, Condition{})
		w.quiesce()
		if _, ok := w.a.objects["x"]; ok {
			t.Error("the original is there though its version was deleted")
		}
	})
}

func TestLocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		w := newWorld(t, Options{})
		w.bucket("plain")
		_, err := w.SetObjectLock(ctx, Bucket{Name: "plain"}, DefaultRetention{})
		wantReason(t, err, errs.FailedPrecondition, "InvalidBucketState")
		w.versioned("b", Enabled)
		b, err := w.SetObjectLock(ctx, Bucket{Name: "b"}, DefaultRetention{Mode: Governance, Days: 1})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.SetVersioning(ctx, Bucket{Name: "b"}, Suspended)
		wantReason(t, err, errs.FailedPrecondition, "InvalidBucketState")
		o := w.mustPut(b, "k", "x")
		if left := time.Until(o.Retention.Until); o.Retention.Mode != Governance || left < 23*time.Hour || left > 24*time.Hour {
			t.Errorf("retention %+v", o.Retention)
		}
		w.drop(b, "k", "", Condition{}) // a delete marker may always be laid
		_, err = w.Delete(ctx, b, "k", o.VersionID, Condition{})
		wantReason(t, err, errs.PermissionDenied, "AccessDenied")
		hold := func(on bool) {
			if _, err := w.Amend(ctx, b, "k", o.VersionID, func(o *Object) error { o.LegalHold = on; return nil }); err != nil {
				t.Error(err)
			}
		}
		hold(true)
		_, err = w.Delete(ctx, b, "k", o.VersionID, Condition{Bypass: true})
		wantReason(t, err, errs.PermissionDenied, "AccessDenied")
		hold(false)
		time.Sleep(25 * time.Hour)
		w.drop(b, "k", o.VersionID, Condition{})

		// A mover's write is retained as well.
		g := w.BeginMany(ctx, []Intent{{Bucket: b, Key: "m", Size: 1}})[0]
		info, _ := w.a.Put(ctx, g.Location.NativeKey, strings.NewReader("m"), -1, adapters.PutOptions{})
		g.Location.NativeETag = info.ETag
		if r := w.CommitMany(ctx, []CommitItem{{WriteID: g.WriteID, Location: g.Location, Put: &Put{Object: object("m")}}})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
		moved, _ := w.Get(ctx, b, "m", "")
		_, err = w.Delete(ctx, b, "m", moved.VersionID, Condition{})
		wantReason(t, err, errs.PermissionDenied, "AccessDenied")
	})
}
