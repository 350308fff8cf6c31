package moving

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/adapters/posix"
	"github.com/opensds/gelato/proto/dataflowpb"
	"github.com/opensds/gelato/s3/catalog"
)

// can is what posix can do, after a change.
func can(change func(c *adapters.Capabilities)) *adaptertest.Limited {
	c := posix.Descriptor().Capabilities
	change(&c)
	return &adaptertest.Limited{Can: c}
}

// stores are stores of different limits, each of which enforces its own.
func stores() map[string]*adaptertest.Limited {
	return map[string]*adaptertest.Limited{
		// at most 100 parts of 512 B to 4 KiB
		"fewparts": can(func(c *adapters.Capabilities) {
			c.MaxPutSize, c.MinPartSize, c.MaxPartSize, c.MaxParts, c.MaxObjectSize = 1<<10, 512, 4<<10, 100, 400<<10
		}),
		"onepart":  can(func(c *adapters.Capabilities) { c.Multipart, c.MaxPutSize, c.MaxObjectSize = false, 400<<10, 400<<10 }),
		"manypart": can(func(c *adapters.Capabilities) { c.MaxPutSize, c.MinPartSize, c.MaxPartSize = 1<<10, 1, 4<<10 }),
		"nosums":   can(func(c *adapters.Capabilities) { c.StoresChecksum = false }),
		"noconds":  can(func(c *adapters.Capabilities) { c.ConditionalPut, c.ConditionalDelete = false, false }),
		"bare":     {Can: adapters.Capabilities{MaxObjectSize: 400 << 10, MaxPutSize: 400 << 10, MaxKeyBytes: 150}},
	}
}

// TestRelocateThroughEveryLimit takes the same objects through stores of different limits, one after the other. What does not fit stays where it is, and the
// report says why.
func TestRelocateThroughEveryLimit(t *testing.T) {
	t.Parallel()
	all := stores()
	r := newRig(t, options{mover: small, limited: all})
	a := r.backend("a")
	bucket := r.bucket("photos", a)
	want := map[string][]byte{}
	for _, n := range []int{0, 1, 1 << 10, 1<<10 + 1, 4 << 10, 64<<10 + 1, 400 << 10} {
		key := fmt.Sprintf("n/%d", n)
		want[key] = data(key, n)
	}
	want[strings.Repeat("long/", 200)] = []byte("a long key")
	for key, d := range want {
		r.put(bucket, key, d)
	}
	want["parts"] = data("parts", 20_000)
	r.putParts(bucket, "parts", want["parts"], 10_000)
	r.put(bucket, "too large", data("too large", 400<<10+1))

	for _, name := range []string{"fewparts", "onepart", "bare"} { // one that is too large for all three
		to := r.limit(name)
		j := r.run(relocate("photos", name))
		r.want(j, "failed", int64(len(want)), 0, 1)
		if line := r.report(j.Id)["too large"]; line.GetOutcome() != "failed" || line.GetReason() != "invalid_argument: an object of 409601 bytes is too large for the store" {
			t.Errorf("%s: the report says %v", name, line)
		}
		r.wantAt(bucket, to.Id, want)
		if _, o := r.object(bucket, "too large"); o.Location.BackendID != a.Id {
			t.Errorf("%s: the object that is too large lies on %s", name, o.Location.BackendID)
		}
		if !all[name].Can.Multipart {
			continue
		}
		if left, err := all[name].ListUploads(t.Context(), "", 10); err != nil || len(left) != 0 {
			t.Errorf("%s: uploads are left over: %v, %v", name, left, err)
		}
	}
	want["too large"] = data("too large", 400<<10+1)
	for _, name := range []string{"manypart", "nosums", "noconds"} {
		to := r.limit(name)
		j := r.run(relocate("photos", name))
		r.want(j, "succeeded", int64(len(want)), 0, 0)
		r.wantAt(bucket, to.Id, want)
		for key, line := range r.report(j.Id) {
			if proof := line.GetProof(); (proof == "read-back-crc64nvme") != (name == "nosums") || proof == "" {
				t.Errorf("%s: %s is proved by %q", name, key, proof)
			}
		}
	}
}

// putParts writes an object as a multipart upload of count parts leaves it.
func (r *rig) putParts(b catalog.Bucket, key string, d []byte, count int) {
	r.t.Helper()
	o := r.put(b, key, d)
	w, err := r.catalog.Begin(r.t.Context(), b, key, "", o.Size)
	r.check(err)
	store, err := r.pool.Store(r.t.Context(), w.Location.BackendID)
	r.check(err)
	info, err := store.Put(r.t.Context(), w.Location.NativeKey, bytes.NewReader(d), o.Size, adapters.PutOptions{Metadata: map[string]string{"gelato": "x"}})
	r.check(err)
	size := len(d) / count
	parts := make([]catalog.ObjectPart, count)
	for i := range parts {
		part := d[i*size : (i+1)*size]
		parts[i] = catalog.ObjectPart{N: i + 1, Size: int64(size), CRC64: sum64(part), ETag: strings.Repeat("a", 32)}
	}
	o.Location, o.PartCount = w.Location, count
	o.Location.NativeETag = info.ETag
	_, err = r.catalog.Commit(r.t.Context(), w, o, parts, catalog.Condition{})
	r.check(err)
}

// wantAt checks objects of a bucket and where they lie; that of 10,000 parts must still have them.
func (r *rig) wantAt(b catalog.Bucket, backendID string, want map[string][]byte) {
	r.t.Helper()
	for key, d := range want {
		got, o := r.object(b, key)
		if !bytes.Equal(got, d) || o.Location.BackendID != backendID {
			r.t.Errorf("%.20s: %d bytes of %d at %s, want them at %s", key, len(got), len(d), o.Location.BackendID, backendID)
		}
		if key != "parts" {
			continue
		}
		rows, err := r.catalog.Parts(r.t.Context(), o, 9_990, 100)
		if err != nil || o.PartCount != 10_000 || len(rows) != 10 || rows[9].N != 10_000 {
			r.t.Errorf("%s has %d parts, the last %v, %v", key, o.PartCount, rows, err)
		}
	}
}

// TestCopiesBetweenLimits copies and moves between native stores of different limits, and through a bucket.
func TestCopiesBetweenLimits(t *testing.T) {
	t.Parallel()
	for from := range stores() {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			all := stores()
			r := newRig(t, options{mover: small, limited: all})
			src := r.limit(from)
			want := map[string][]byte{}
			for _, n := range []int{0, 1, 1000, 100_000} {
				key := fmt.Sprintf("dir/%d", n)
				if want[key] = data(key, n); all[from].Can.CheckSize(int64(n)) != nil {
					t.Fatalf("%s is too small for the test", from)
				}
				r.fill1(all[from], key, want[key])
			}
			here := src.Name
			for _, to := range []string{"onepart", "fewparts", "nosums", "manypart", "noconds", "bare"} {
				if to == from {
					continue
				}
				dst := r.limit(to)
				j := r.run(&dataflowpb.Plan{Name: "to " + to, Mode: "move", Source: backendEnd(here, ""), Destination: backendEnd(to, "")})
				r.want(j, "succeeded", int64(len(want)), 0, 0)
				for key, d := range want {
					if got, _ := r.native(dst, key); !bytes.Equal(got, d) {
						t.Errorf("%s on %s has %d bytes, want %d", key, to, len(got), len(d))
					}
				}
				if left := r.natives(r.mustBackend(here), false); len(left) != 0 {
					t.Errorf("%s still has %q", here, left)
				}
				here = to
			}
			long := strings.Repeat("k", 160)
			roomy := r.place("backend", "roomy", "")
			roomy.put(long, []byte("a key that bare does not take"))
			want[long] = nil
			if from == "bare" {
				return
			}
			j := r.run(&dataflowpb.Plan{Name: "long", Mode: "copy", Source: roomy.end, Destination: backendEnd("bare", "")})
			r.want(j, "failed", 0, 0, 1)
			if line := r.report(j.Id)[long]; line.GetReason() != "invalid_argument: the key has 160 bytes, 150 are allowed" {
				t.Errorf("the report says %v", line)
			}
		})
	}
}

// fill1 writes an object to a store in whatever way it takes it.
func (r *rig) fill1(s adapters.Store, key string, d []byte) {
	r.t.Helper()
	ctx, size := r.t.Context(), int64(len(d))
	if !s.Capabilities().NeedsParts(size) {
		_, err := s.Put(ctx, key, bytes.NewReader(d), size, adapters.PutOptions{})
		r.check(err)
		return
	}
	part, count, err := s.Capabilities().Partition(size, 0)
	r.check(err)
	id, err := s.CreateUpload(ctx, key, adapters.PutOptions{})
	r.check(err)
	parts := make([]adapters.Part, count)
	for i := range parts {
		run := d[int64(i)*part : min(int64(i+1)*part, size)]
		parts[i], err = s.PutPart(ctx, key, id, i+1, bytes.NewReader(run), int64(len(run)), adapters.Sums{})
		r.check(err)
	}
	_, err = s.CompleteUpload(ctx, key, id, parts, adapters.PutOptions{})
	r.check(err)
}

// TestClassesTravel keeps the storage class of an object where the destination has it or can show it.
func TestClassesTravel(t *testing.T) {
	t.Parallel()
	classes := func(list ...string) *adaptertest.Limited {
		return can(func(c *adapters.Capabilities) { c.StorageClasses = list })
	}
	all := map[string]*adaptertest.Limited{"s3": classes("STANDARD", "STANDARD_IA", "GLACIER_IR"), "tiers": classes("Hot", "Cool", "STANDARD_IA"), "plain": can(func(*adapters.Capabilities) {})}
	r := newRig(t, options{mover: small, limited: all})
	for name := range all {
		r.limit(name)
	}
	bucket := r.bucket("photos", r.backend("a"))
	asked := map[string]string{"default": "", "standard": "STANDARD", "ia": "STANDARD_IA", "gir": "GLACIER_IR"}
	for key, class := range asked {
		o := r.put(bucket, key, []byte(key))
		w, err := r.catalog.Begin(t.Context(), bucket, key, "", o.Size)
		r.check(err)
		store, err := r.pool.Store(t.Context(), w.Location.BackendID)
		r.check(err)
		info, err := store.Put(t.Context(), w.Location.NativeKey, strings.NewReader(key), o.Size, adapters.PutOptions{Metadata: map[string]string{"gelato": "x"}})
		r.check(err)
		o.Location, o.StorageClass = w.Location, class
		o.Location.NativeETag = info.ETag
		_, err = r.catalog.Commit(t.Context(), w, o, nil, catalog.Condition{})
		r.check(err)
	}
	for _, step := range []struct {
		to            string
		native, shown map[string]string
	}{
		{"tiers", map[string]string{"default": "Hot", "standard": "Hot", "ia": "STANDARD_IA", "gir": "Hot"},
			map[string]string{"default": "", "standard": "STANDARD", "ia": "STANDARD_IA", "gir": "GLACIER_IR"}},
		{"s3", map[string]string{"default": "STANDARD", "standard": "STANDARD", "ia": "STANDARD_IA", "gir": "GLACIER_IR"},
			map[string]string{"default": "", "standard": "STANDARD", "ia": "STANDARD_IA", "gir": "GLACIER_IR"}},
		{"plain", map[string]string{"default": "", "standard": "", "ia": "", "gir": ""},
			map[string]string{"default": "", "standard": "STANDARD", "ia": "STANDARD_IA", "gir": "GLACIER_IR"}},
	} {
		r.want(r.run(relocate("photos", step.to)), "succeeded", int64(len(asked)), 0, 0)
		native, shown := map[string]string{}, map[string]string{}
		for key := range asked {
			_, o := r.object(bucket, key)
			info, err := all[step.to].Head(t.Context(), o.Location.NativeKey)
			r.check(err)
			native[key], shown[key] = info.StorageClass, o.StorageClass
		}
		if !maps.Equal(native, step.native) || !maps.Equal(shown, step.shown) {
			t.Errorf("on %s: kept as %v, shown as %v; want %v and %v", step.to, native, shown, step.native, step.shown)
		}
	}
}
