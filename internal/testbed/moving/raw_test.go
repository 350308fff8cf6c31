package moving

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// A store that judges no conditions is asked before, and the report says so.
func TestMoveBetweenStoresWithoutConditions(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{mover: small})
	r.faults.set(func(f *faults) {
		f.caps = func(c *adapters.Capabilities) { c.ConditionalPut, c.ConditionalDelete = false, false }
	})
	src, dst := r.place("backend", "a", ""), r.place("backend", "b", "")
	want := r.fill(src.put, 20)
	j := r.run(&dataflowpb.Plan{Name: "p", Mode: "move", Source: src.end, Destination: dst.end})
	r.want(j, "succeeded", int64(len(want)), 0, 0)
	for key, d := range want {
		if !bytes.Equal(dst.get(key), d) || src.get(key) != nil {
			t.Errorf("%s was not moved", key)
		}
	}
	if line := r.report(j.Id)["k/00003"]; line.GetReason() != "source deleted after a fresh HEAD" {
		t.Errorf("the report says %v", line)
	}
}

// At a raw destination a wrong copy is visible at once: it is taken away again, and the source stays.
func TestWrongCopyAtARawDestinationIsRetracted(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{mover: small})
	src, dst := r.place("backend", "a", ""), r.place("backend", "b", "")
	b := r.mustBackend("b")
	src.put("small", data("small", 100))
	src.put("large", data("large", 100_000))
	r.faults.set(func(f *faults) {
		f.body = func(o op, _ int64, body io.ReadCloser) io.ReadCloser {
			if o.place == b.BucketName {
				return &rotten{ReadCloser: body}
			}
			return body
		}
	})
	j := r.run(&dataflowpb.Plan{Name: "p", Mode: "move", Source: src.end, Destination: dst.end, Options: &dataflowpb.PlanOptions{Verify: "full"}})
	r.want(j, "failed", 0, 0, 2)
	r.faults.set(func(f *faults) { f.body = nil })
	for _, key := range []string{"small", "large"} {
		if dst.get(key) != nil || src.get(key) == nil {
			t.Errorf("%s: at the destination %v, at the source %v", key, dst.get(key) != nil, src.get(key) != nil)
		}
	}
}

// The destination changes between the walk and the copy: the rule is asked again, and nothing that it protects is overwritten.
func TestDestinationChangesMeanwhile(t *testing.T) {
	t.Parallel()
	for _, to := range []string{"bucket", "backend"} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, options{mover: small})
			src, dst := r.place("backend", "a", ""), r.place(to, "b", "")
			a := r.mustBackend("a")
			for _, key := range []string{"calm", "taken", "large"} {
				src.put(key, data(key, 100))
			}
			src.put("large", data("large", 100_000))
			first := map[string]*sync.Once{"taken": {}, "large": {}} // not one count: the parts of large would use it up
			r.faults.set(func(f *faults) {
				f.past = func(o op) {
					if once := first[o.key]; o.place == a.BucketName && o.name == "get" && once != nil {
						once.Do(func() { dst.put(o.key, []byte("a user was faster with "+o.key)) })
					}
				}
			})
			j := r.run(&dataflowpb.Plan{Name: "p", Mode: "copy", Source: src.end, Destination: dst.end, Options: &dataflowpb.PlanOptions{Overwrite: "never"}})
			r.want(j, "succeeded", 1, 2, 0)
			for _, key := range []string{"taken", "large"} {
				if got := string(dst.get(key)); got != "a user was faster with "+key {
					t.Errorf("%s is %.40q", key, got)
				}
				if line := r.report(j.Id)[key]; line.GetReason() != "exists" {
					t.Errorf("the report says %v", line)
				}
			}
		})
	}
}

func TestConcurrencyIsLimited(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	src, b := r.place("bucket", "a", ""), r.backend("b")
	want := r.fill(src.put, 1100) // three tasks
	var now, most atomic.Int32
	r.faults.set(func(f *faults) {
		f.hook = func(_ context.Context, o op) error {
			if o.place == b.BucketName && o.name == "put" {
				n := now.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
			}
			return nil
		}
		f.past = func(o op) {
			if o.place == b.BucketName && o.name == "put" {
				now.Add(-1)
			}
		}
	})
	p := relocate("bucket-a", "b")
	p.Options = &dataflowpb.PlanOptions{Concurrency: 3}
	r.want(r.run(p), "succeeded", int64(len(want)), 0, 0)
	if most.Load() > 3 {
		t.Errorf("%d objects were copied at once", most.Load())
	}
}

// Keys that are hard for listings, prefixes and native names, and those that no destination takes.
func TestHardKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	src, dst := r.place("bucket", "a", "p"), r.place("backend", "b", "")
	keys := []string{"p", "p/", "p//x", "p/../y", "p/ ", "p%2F", "p+", "pé", "p\U0001F600", "p" + strings.Repeat("k", 1023), "p/." + string(rune(0x7f))}
	for _, key := range keys {
		src.put(key, []byte(key))
	}
	j := r.run(&dataflowpb.Plan{Name: "p", Mode: "copy", Source: src.end, Destination: dst.end})
	r.want(j, "succeeded", int64(len(keys)-1), 1, 0)
	for _, key := range keys[1:] {
		if got := dst.get(key[1:]); string(got) != key {
			t.Errorf("%q became %.40q", key, got)
		}
	}
	if line := r.report(j.Id)["p"]; line.GetReason() != "its key would be empty at the destination" {
		t.Errorf("the report says %v", line)
	}
	back := r.bucket("back", r.mustBackend("a"))
	j = r.run(&dataflowpb.Plan{Name: "back", Mode: "copy", Source: backendEnd("b", ""), Destination: bucketEnd("back", "again/")})
	r.want(j, "failed", int64(len(keys)-2), 0, 1) // 1,023 bytes and the prefix are too many
	if got, _ := r.object(back, "again/é"); string(got) != "pé" {
		t.Errorf("the way back made %q", got)
	}
	if want := fmt.Sprintf("%v", r.report(j.Id)[strings.Repeat("k", 1023)].GetOutcome()); want != "failed" {
		t.Errorf("a key that is too long is %s", want)
	}
}
