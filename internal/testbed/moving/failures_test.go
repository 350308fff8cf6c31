package moving

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/dataflowpb"
)

func TestFailuresAreExactAndTheRestIsDone(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{mover: small})
	a, b := r.backend("a"), r.backend("b")
	bucket := r.bucket("photos", a)
	for i := range 60 {
		r.put(bucket, fmt.Sprintf("good/%02d", i), data("good", i))
	}
	for _, key := range []string{"bad/1", "bad/2", "bad/large"} {
		n := 10
		if key == "bad/large" {
			n = 100_000
		}
		r.put(bucket, key, data(key, n))
	}
	var mu sync.Mutex
	hiccups := map[string]int{}
	r.faults.set(func(f *faults) {
		f.hook = func(_ context.Context, o op) error {
			if o.place != b.BucketName || o.name != "put" && o.name != "part" {
				return nil
			}
			if strings.HasPrefix(o.key, "photos/bad/") {
				return errs.New(errs.PermissionDenied, "the store refused", fmt.Errorf("secret detail"))
			}
			at := o.key[:strings.LastIndexByte(o.key, '.')]
			mu.Lock()
			defer mu.Unlock()
			if hiccups[at]++; hiccups[at] == 1 && strings.HasSuffix(at, "7") {
				return errs.New(errs.Unavailable, "the store is away", nil) // passes
			}
			return nil
		}
	})
	j := r.run(relocate("photos", "b"))
	r.want(j, "failed", 60, 0, 3)
	if !strings.HasPrefix(j.Error, "3 of 63 objects failed") {
		t.Errorf("the job says %q", j.Error)
	}
	for key, line := range r.report(j.Id) {
		bad := strings.HasPrefix(key, "bad/")
		if (line.Outcome == "failed") != bad || bad && line.Reason != "permission_denied: the store refused" {
			t.Errorf("%s: the report says %v", key, line)
		}
		want := b.Id
		if bad {
			want = a.Id
		}
		if _, o := r.object(bucket, key); o.Location.BackendID != want {
			t.Errorf("%s lies at %s", key, o.Location.BackendID)
		}
	}
	// Once the store has recovered, another run does the rest.
	r.faults.set(func(f *faults) { f.hook = nil })
	r.want(r.run(&dataflowpb.Plan{Name: j.PlanName}), "succeeded", 3, 60, 0)
}

func TestWrongBytesAreNeverCommitted(t *testing.T) {
	t.Parallel()
	for _, to := range []string{"relocate", "bucket", "backend"} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{mover: small})
			src := r.place("bucket", "a", "")
			src.put("good", data("good", 100))
			src.put("rotten", data("rotten", 100))
			src.put("rotten/large", data("rotten", 100_000))
			a := src.r.mustBackend("a")
			r.faults.set(func(f *faults) {
				f.body = func(o op, at int64, body io.ReadCloser) io.ReadCloser {
					if o.place == a.BucketName && strings.Contains(o.key, "rotten") {
						return &rotten{ReadCloser: body}
					}
					return body
				}
			})
			var j *dataflowpb.Job
			var dst place
			if to == "relocate" {
				b := r.backend("b")
				dst = place{r: r, raw: b}
				j = r.run(relocate("bucket-a", "b"))
			} else {
				dst = r.place(to, "b", "")
				j = r.run(&dataflowpb.Plan{Name: "p", Mode: "move", Source: src.end, Destination: dst.end})
			}
			r.want(j, "failed", 1, 0, 2)
			if line := r.report(j.Id)["rotten"]; !strings.HasPrefix(line.GetReason(), "data_loss: ") {
				t.Errorf("the report says %v", line)
			}
			r.faults.set(func(f *faults) { f.body = nil })
			for _, key := range []string{"rotten", "rotten/large"} {
				if _, o := r.object(src.bucket, key); o.Location.BackendID != a.Id {
					t.Errorf("%s is gone from its place", key)
				}
				if to != "relocate" && dst.get(key) != nil {
					t.Errorf("%s arrived", key)
				}
			}
		})
	}
}

func TestUnverifiedCopiesAreReadBack(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name, verify, proof string
		mute                func(op, *adapters.Info)
		spoil               bool
	}{
		{"the store says nothing", "", "read-back-crc64nvme", func(_ op, i *adapters.Info) { i.Verified, i.Proof, i.CRC64 = false, "", nil }, false},
		{"the store has a checksum", "", "store-crc64nvme", func(o op, i *adapters.Info) { i.Verified, i.Proof = false, "" }, false},
		{"full", "full", "read-back-crc64nvme", nil, false},
		{"what was stored is wrong", "full", "", nil, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{mover: small})
			a, b := r.backend("a"), r.backend("b")
			bucket := r.bucket("photos", a)
			r.put(bucket, "small", data("small", 100))
			r.put(bucket, "large", data("large", 100_000))
			r.faults.set(func(f *faults) {
				f.mute = x.mute
				if x.spoil {
					f.body = func(o op, _ int64, body io.ReadCloser) io.ReadCloser {
						if o.place == b.BucketName {
							return &rotten{ReadCloser: body}
						}
						return body
					}
				}
			})
			p := relocate("photos", "b")
			p.Options = &dataflowpb.PlanOptions{Verify: x.verify}
			j := r.run(p)
			if x.spoil {
				r.want(j, "failed", 0, 0, 2)
				return
			}
			r.want(j, "succeeded", 2, 0, 0)
			for key, line := range r.report(j.Id) {
				if line.Proof != x.proof && !(key == "large" && x.proof == "store-crc64nvme") {
					t.Errorf("%s: proof %q, want %q", key, line.Proof, x.proof)
				}
			}
		})
	}
}

func TestSourceChangesWhileItIsCopied(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"relocate", "move bucket", "move backend"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{mover: small})
			kind := strings.TrimPrefix(strings.TrimPrefix(mode, "move "), "relocate")
			if kind == "" {
				kind = "bucket"
			}
			src, b := r.place(kind, "a", ""), r.backend("b")
			a := r.mustBackend("a")
			for _, key := range []string{"calm", "changed", "deleted", "large/changed"} {
				n := 100
				if key == "large/changed" {
					n = 100_000
				}
				src.put(key, data(key, n))
			}
			var mu sync.Mutex
			seen := map[string]bool{}
			r.faults.set(func(f *faults) {
				f.past = func(o op) {
					if o.place != a.BucketName || o.name != "get" {
						return
					}
					for _, key := range []string{"large/changed", "changed", "deleted"} {
						if !strings.Contains(o.key, key) {
							continue
						}
						mu.Lock()
						first := !seen[key]
						seen[key] = true
						mu.Unlock()
						switch {
						case !first:
						case key != "deleted":
							src.put(key, data("new "+key, 120_000))
						case src.raw != nil:
							r.check(r.store(src.raw).Delete(context.Background(), key, ""))
						default:
							_, err := r.heads.Delete(context.Background(), deleteOf(src.bucket.Name, key))
							r.check(err)
						}
						return
					}
				}
			})
			var j *dataflowpb.Job
			var got func(key string) []byte
			if mode == "relocate" {
				j = r.run(relocate("bucket-a", "b"))
				got = func(key string) []byte {
					d, o := r.object(src.bucket, key)
					if d != nil && o.Location.BackendID != b.Id {
						t.Errorf("%s lies at %s", key, o.Location.BackendID)
					}
					return d
				}
			} else {
				j = r.run(&dataflowpb.Plan{Name: "p", Mode: "move", Source: src.end, Destination: backendEnd("b", "")})
				got = func(key string) []byte { d, _ := r.native(b, key); return d }
				for _, key := range []string{"calm", "changed", "deleted", "large/changed"} {
					if src.get(key) != nil {
						t.Errorf("%s is still at the source", key)
					}
				}
			}
			if j.Status != "succeeded" {
				t.Errorf("the job ended %v", j)
			}
			for _, key := range []string{"changed", "large/changed"} {
				if !bytes.Equal(got(key), data("new "+key, 120_000)) {
					t.Errorf("%s is not the new version", key)
				}
			}
			if line := r.report(j.Id)["deleted"]; mode == "relocate" && (line.GetOutcome() != "skipped" || line.GetReason() != "deleted" || got("deleted") != nil) {
				t.Errorf("deleted: the report says %v", line)
			}
		})
	}
}
