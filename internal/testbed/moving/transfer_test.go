package moving

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/dataflowpb"
	"github.com/opensds/gelato/s3/catalog"
)

// place is one side of a copy in a test: a bucket or a raw backend, written and read alike.
type place struct {
	r      *rig
	end    *dataflowpb.Endpoint
	bucket catalog.Bucket
	raw    *backendpb.Backend
}

func (r *rig) place(kind, name, prefix string) place {
	r.t.Helper()
	p := place{r: r}
	b := r.backend(name)
	if kind == "backend" {
		p.raw, p.end = b, backendEnd(name, prefix)
		return p
	}
	p.bucket, p.end = r.bucket("bucket-"+name, b), bucketEnd("bucket-"+name, prefix)
	return p
}

func (p place) put(key string, d []byte) {
	p.r.t.Helper()
	if p.raw != nil {
		p.r.raw(p.raw, key, d)
	} else {
		p.r.put(p.bucket, key, d)
	}
}

func (p place) get(key string) []byte {
	p.r.t.Helper()
	if p.raw != nil {
		d, _ := p.r.native(p.raw, key)
		return d
	}
	d, _ := p.r.object(p.bucket, key)
	return d
}

func TestCopyAndMoveInEveryCombination(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"copy", "move"} {
		for _, from := range []string{"bucket", "backend"} {
			for _, to := range []string{"bucket", "backend"} {
				t.Run(mode+" "+from+" to "+to, func(t *testing.T) {
					t.Parallel()
					r := newRig(t, options{mover: small})
					src, dst := r.place(from, "a", "in/"), r.place(to, "b", "out/")
					want := map[string][]byte{}
					for i := range 30 {
						key := fmt.Sprintf("x y/é %02d", i)
						want[key] = data(key, i*10)
					}
					want["large"], want["parts"] = data("large", 64<<10), data("parts", 200_000)
					for key, d := range want {
						src.put("in/"+key, d)
					}
					src.put("elsewhere", []byte("not in scope"))
					foreign := "in/k." + string(blob.New(blob.TagOf("another cluster")))
					if from == "backend" {
						src.put(foreign, []byte("not ours to touch"))
					}
					j := r.run(&dataflowpb.Plan{Name: "p", Mode: mode, Source: src.end, Destination: dst.end})
					r.want(j, "succeeded", int64(len(want)), 0, 0)
					for key, d := range want {
						if got := dst.get("out/" + key); !bytes.Equal(got, d) {
							t.Errorf("%q: the destination has %d bytes, want %d", key, len(got), len(d))
						}
						if left := src.get("in/"+key) != nil; left != (mode == "copy") {
							t.Errorf("%q: the source is there after a %s: %v", key, mode, left)
						}
					}
					if src.get("elsewhere") == nil || dst.get("out/elsewhere") != nil {
						t.Error("what is not in scope was touched")
					}
					if from == "backend" && src.get(foreign) == nil {
						t.Error("a blob of Gelato's form was touched")
					}
					line := r.report(j.Id)["in/parts"]
					if line.GetProof() == "" || line.GetSource().GetBackend() != "a" || line.GetDestination().GetBackend() != "b" {
						t.Errorf("the report says %v", line)
					}
					if told := strings.Contains(line.GetReason(), "source deleted"); told != (mode == "move") {
						t.Errorf("the reason is %q", line.GetReason())
					}
					checkKept(t, src, dst)

					// Again: a copy finds everything, a move finds nothing.
					j = r.run(&dataflowpb.Plan{Name: "p", Mode: mode})
					if mode == "copy" {
						r.want(j, "succeeded", 0, int64(len(want)), 0)
					} else {
						r.want(j, "succeeded", 0, 0, 0)
					}
				})
			}
		}
	}
}

func checkKept(t *testing.T, src, dst place) {
	t.Helper()
	switch {
	case src.raw == nil && dst.raw == nil:
		_, o := src.r.object(dst.bucket, "out/parts")
		digest := md5.Sum(data("parts", 200_000))
		if o.ETag != hex.EncodeToString(digest[:]) || o.Metadata["unicode"] != "é" || o.Tags["team"] != "a" || o.Headers.CacheControl != "no-cache" || o.PartCount != 0 {
			t.Errorf("the copy is %+v", o)
		}
	case dst.raw == nil:
		_, o := src.r.object(dst.bucket, "out/large")
		digest := md5.Sum(data("large", 64<<10))
		if o.ETag != hex.EncodeToString(digest[:]) || o.Metadata["who"] != "native" || o.Headers.ContentType != "image/png" || len(o.Checksums["CRC64NVME"]) != 8 {
			t.Errorf("the copy is %+v", o)
		}
		if _, o = src.r.object(dst.bucket, "out/parts"); !strings.HasSuffix(o.ETag, "-7") || o.PartCount != 7 {
			t.Errorf("the copy in parts is %+v", o)
		}
	default:
		_, info := src.r.native(dst.raw, "out/parts")
		if info.Metadata["gelato"] != "" || len(info.Metadata) == 0 || info.Headers.ContentType == "" {
			t.Errorf("the native copy is %+v", info)
		}
	}
}

func TestOverwriteRules(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"bucket", "backend"} {
		for _, to := range []string{"bucket", "backend"} {
			t.Run(from+" to "+to, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, options{})
				src, dst := r.place(from, "a", ""), r.place(to, "b", "")
				for _, key := range []string{"absent", "older", "newer", "same"} {
					if key != "newer" {
						src.put(key, data(key, 100))
					}
				}
				dst.put("older", data("other", 100))
				dst.put("newer", data("other", 100))
				dst.put("same", data("same", 100))
				src.put("newer", data("newer", 101)) // after the destination's
				for _, x := range []struct{ rule, copied string }{
					{"never", "absent"},
					{"ifNewer", "newer"},
					{"ifDifferent", ""}, // filled in below: without checksums, size and time decide
					{"always", "absent newer older same"},
				} {
					p := &dataflowpb.Plan{Name: x.rule, Mode: "copy", Source: src.end, Destination: dst.end, Options: &dataflowpb.PlanOptions{Overwrite: x.rule}}
					j := r.run(p)
					if j.Status != "succeeded" {
						t.Fatalf("%s: %v", x.rule, j)
					}
					var copied []string
					for _, key := range []string{"absent", "newer", "older", "same"} {
						if r.report(j.Id)[key].GetOutcome() == "copied" {
							copied = append(copied, key)
						}
					}
					want := x.copied
					if x.rule == "ifDifferent" && from == "bucket" && to == "bucket" {
						want = "older"
					}
					if got := strings.Join(copied, " "); got != want {
						t.Errorf("%s copied %q, want %q", x.rule, got, want)
					}
				}
				for _, key := range []string{"absent", "older", "same"} {
					if !bytes.Equal(dst.get(key), data(key, 100)) {
						t.Errorf("%s is not the source's in the end", key)
					}
				}
			})
		}
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	src, dst := r.place("bucket", "a", ""), r.place("backend", "b", "")
	for _, key := range []string{"logs/a.gz", "logs/b.txt", "logs/deep/c.gz", "img/d.gz", "logs/tiny.gz", "logs/skip.gz"} {
		n := 100
		if key == "logs/tiny.gz" {
			n = 1
		}
		src.put(key, data(key, n))
	}
	j := r.run(&dataflowpb.Plan{Name: "p", Mode: "copy", Source: src.end, Destination: dst.end, Filter: &dataflowpb.Filter{
		Prefix: "logs/", Include: []string{"*.gz"}, Exclude: []string{"logs/skip*"}, MinSize: proto.Int64(2), NewerThan: "1h"}})
	r.want(j, "succeeded", 2, 0, 0)
	if got := strings.Join(r.natives(dst.raw, false), " "); got != "logs/a.gz logs/deep/c.gz" {
		t.Errorf("copied %q", got)
	}
	j = r.run(&dataflowpb.Plan{Name: "old", Mode: "copy", Source: src.end, Destination: dst.end, Filter: &dataflowpb.Filter{OlderThan: "1h"}})
	r.want(j, "succeeded", 0, 0, 0)
}

func TestMoveKeepsASourceThatIsNotProvenToBeThere(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	src, dst := r.place("bucket", "a", ""), r.place("bucket", "b", "")
	src.put("there", data("there", 50)) // as an interrupted move leaves it
	dst.put("there", data("there", 50))
	src.put("other", data("other", 50))
	dst.put("other", data("OTHER", 50))
	j := r.run(&dataflowpb.Plan{Name: "p", Mode: "move", Source: src.end, Destination: dst.end, Options: &dataflowpb.PlanOptions{Overwrite: "never"}})
	r.want(j, "succeeded", 0, 2, 0)
	if src.get("there") != nil || src.get("other") == nil || !bytes.Equal(dst.get("other"), data("OTHER", 50)) {
		t.Error("a move with overwrite never removed the wrong source, or overwrote")
	}
	if line := r.report(j.Id)["there"]; line.GetProof() != "checksums-compared" || !strings.Contains(line.GetReason(), "source deleted") {
		t.Errorf("the report says %v", line)
	}
}

func TestImportThenRelocateAway(t *testing.T) {
	t.Parallel()
	for _, release := range []bool{false, true} {
		t.Run(fmt.Sprintf("release %v", release), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{mover: small, grace: 1})
			old, next := r.backend("old"), r.backend("next")
			bucket := r.bucket("photos", old)
			want := map[string][]byte{}
			for i := range 150 {
				key := fmt.Sprintf("p/%03d", i)
				want[key] = data(key, i)
				r.raw(old, "in/"+key, want[key])
			}
			want["p/large"] = data("large", 150_000)
			r.raw(old, "in/p/large", want["p/large"])
			adHoc := &dataflowpb.Plan{Name: "import", Mode: "import", Source: backendEnd("old", "in/"), Destination: bucketEnd("photos", "")}
			j, err := r.flow.RunAdHoc(t.Context(), adHoc)
			r.check(err)
			j = r.wait(j.Id)
			r.want(j, "succeeded", int64(len(want)), 0, 0)
			if line := r.report(j.Id)["in/p/007"]; line.GetReason() != "adopted" {
				t.Errorf("the report says %v", line)
			}
			_, o := r.objectUnchecked(bucket, "p/007")
			if o.Metadata["who"] != "native" || o.Headers.ContentType != "image/png" || o.Location.BlobID != "" {
				t.Errorf("adopted %+v", o)
			}
			j, err = r.flow.RunAdHoc(t.Context(), adHoc)
			r.check(err)
			r.want(r.wait(j.Id), "succeeded", 0, int64(len(want)), 0)

			away := relocate("photos", "next")
			away.Options = &dataflowpb.PlanOptions{ReleaseSource: release}
			r.want(r.run(away), "succeeded", int64(len(want)), 0, 0)
			for key, d := range want {
				if got, o := r.object(bucket, key); !bytes.Equal(got, d) || o.Location.BackendID != next.Id {
					t.Errorf("%s: %d bytes at %s", key, len(got), o.Location.BackendID)
				}
			}
			if !release && len(r.natives(old, false)) != len(want) {
				t.Errorf("originals were deleted without being released: %d left", len(r.natives(old, false)))
			}
		})
	}
}
