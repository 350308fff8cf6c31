package catalog

import (
	"crypto/md5"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// part uploads a part and records it.
func (w *world) part(u Upload, n int, content string) CompletedPart {
	w.t.Helper()
	native, err := w.store(u.Location.BackendID).PutPart(w.t.Context(), u.Location.NativeKey, u.NativeID, n, strings.NewReader(content), -1, adapters.Sums{})
	if err != nil {
		w.t.Fatal(err)
	}
	p := UploadPart{ObjectPart: ObjectPart{N: n, Size: native.Size, CRC64: native.CRC64, ETag: fmt.Sprintf("%x", md5.Sum([]byte(content)))}, Native: native}
	if err := w.PutPart(w.t.Context(), u, p); err != nil {
		w.t.Fatal(err)
	}
	return CompletedPart{N: n, ETag: p.ETag}
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		w := newWorld(t, Options{})
		b := w.bucket("b")
		u, err := w.CreateUpload(ctx, Upload{Bucket: b, Key: "k"})
		if err != nil {
			t.Fatal(err)
		}
		two, one := w.part(u, 2, "world"), w.part(u, 1, "hello ")
		short := w.part(u, 3, "!")
		w.part(u, 7, "unused")
		complete := func(list ...CompletedPart) (Object, error) {
			return w.CompleteUpload(ctx, b, "k", u.ID, list, nil, Condition{})
		}
		_, err = complete(two, one)
		wantReason(t, err, errs.InvalidArgument, "InvalidPartOrder")
		_, err = complete(one, CompletedPart{N: 2, ETag: "x"})
		wantReason(t, err, errs.InvalidArgument, "InvalidPart")
		_, err = complete(one, CompletedPart{N: 5, ETag: "x"})
		wantReason(t, err, errs.InvalidArgument, "InvalidPart")
		_, err = complete(one, short, CompletedPart{N: 7, ETag: one.ETag})
		wantReason(t, err, errs.InvalidArgument, "InvalidPart")
		_, err = complete(two, short, CompletedPart{N: 7, ETag: fmt.Sprintf("%x", md5.Sum([]byte("unused")))})
		wantReason(t, err, errs.InvalidArgument, "EntityTooSmall")
		_, err = w.CompleteUpload(ctx, b, "k", u.ID, []CompletedPart{one}, map[string][]byte{"CRC64NVME": make([]byte, 8)}, Condition{})
		wantReason(t, err, errs.InvalidArgument, "BadDigest")
		list, more, err := w.Uploads(ctx, b, "", "", "", 10)
		if err != nil || more || len(list) != 1 || list[0].ID != u.ID {
			t.Errorf("uploads %v %v %v", list, more, err)
		}
		o, err := complete(one, two, short)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := complete(one, two, short); err != nil || again.Rev != o.Rev || again.ETag != o.ETag {
			t.Errorf("second answer %v, %v; first %v", again, err, o)
		}
		_, err = complete(one)
		wantReason(t, err, errs.NotFound, "NoSuchUpload")
		if text, err := w.read(b, "k"); text != "hello world!" || err != nil {
			t.Errorf("read %q, %v", text, err)
		}
		if want := crc64nvme.Checksum([]byte("hello world!")); *o.CRC64 != want {
			t.Errorf("CRC64 %x, want %x", *o.CRC64, want)
		}
		var sums []byte
		for _, s := range []string{"hello ", "world", "!"} {
			m := md5.Sum([]byte(s))
			sums = append(sums, m[:]...)
		}
		if want := fmt.Sprintf("%x-3", md5.Sum(sums)); o.ETag != want {
			t.Errorf("ETag %s, want %s", o.ETag, want)
		}
		got, err := w.Get(ctx, b, "k", "")
		if err != nil || got.PartCount != 3 {
			t.Errorf("got %+v, %v", got, err)
		}
		parts, err := w.Parts(ctx, got, 1, 10)
		if err != nil || len(parts) != 2 || parts[0].N != 2 || parts[1].Size != 1 {
			t.Errorf("parts %v, %v", parts, err)
		}
		wantReason(t, w.AbortUpload(ctx, b, "k", u.ID), errs.NotFound, "NoSuchUpload")
		gone, err := w.CreateUpload(ctx, Upload{Bucket: b, Key: "gone"})
		if err != nil {
			t.Fatal(err)
		}
		w.part(gone, 1, "part")
		if err := w.AbortUpload(ctx, b, "gone", gone.ID); err != nil {
			t.Error(err)
		}
		err = w.PutPart(ctx, gone, UploadPart{ObjectPart: ObjectPart{N: 1}})
		wantReason(t, err, errs.NotFound, "NoSuchUpload")
		w.quiesce()
		w.wantClean(1)
		w.mustPut(b, "k", "plain")
		time.Sleep(w.opt.UploadKeep)
		w.quiesce()
		w.wantClean(1)
		if n := w.count(collManifests) + w.count(collUploads); n != 0 {
			t.Errorf("%d documents of uploads are left", n)
		}
	})
}

func TestRelocate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		w := newWorld(t, Options{})
		b := w.bucket("b")
		var intents []Intent
		var items []CommitItem
		for i := range 30 {
			key := fmt.Sprintf("k%02d", i)
			w.mustPut(b, key, key)
			intents = append(intents, Intent{Bucket: b, Key: key, BackendID: "b", Size: 3})
		}
		before, _ := w.Get(ctx, b, "k05", "")
		for i, g := range w.BeginMany(ctx, intents) {
			if g.Err != nil {
				t.Fatal(g.Err)
			}
			o, _ := w.Get(ctx, b, intents[i].Key, "")
			info, _ := w.b.Put(ctx, g.Location.NativeKey, strings.NewReader(intents[i].Key), -1, adapters.PutOptions{})
			g.Location.NativeETag = info.ETag
			items = append(items, CommitItem{WriteID: g.WriteID, Location: g.Location, Relocate: &Relocate{From: o.Location, CRC64: *o.CRC64}})
		}
		items[3].Relocate.CRC64++
		w.mustPut(b, "k07", "new")
		results := w.CommitMany(ctx, items)
		for i, r := range results {
			switch i {
			case 3:
				wantReason(t, r.Err, errs.DataLoss, "ChecksumMismatch")
			case 7:
				wantReason(t, r.Err, errs.FailedPrecondition, "SourceChanged")
			default:
				if r.Err != nil {
					t.Errorf("%d: %v", i, r.Err)
				}
			}
		}
		w.AbandonMany(ctx, []string{items[3].WriteID, items[7].WriteID})
		if again := w.CommitMany(ctx, items[5:6]); again[0] != results[5] {
			t.Errorf("committed twice: %v, first %v", again[0], results[5])
		}
		after, _ := w.Get(ctx, b, "k05", "")
		if after.Location.BackendID != "b" || after.ETag != before.ETag || !after.Modified.Equal(before.Modified) || after.Version != before.Version || after.Rev == before.Rev {
			t.Errorf("relocated %+v\nfrom %+v", after, before)
		}
		w.quiesce()
		w.wantClean(30)
		if len(w.a.objects) != 2 {
			t.Errorf("%d objects are left on a, want 2", len(w.a.objects))
		}
		usage, _ := w.usage(b)
		if want := []Usage{{"a", 2, 6}, {"b", 28, 84}}; !slices.Equal(usage, want) {
			t.Errorf("usage %v, want %v", usage, want)
		}
		if in, why, err := w.BackendInUse(ctx, "b"); !in || err != nil {
			t.Errorf("backend b in use: %v %q %v", in, why, err)
		}
		if in, why, err := w.BackendInUse(ctx, "c"); in || err != nil {
			t.Errorf("backend c in use: %v %q %v", in, why, err)
		}
		errsOf := w.DeleteMany(ctx, b, []DeleteItem{{Key: "k00"}, {Key: "none"}, {Key: "k01", IfRev: "0"}, {Key: "k00"}, {Key: "k05", IfRev: before.Rev}})
		for i, want := range []errs.Code{0, 0, errs.FailedPrecondition, 0, 0} {
			if errs.CodeOf(errsOf[i]) != want {
				t.Errorf("delete %d: %v, want %s", i, errsOf[i], want)
			}
		}
	})
}

func TestAdopt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		w := newWorld(t, Options{})
		b, other := w.bucket("b"), w.bucket("other")
		var natives []Native
		for _, k := range []string{"x", "y", "z"} {
			info, _ := w.a.Put(ctx, k, strings.NewReader("native "+k), -1, adapters.PutOptions{})
			natives = append(natives, Native{NativeKey: k, Key: "in/" + k, Size: info.Size, NativeETag: info.ETag, Modified: info.ModTime})
		}
		w.mustPut(b, "in/z", "mine")
		outcomes := w.Adopt(ctx, b, "a", natives)
		if outcomes[0] != nil || outcomes[1] != nil {
			t.Fatal(errors.Join(outcomes...))
		}
		wantReason(t, outcomes[2], errs.AlreadyExists, "Exists")
		wantReason(t, w.Adopt(ctx, b, "a", natives[:1])[0], errs.AlreadyExists, "Same")
		wantReason(t, w.Adopt(ctx, other, "a", natives[:1])[0], errs.AlreadyExists, "Claimed")
		ours, _ := w.Get(ctx, b, "in/z", "")
		wantReason(t, w.Adopt(ctx, other, "a", []Native{{NativeKey: ours.Location.NativeKey, Key: "q"}})[0], errs.InvalidArgument, "Ours")
		if text, err := w.read(b, "in/x"); text != "native x" || err != nil {
			t.Errorf("read %q, %v", text, err)
		}
		// in/x is relocated away and the original stays; in/y is deleted, and its original with it.
		o, _ := w.Get(ctx, b, "in/x", "")
		g := w.BeginMany(ctx, []Intent{{Bucket: b, Key: "in/x", BackendID: "b", Size: o.Size}})[0]
		info, _ := w.b.Put(ctx, g.Location.NativeKey, strings.NewReader("native x"), -1, adapters.PutOptions{})
		g.Location.NativeETag = info.ETag
		if r := w.CommitMany(ctx, []CommitItem{{WriteID: g.WriteID, Location: g.Location, Relocate: &Relocate{From: o.Location, CRC64: *info.CRC64}}}); r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
		if _, err := w.Delete(ctx, b, "in/y", "", Condition{}); err != nil {
			t.Fatal(err)
		}
		w.quiesce()
		if _, ok := w.a.objects["x"]; !ok {
			t.Error("the original of x is gone though it was not released")
		}
		if _, ok := w.a.objects["y"]; ok {
			t.Error("the original of y is there though its object was deleted")
		}
		wantReason(t, w.Adopt(ctx, b, "a", natives[:1])[0], errs.AlreadyExists, "Exists")
		if _, err := w.Delete(ctx, b, "in/x", "", Condition{}); err != nil {
			t.Fatal(err)
		}
		wantReason(t, w.Adopt(ctx, b, "a", natives[:1])[0], errs.AlreadyExists, "Same")
		w.quiesce()
		if n := w.count(collAdopted); n != 1 {
			t.Errorf("%d claims are left, want that of x", n)
		}
		// Adopted again after a change from outside.
		if err := w.Adopt(ctx, other, "a", natives[2:])[0]; err != nil {
			t.Fatal(err)
		}
		info, _ = w.a.Put(ctx, "z", strings.NewReader("changed"), -1, adapters.PutOptions{})
		natives[2].NativeETag, natives[2].Size = info.ETag, info.Size
		if err := w.Adopt(ctx, other, "a", natives[2:])[0]; err != nil {
			t.Fatal(err)
		}
		w.quiesce()
		if text, err := w.read(other, "in/z"); text != "changed" || err != nil {
			t.Errorf("read %q, %v", text, err)
		}
	})
}
