package moving

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/datamover"
	"github.com/opensds/gelato/proto/dataflowpb"
	"github.com/opensds/gelato/s3/catalog"
)

// small makes parts of objects that a test can afford.
var small = datamover.Options{Threshold: 64 << 10, PartSize: 32 << 10}

func TestRelocateMovesEveryByteAndNothingElse(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{mover: small})
	a, b := r.backend("a"), r.backend("b")
	bucket := r.bucket("photos", a)
	want := make(map[string][]byte)
	for i := range 700 {
		key := fmt.Sprintf("dir %d/é+%%20//%04d", i%7, i)
		want[key] = data(key, i%300)
	}
	for _, n := range []int{0, 1, 64 << 10, 64<<10 + 1, 300_000} {
		key := fmt.Sprintf("big/%d", n)
		want[key] = data(key, n)
	}
	for key, d := range want {
		r.put(bucket, key, d)
	}
	before, _ := r.catalog.Get(t.Context(), bucket, "big/300000", "")

	j := r.run(relocate("photos", "b"))
	r.want(j, "succeeded", int64(len(want)), 0, 0)
	report := r.report(j.Id)
	for key, d := range want {
		got, o := r.object(bucket, key)
		if !bytes.Equal(got, d) || o.Location.BackendID != b.Id {
			t.Errorf("%q: %d bytes at %s", key, len(got), o.Location.BackendID)
		}
		line := report[key]
		if line.GetOutcome() != "copied" || line.GetProof() == "" || line.GetSource().GetBackend() != "a" || line.GetDestination().GetBackend() != "b" ||
			line.GetDestination().GetChecksum() == "" || line.GetVersionId() != "null" || line.GetBytes() != int64(len(d)) {
			t.Errorf("%q: the report says %v", key, line)
		}
	}
	_, after := r.object(bucket, "big/300000")
	if after.ETag != before.ETag || after.Modified != before.Modified || after.Version != before.Version || after.Metadata["unicode"] != "é" || after.Tags["team"] != "a" || after.Headers != before.Headers {
		t.Errorf("the object changed:\n before %+v\n after %+v", before, after)
	}
	if got := len(r.natives(b, true)); got != len(want) {
		t.Errorf("the destination holds %d blobs, want %d", got, len(want))
	}
	now, err := r.catalog.Bucket(t.Context(), "photos")
	if err != nil || now.BackendID != b.Id {
		t.Errorf("the placement is %v, %v", now, err)
	}
	// Again there is nothing to do, and the report says so.
	j = r.run(&dataflowpb.Plan{Name: j.PlanName})
	r.want(j, "succeeded", 0, int64(len(want)), 0)
	if line := r.report(j.Id)["big/1"]; line.GetReason() != "already there" || line.GetDestination().GetChecksum() == "" {
		t.Errorf("the second report says %v", line)
	}
}

// Every version moves, whether it is the current one or not, so that a backend can be emptied; and a copy takes current ones only.
func TestRelocateVersions(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{mover: small})
	a, b := r.backend("a"), r.backend("b")
	r.bucket("kept", a)
	bucket, err := r.catalog.SetVersioning(t.Context(), catalog.Bucket{Name: "kept"}, catalog.Enabled)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]byte{} // by key and version id
	for i := range 40 {
		key := fmt.Sprintf("k%02d", i%8)
		d := data(fmt.Sprint(key, i), 100+i)
		want[key+" "+r.put(bucket, key, d).VersionID] = d
	}
	if _, err := r.catalog.Delete(t.Context(), bucket, "k03", "", catalog.Condition{}); err != nil {
		t.Fatal(err)
	}
	j := r.run(relocate("kept", "b"))
	r.want(j, "succeeded", int64(len(want)), 0, 0)
	report := r.report(j.Id)
	for name, d := range want {
		key, id, _ := strings.Cut(name, " ")
		o, err := r.catalog.Get(t.Context(), bucket, key, id)
		if err != nil || o.Location.BackendID != b.Id || o.Size != int64(len(d)) {
			t.Errorf("%s: %+v, %v", name, o, err)
			continue
		}
		if got, _ := r.native(b, o.Location.NativeKey); !bytes.Equal(got, d) {
			t.Errorf("%s has other bytes", name)
		}
		if line := report[name]; line.GetOutcome() != "copied" || line.GetVersionId() != id || line.GetBytes() != int64(len(d)) {
			t.Errorf("%s: the report says %v", name, line)
		}
	}
	if got := len(r.natives(b, true)); got != len(want) {
		t.Errorf("the destination holds %d blobs, want %d", got, len(want))
	}
	copies := r.bucket("copies", a)
	j = r.run(&dataflowpb.Plan{Name: "copy", Mode: "copy", Source: bucketEnd("kept", ""), Destination: bucketEnd("copies", "")})
	r.want(j, "succeeded", 7, 0, 0) // k03 has a delete marker
	if _, err := r.catalog.Get(t.Context(), copies, "k03", ""); err == nil {
		t.Error("an object that a delete marker hides was copied")
	}
}

// A write that began before the placement moved, and ends after the walk has passed its key, is still brought along.
func TestRelocateWaitsForWritesThatBeganBefore(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	src, b := r.place("bucket", "a", ""), r.backend("b")
	want := r.fill(src.put, 20)
	r.put(src.bucket, "overtaken", []byte("first"))
	late := map[string]func(){}
	for _, key := range []string{"late", "overtaken"} {
		late[key] = r.beginPut(src.bucket, key, []byte("late"))
	}
	r.put(src.bucket, "overtaken", []byte("second"))
	j := r.launch(relocate("bucket-a", "b"))
	// The second pass finds nothing, and is not the last one all the same.
	between := r.until(j.Id, func(j *dataflowpb.Job) bool { return j.Pass == 3 || j.TotalsFinal })
	if between.Status != "running" || between.Counters.PassedCount != 21 {
		t.Errorf("while writes are under way the job is %v", between)
	}
	for key, commit := range late {
		commit()
		want[key] = []byte("late")
	}
	done := r.wait(j.Id)
	if done.Status != "succeeded" || done.Counters.PassedCount != 23 {
		t.Errorf("the job ended %v", done)
	}
	r.allAt(src, b.Id, want)
}

// A multipart upload that began before the placement moved is waited for, and brought along when it is completed.
func TestRelocateWaitsForUploadsThatBeganBefore(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{noLeader: true})
	src, b := r.place("bucket", "a", ""), r.backend("b")
	want := r.fill(src.put, 5)
	complete := r.beginUpload(src.bucket, "uploaded", []byte("in one part"))
	r.lead()
	j := r.launch(relocate("bucket-a", "b"))
	between := r.until(j.Id, func(j *dataflowpb.Job) bool { return j.Pass == 2 || j.TotalsFinal })
	if between.Status != "running" || between.Counters.PassedCount != 5 {
		t.Errorf("while an upload is open the job is %v", between)
	}
	complete()
	want["uploaded"] = []byte("in one part")
	r.want(r.wait(j.Id), "succeeded", 6, 0, 0)
	r.allAt(src, b.Id, want)
}

// One that nobody completes has the job fail and say so: after succeeded nothing may appear on the old backend any more.
func TestRelocateFailsBesideAnOpenUpload(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{noLeader: true})
	src, b := r.place("bucket", "a", ""), r.backend("b")
	want := r.fill(src.put, 5)
	complete := r.beginUpload(src.bucket, "uploaded", []byte("in one part"))
	r.uploads = 200 * time.Millisecond
	r.lead()
	j := r.run(relocate("bucket-a", "b"))
	if j.Status != "failed" || !strings.Contains(j.Error, "multipart uploads") || j.Counters.PassedCount != 5 || j.Counters.FailedCount != 0 {
		t.Errorf("beside an open upload the job ended %v", j)
	}
	complete()
	want["uploaded"] = []byte("in one part")
	r.want(r.run(&dataflowpb.Plan{Name: j.PlanName}), "succeeded", 1, 5, 0)
	r.allAt(src, b.Id, want)
}

// beginUpload uploads the one part of a multipart upload, and returns what completes it.
func (r *rig) beginUpload(b catalog.Bucket, key string, data []byte) (complete func()) {
	r.t.Helper()
	u, err := r.catalog.CreateUpload(r.t.Context(), catalog.Upload{Bucket: b, Key: key, Attributes: catalog.Attributes{Owner: "root"}})
	r.check(err)
	store, err := r.pool.Store(r.t.Context(), u.Location.BackendID)
	r.check(err)
	native, err := store.PutPart(r.t.Context(), u.Location.NativeKey, u.NativeID, 1, bytes.NewReader(data), int64(len(data)), adapters.Sums{})
	r.check(err)
	sum := md5.Sum(data)
	part := catalog.ObjectPart{N: 1, Size: native.Size, CRC64: native.CRC64, ETag: hex.EncodeToString(sum[:])}
	r.check(r.catalog.PutPart(r.t.Context(), u, catalog.UploadPart{ObjectPart: part, Native: native}))
	return func() {
		r.t.Helper()
		_, err := r.catalog.CompleteUpload(r.t.Context(), b, key, u.ID, []catalog.CompletedPart{{N: 1, ETag: part.ETag}}, nil, catalog.Condition{})
		r.check(err)
	}
}
