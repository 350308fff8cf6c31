package moving

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/adaptertest"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// copying is a store that copies up to 100,000 bytes by itself.
func copying(change func(c *adapters.Capabilities)) *adaptertest.Limited {
	return can(func(c *adapters.Capabilities) {
		c.ServerCopy, c.MaxCopySize = true, 100_000
		change(c)
	})
}

// ends are a source and a destination on the one store "s".
type ends struct {
	name     string
	from, to *dataflowpb.Endpoint
}

func (r *rig) inStore(t *testing.T) (all []ends, put func(e ends, key string, d []byte), get func(e ends, key string) []byte) {
	b := r.limit("s")
	bucket := r.bucket("first", b)
	second := r.bucket("second", b)
	all = []ends{
		{"bucket to bucket", bucketEnd("first", ""), bucketEnd("second", "")},
		{"bucket to backend", bucketEnd("first", ""), backendEnd("s", "out/")},
		{"backend to backend", backendEnd("s", "in/"), backendEnd("s", "out/")},
	}
	put = func(e ends, key string, d []byte) {
		if e.from.Bucket != "" {
			r.put(bucket, key, d)
		} else {
			r.raw(b, "in/"+key, d)
		}
	}
	get = func(e ends, key string) []byte {
		if e.to.Bucket != "" {
			d, _ := r.object(second, key)
			return d
		}
		d, _ := r.native(b, "out/"+key)
		return d
	}
	return all, put, get
}

func eachEnds(t *testing.T, o func() *adaptertest.Limited, test func(t *testing.T, r *rig, l *adaptertest.Limited, e ends, put func(string, []byte), get func(string) []byte)) {
	for i := range 3 {
		l := o()
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{mover: small, limited: map[string]*adaptertest.Limited{"s": l}})
			all, put, get := r.inStore(t)
			e := all[i]
			t.Log(e.name)
			test(t, r, l, e, func(key string, d []byte) { put(e, key, d) }, func(key string) []byte { return get(e, key) })
		})
	}
}

// TestCopyInStore copies and moves within one store: no byte of what it copies by itself travels, unless it is to be read back.
func TestCopyInStore(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"copy", "move"} {
		for _, sums := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, checksums %v", mode, sums), func(t *testing.T) {
				t.Parallel()
				fresh := func() *adaptertest.Limited {
					return copying(func(c *adapters.Capabilities) { c.StoresChecksum = sums })
				}
				eachEnds(t, fresh, func(t *testing.T, r *rig, l *adaptertest.Limited, e ends, put func(string, []byte), get func(string) []byte) {
					want := map[string][]byte{}
					for _, n := range []int{0, 1, 1000, 100_000, 100_001} {
						key := fmt.Sprint("k", n)
						want[key] = data(key, n)
						put(key, want[key])
					}
					before := l.Moved.Load()
					j := r.run(&dataflowpb.Plan{Name: "p", Mode: mode, Source: e.from, Destination: e.to})
					r.want(j, "succeeded", int64(len(want)), 0, 0)
					known := sums || e.from.Bucket != "" // the checksum of the source
					moved, copies := l.Moved.Load()-before, l.Copies.Load()
					through := int64(2 * 100_001) // in and out
					switch {
					case sums:
					case known:
						through += 1 + 1000 + 100_000 + 100_001 // read back
					default:
						through += 2*(1+1000+100_000) + 1 + 1000 + 100_000 + 100_001
					}
					if wantCopies := int64(3); copies != wantCopies && known || !known && copies != 0 || moved != through {
						t.Errorf("%d copies in the store, %d bytes travelled; want %d bytes", copies, moved, through)
					}
					report := r.report(j.Id)
					for key, d := range want {
						if got := get(key); !bytes.Equal(got, d) {
							t.Errorf("%s has %d bytes, want %d", key, len(got), len(d))
						}
						line := report[key]
						if line == nil {
							line = report["in/"+key]
						}
						inStore := known && len(d) > 0 && len(d) <= 100_000
						if strings.HasPrefix(line.GetProof(), "copied-in-store, ") != inStore || line.GetDestination().GetChecksum() == "" {
							t.Errorf("%s: the report says %v", key, line)
						}
					}
				})
			})
		}
	}
}

// TestCopyInStoreFails has the store fail to copy: the bytes travel instead, and nothing is left over.
func TestCopyInStoreFails(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]error{
		"refused":    errs.Newf(errs.Unimplemented, "no copies today"),
		"too large":  errs.Newf(errs.InvalidArgument, "too large"),
		"forbidden":  errs.Newf(errs.PermissionDenied, "no permission to copy"),
		"cut midway": errs.Newf(errs.Unavailable, "the connection broke"),
		"broken":     errs.Newf(errs.Internal, "internal error"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fresh := func() *adaptertest.Limited {
				l := copying(func(*adapters.Capabilities) {})
				l.CopyFault = func() error { return fault }
				return l
			}
			eachEnds(t, fresh, func(t *testing.T, r *rig, l *adaptertest.Limited, e ends, put func(string, []byte), get func(string) []byte) {
				want := data("k", 5000)
				put("k", want)
				j := r.run(&dataflowpb.Plan{Name: "p", Mode: "move", Source: e.from, Destination: e.to})
				r.want(j, "succeeded", 1, 0, 0)
				if got := get("k"); !bytes.Equal(got, want) || l.Copies.Load() != 0 {
					t.Errorf("got %d bytes after %d copies", len(got), l.Copies.Load())
				}
			})
		})
	}
}

// TestStoreThatCopiesOtherBytes is found out: nothing of it is visible, and the source stays.
func TestStoreThatCopiesOtherBytes(t *testing.T) {
	t.Parallel()
	for _, sums := range []bool{true, false} {
		fresh := func() *adaptertest.Limited {
			l := copying(func(c *adapters.Capabilities) { c.StoresChecksum = sums })
			l.CopyLies = true
			return l
		}
		t.Run(fmt.Sprint("checksums ", sums), func(t *testing.T) {
			t.Parallel()
			eachEnds(t, fresh, func(t *testing.T, r *rig, l *adaptertest.Limited, e ends, put func(string, []byte), get func(string) []byte) {
				if !sums && e.from.Bucket == "" {
					t.Skip("without a checksum of the source the bytes travel")
				}
				put("k", data("k", 5000))
				j := r.run(&dataflowpb.Plan{Name: "p", Mode: "move", Source: e.from, Destination: e.to})
				r.want(j, "failed", 0, 0, 1)
				if got := get("k"); got != nil || l.Copies.Load() == 0 {
					t.Errorf("%d bytes are visible after %d copies", len(got), l.Copies.Load())
				}
				for _, line := range r.report(j.Id) {
					if !strings.HasPrefix(line.GetReason(), "data_loss: ") {
						t.Errorf("the report says %v", line)
					}
				}
				j = r.run(&dataflowpb.Plan{Name: "still there", Mode: "copy", Source: e.from, Destination: backendEnd(r.backend("other").Name, "")})
				r.want(j, "succeeded", 1, 0, 0)
			})
		})
	}
}

// TestSourceChangesBeforeItIsCopiedInStore copies what is there then, whole.
func TestSourceChangesBeforeItIsCopiedInStore(t *testing.T) {
	t.Parallel()
	eachEnds(t, func() *adaptertest.Limited { return copying(func(*adapters.Capabilities) {}) }, func(t *testing.T, r *rig, l *adaptertest.Limited, e ends, put func(string, []byte), get func(string) []byte) {
		put("k", data("old", 5000))
		var once sync.Once
		var changed atomic.Bool
		l.CopyFault = func() error {
			once.Do(func() {
				put("k", data("new", 6000))
				changed.Store(true)
			})
			return nil
		}
		j := r.run(&dataflowpb.Plan{Name: "p", Mode: "move", Source: e.from, Destination: e.to, Options: &dataflowpb.PlanOptions{Overwrite: "always"}})
		r.want(j, "succeeded", 1, 0, 0)
		if got := get("k"); !changed.Load() || !bytes.Equal(got, data("new", 6000)) {
			t.Errorf("got %d bytes, want the 6,000 that were written meanwhile (%v)", len(got), changed.Load())
		}
	})
}
