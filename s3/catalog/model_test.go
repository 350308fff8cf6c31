package catalog

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

const (
	modelTTL  = 30 * time.Second
	modelSkew = 30 * time.Second // the most by which a clock is wrong
)

// interleave runs one interleaving and returns what went wrong.
func interleave(t *testing.T, seed uint64, f fault, verbose bool) (r *run) {
	cryptotest.SetGlobalRandom(t, seed)
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(seed, 1))
		r = newRun(rng, seed, verbose)
		cats := []*Catalog{r.catalog(t, f, rng), r.catalog(t, f, rng)}
		r.onlyVersions = f == (fault{}) && seed%4 == 0 || f.skipShift || f.skipSlot || f.skipSlotCheck || f.skipVersions || f.skipSecond
		r.reads = f.skipSecond
		r.versioned = r.onlyVersions || f == (fault{}) && seed%4 == 1
		r.setUp(t, cats[0])
		r.cast(cats)
		r.run(t.Context())
		r.finish(t, f)
	})
	return r
}

func newRun(rng *rand.Rand, seed uint64, verbose bool) *run {
	r := &run{
		seed: seed, docs: newMemDocs(), stores: map[string]*memStore{"a": newMemStore(), "b": newMemStore()}, grace: time.Hour,
		ops: map[string]*operation{}, owner: map[docstore.Rev]*operation{}, shows: map[string][]event{}, natives: map[string]*native{},
		history: map[string][]layersEvent{}, states: map[string][]stateEvent{}, alive: map[string]bool{}, late: map[string]*actor{},
	}
	r.rng, r.verbose = rng, verbose
	r.told = toldEvents{owed: map[docstore.Rev]string{}, committed: map[docstore.Rev]bool{}, delivered: map[docstore.Rev]int{}}
	r.jumps = []time.Duration{3 * time.Second, 40 * time.Second, 40 * time.Second, 10 * time.Minute, time.Hour + time.Minute, 3 * time.Hour}
	pick := func(rates ...float64) float64 { return rates[rng.IntN(len(rates))] }
	r.rates = rates{drop: pick(0, 0, 0.01, 0.03), unknown: pick(0, 0, 0.02), late: pick(0, 0, 0.01, 0.03), crash: pick(0, 0.003, 0.01), freeze: pick(0, 0.01, 0.03), jump: pick(0, 0.005, 0.02, 0.05)}
	return r
}

// catalog makes one process. Some of them do not look at their clocks: safety must not rest on it.
func (r *run) catalog(t *testing.T, f fault, rng *rand.Rand) *Catalog {
	f.noDeadline = f.noDeadline || rng.IntN(2) == 0
	skew := time.Duration(0)
	if rng.IntN(2) == 0 {
		skew = time.Duration(rng.Int64N(int64(2*modelSkew))) - modelSkew
	}
	stores := memStores{}
	for id, s := range r.stores {
		stores[id] = gatedStore{s, r, id}
	}
	c, err := New(gatedDocs{r}, stores, blob.TagOf("model"), Options{TTL: modelTTL, GarbageGrace: r.grace, minPart: 1, page: []int{1, 2, 3, 0}[rng.IntN(4)], fault: f, skew: skew})
	if err != nil {
		t.Fatal(err)
	}
	c.SetNotifier(modelNotifier{})
	return c
}

func (r *run) setUp(t *testing.T, c *Catalog) {
	r.free = true
	for _, name := range modelBuckets {
		if _, err := c.CreateBucket(t.Context(), Bucket{Name: name, Owner: "u", BackendID: "a"}, modelSettings); err != nil {
			t.Fatal(err)
		}
		if r.versioned && r.rng.IntN(3) > 0 {
			if _, err := c.SetVersioning(t.Context(), Bucket{Name: name}, Enabled); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := r.stores["a"].Put(t.Context(), foreign, strings.NewReader("from outside"), -1, adapters.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	if r.reads {
		cl := &client{r: r, a: &actor{name: "before"}, c: c}
		for range 4 {
			cl.put(t.Context(), modelBuckets[0], modelKeys[0], Condition{}, "")
		}
	}
	r.free = false
}

// cast draws who takes part.
func (r *run) cast(cats []*Catalog) {
	add := func(name string, body func(ctx context.Context, cl *client)) {
		c := cats[r.rng.IntN(len(cats))]
		a := &actor{id: len(r.actors), name: fmt.Sprintf("%s%d", name, len(r.actors))}
		a.body = func(ctx context.Context, a *actor) {
			body(WithCause(ctx, Cause{Event: "Changed"}), &client{r: r, a: a, c: c})
		}
		r.actors = append(r.actors, a)
	}
	sweepers := 0
	for range 4 + r.rng.IntN(6) {
		bucket, key := modelBuckets[r.rng.IntN(8)/7], modelKeys[r.rng.IntN(4)/3]
		cond := Condition{IfAbsent: r.rng.IntN(5) == 0}
		kinds := 12
		if r.versioned {
			kinds = 19
		}
		kind := r.rng.IntN(kinds)
		if r.onlyVersions {
			kind = []int{0, 8, 18, 12, 13, 15, 16, 16}[r.rng.IntN(8)]
			if r.reads {
				kind = 12 + r.rng.IntN(2)*(3+r.rng.IntN(2)) // those who delete versions, read versions, or put and delete
			}
		}
		switch kind {
		case 0, 1, 2:
			add("put", func(ctx context.Context, cl *client) {
				cl.put(ctx, bucket, key, cond, "")
				cl.put(ctx, bucket, key, Condition{}, "")
			})
		case 3, 4:
			add("del", func(ctx context.Context, cl *client) {
				cl.remove(ctx, bucket, key, cond.IfAbsent)
				_, _ = cl.get(ctx, bucket, key)
			})
		case 5:
			add("move", func(ctx context.Context, cl *client) {
				cl.relocate(ctx, bucket, key)
				cl.relocate(ctx, bucket, key)
			})
		case 6:
			add("get", func(ctx context.Context, cl *client) {
				for range 3 {
					_, _ = cl.get(ctx, bucket, key)
				}
			})
		case 7:
			add("copy", func(ctx context.Context, cl *client) {
				if text, err := cl.get(ctx, bucket, key); err == nil {
					cl.put(ctx, bucket, modelKeys[1], cond, text)
				}
			})
		case 8:
			sh := &shared{}
			add("mpu", func(ctx context.Context, cl *client) { cl.multipart(ctx, bucket, key, cond, sh) })
			abort := r.rng.IntN(4) == 0
			add("helper", func(ctx context.Context, cl *client) {
				for range 12 {
					if v := cl.r.gate(ctx, "wait", false); cl.a.dead || v.err != nil {
						return
					}
					if sh.ready {
						break
					}
				}
				switch {
				case !sh.ready:
				case abort:
					cl.abort(ctx, sh)
				default:
					cl.complete(ctx, sh, cond)
				}
			})
		case 9:
			add("admin", func(ctx context.Context, cl *client) { cl.administer(ctx, bucket) })
		case 10:
			add("batch", func(ctx context.Context, cl *client) { cl.putMany(ctx, bucket) })
		case 11:
			add("adopt", func(ctx context.Context, cl *client) { cl.adopt(ctx, bucket, key) })
		case 12, 13:
			add("delver", func(ctx context.Context, cl *client) {
				for range 3 {
					cl.removeVersion(ctx, bucket, key)
				}
			})
		case 14:
			add("amend", func(ctx context.Context, cl *client) {
				cl.amend(ctx, bucket, key)
				cl.amend(ctx, bucket, key)
			})
		case 15:
			add("getver", func(ctx context.Context, cl *client) {
				for range 3 {
					cl.getVersion(ctx, bucket, key)
				}
			})
		case 16:
			add("putdel", func(ctx context.Context, cl *client) {
				cl.put(ctx, bucket, key, Condition{}, "")
				cl.remove(ctx, bucket, key, false)
				cl.put(ctx, bucket, key, cond, "")
			})
		case 17:
			add("switch", func(ctx context.Context, cl *client) {
				cl.setVersioning(ctx, bucket, Suspended)
				cl.setVersioning(ctx, bucket, Enabled)
			})
		case 18:
			add("vmove", func(ctx context.Context, cl *client) {
				cl.relocate(ctx, bucket, key)
				cl.relocate(ctx, bucket, key)
			})
		}
		if sweepers < 3 && r.rng.IntN(2) == 0 {
			sweepers++
			add("sweep", func(ctx context.Context, cl *client) { cl.sweeper(ctx) })
		}
	}
}

// finish lets a fresh process do everything that is owed, and looks at what is left.
func (r *run) finish(t *testing.T, f fault) {
	r.free = true
	r.log("-- all is over; what is owed is done")
	c := r.catalog(t, f, r.rng)
	// Small pages may take more passes: what was committed late under an old id is settled after what it builds on.
	for round := 0; round < 5 || round < 25 && len(r.docs.coll(collJournal).keys)+len(r.docs.coll(collGarbage).keys) > 0; round++ {
		time.Sleep(r.grace + modelTTL + time.Minute)
		if err := c.sweepUploads(t.Context()); err != nil {
			r.violate("uploads: %v", err)
		}
		for shard := range shards {
			if err := c.sweep(t.Context(), shard); err != nil {
				r.violate("sweep: %v", err)
			}
			if _, err := c.collect(t.Context(), shard); err != nil {
				r.violate("collect: %v", err)
			}
			for len(r.docs.coll(collEvents).keys) > 0 && r.waiting(shard) {
				if err := r.deliver(t.Context(), c, shard); err != nil {
					r.violate("deliver: %v", err)
				}
			}
		}
		time.Sleep(12 * time.Hour)
	}
	for _, name := range modelBuckets {
		if _, err := c.readBucket(t.Context(), name); err != nil && !errs.Is(err, errs.NotFound) {
			r.violate("bucket %s: %v", name, err)
		}
	}
	r.wantQuiet()
	r.wantTold()
}

// TestModel runs many interleavings. GELATO_MODEL_SEED replays one and prints it; GELATO_MODEL_SECONDS sets how long it looks for others.
func TestModel(t *testing.T) {
	if s := os.Getenv("GELATO_MODEL_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		report(t, interleave(t, seed, fault{}, true))
		return
	}
	budget := 20 * time.Second
	if s, err := strconv.Atoi(os.Getenv("GELATO_MODEL_SECONDS")); err == nil {
		budget = time.Duration(s) * time.Second
	}
	if testing.Short() {
		budget = 3 * time.Second
	}
	begun, seed, steps := time.Now(), uint64(1), 0
	for ; time.Since(begun) < budget; seed++ {
		r := interleave(t, seed, fault{}, false)
		steps += r.step
		if len(r.broken) > 0 {
			report(t, interleave(t, seed, fault{}, true))
			break
		}
	}
	t.Logf("%d interleavings, %d steps", seed-1, steps)
}

func report(t *testing.T, r *run) {
	t.Helper()
	if len(r.broken) == 0 {
		return
	}
	trace := strings.Join(r.trace, "\n")
	t.Errorf("seed %d (GELATO_MODEL_SEED=%d replays it):\n%s\n\n%s", r.seed, r.seed, trace, strings.Join(r.broken, "\n"))
}
