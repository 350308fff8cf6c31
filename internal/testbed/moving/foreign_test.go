package moving

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// foreign is a store that computes no checksums, tells times in whole seconds and has ETags of a form of its own.
func foreign() *adaptertest.Limited {
	return can(func(c *adapters.Capabilities) {
		c.StoresChecksum, c.ConditionalPut, c.ConditionalDelete = false, false, false
	})
}

// TestForeignStores goes from a native object of a foreign store to one of a bucket there, and on to a native one of another.
func TestForeignStores(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{mover: small, limited: map[string]*adaptertest.Limited{"one": foreign(), "two": foreign()}})
	one, two := r.limit("one"), r.limit("two")
	want := map[string][]byte{}
	for _, n := range []int{0, 1, 1000, 64 << 10, 64<<10 + 1, 200_000} {
		key := fmt.Sprint("n", n)
		want[key] = data(key, n)
		r.raw(one, "in/"+key, want[key])
	}
	bucket := r.bucket("photos", two)
	n := int64(len(want))
	j := r.run(&dataflowpb.Plan{Name: "in", Mode: "move", Source: backendEnd("one", "in/"), Destination: bucketEnd("photos", "p/")})
	r.want(j, "succeeded", n, 0, 0)
	for key, d := range want {
		got, o := r.object(bucket, "p/"+key)
		sum := md5.Sum(d)
		if !bytes.Equal(got, d) || len(d) <= 64<<10 && o.ETag != hex.EncodeToString(sum[:]) || o.Headers.ContentType != "image/png" || o.Metadata["who"] != "native" {
			t.Errorf("%s: %d bytes, %+v", key, len(got), o)
		}
		if left, _ := r.native(one, "in/"+key); left != nil {
			t.Errorf("%s is still at the source", key)
		}
		if line := r.report(j.Id)["in/"+key]; line.GetProof() != "read-back-crc64nvme" || line.GetReason() != "source deleted after a fresh HEAD" {
			t.Errorf("the report says %v", line)
		}
	}
	r.want(r.run(relocate("photos", "one")), "succeeded", n, 0, 0)
	j = r.run(&dataflowpb.Plan{Name: "out", Mode: "move", Source: bucketEnd("photos", "p/"), Destination: backendEnd("two", "out/")})
	r.want(j, "succeeded", n, 0, 0)
	for key, d := range want {
		if got, _ := r.native(two, "out/"+key); !bytes.Equal(got, d) {
			t.Errorf("%s has %d bytes, want %d", key, len(got), len(d))
		}
	}
	r.raw(one, "adopted", []byte("adopted"))
	j, err := r.flow.RunAdHoc(t.Context(), &dataflowpb.Plan{Name: "import", Mode: "import", Source: backendEnd("one", "adopted"), Destination: bucketEnd("photos", "adopted")})
	r.check(err)
	r.want(r.wait(j.Id), "succeeded", 1, 0, 0)
	r.want(r.run(&dataflowpb.Plan{Name: "away", Mode: "relocate", Source: bucketEnd("photos", ""), Destination: backendEnd("two", "")}), "succeeded", 1, 0, 0)
	if got, o := r.object(bucket, "adopted"); string(got) != "adopted" || o.Location.BackendID != two.Id {
		t.Errorf("the adopted object is %q at %s", got, o.Location.BackendID)
	}
}

// TestChangedWithinASecond changes a source right after it was copied, in the same second and with the same size: the next run copies it again, though neither store has
// checksums and their times say nothing.
func TestChangedWithinASecond(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{mover: small, limited: map[string]*adaptertest.Limited{"one": foreign(), "two": foreign()}})
	one, two := r.limit("one"), r.limit("two")
	plan := &dataflowpb.Plan{Name: "again", Mode: "copy", Source: backendEnd("one", ""), Destination: backendEnd("two", "")}
	r.raw(one, "k", data("old", 1000))
	r.want(r.run(plan), "succeeded", 1, 0, 0)
	for i := range 3 {
		d := data(fmt.Sprint("new", i), 1000)
		r.raw(one, "k", d)
		r.want(r.run(&dataflowpb.Plan{Name: "again"}), "succeeded", 1, 0, 0)
		if got, _ := r.native(two, "k"); !bytes.Equal(got, d) {
			t.Errorf("round %d: the destination has the bytes of before", i)
		}
	}
}
