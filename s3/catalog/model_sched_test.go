package catalog

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// The scheduler of the model checker. Every call of the code under test to the document store or to an object store passes a gate. All goroutines
// stand at gates (or sleep in virtual time) when the scheduler draws which one goes next; that one runs to its next gate, alone. The scheduler
// may also let an actor stand for long, let hours pass, make a call fail, make the outcome of a call unknown, or crash an actor: nothing that a
// crashed actor calls has any effect or answer any more. Everything is drawn from one seed.

// actor is one client, mover or reader.
type actor struct {
	id      int
	name    string
	body    func(ctx context.Context, a *actor)
	ops     []*operation // in the order in which it began them
	started time.Time
	frozen  int  // stands until this step
	dead    bool // crashed
	hurt    bool // met a failure
	done    bool
}

type actorKey struct{}

func actorOf(ctx context.Context) *actor {
	a, _ := ctx.Value(actorKey{}).(*actor)
	return a
}

// verdict is what a gate tells the call that stood at it.
type verdict struct {
	err   error // what the caller is told, unless nil
	apply bool  // whether the call takes effect
	late  bool  // it takes effect later, whatever the caller has done by then
	draw  uint64
}

type gate struct {
	actor *actor
	what  string
	write bool
	seq   int
	pass  chan verdict
}

type rates struct{ drop, unknown, late, crash, freeze, jump float64 }

type sched struct {
	rng   *rand.Rand
	rates rates
	jumps []time.Duration
	step  int
	free  bool // the final phase: gates stand open

	mu      sync.Mutex
	waiting []*gate
	seq     int
	actors  []*actor
	next    int      // the first actor that has not begun
	last    *actor   // the one that ran last
	delayed []func() // writes that were answered and are still to take effect
	trace   []string
	verbose bool
}

func errDead() error { return errs.Newf(errs.Unavailable, "the actor crashed") }

func (s *sched) gate(ctx context.Context, what string, write bool) verdict {
	a := actorOf(ctx)
	if s.free || a == nil {
		return verdict{apply: true}
	}
	g := &gate{actor: a, what: what, write: write, pass: make(chan verdict, 1)}
	s.mu.Lock()
	if a.dead {
		s.mu.Unlock()
		return verdict{err: errDead()}
	}
	g.seq = s.seq
	s.seq++
	s.waiting = append(s.waiting, g)
	s.mu.Unlock()
	return <-g.pass
}

func (s *sched) start(a *actor, ctx context.Context) {
	a.started = time.Now()
	go func() {
		a.body(context.WithValue(ctx, actorKey{}, a), a)
		s.mu.Lock()
		a.done = true
		s.mu.Unlock()
	}()
}

// run schedules until every actor has ended or crashed.
func (s *sched) run(ctx context.Context) {
	for {
		synctest.Wait()
		time.Sleep(time.Duration(s.rng.IntN(2000)+1) * time.Microsecond)
		if s.rng.Float64() < s.rates.jump {
			d := s.jumps[s.rng.IntN(len(s.jumps))]
			s.log("-- %v pass", d)
			time.Sleep(d)
			synctest.Wait()
		}
		if len(s.delayed) > 0 && s.rng.IntN(20) == 0 {
			s.land()
			continue
		}
		if s.next < len(s.actors) && (s.rng.IntN(8) == 0 || s.next < 2) {
			s.start(s.actors[s.next], ctx)
			s.next++
			continue
		}
		if !s.advance(ctx) {
			for len(s.delayed) > 0 {
				s.land()
			}
			return
		}
	}
}

// land lets one of the delayed writes take effect.
func (s *sched) land() {
	i := s.rng.IntN(len(s.delayed))
	do := s.delayed[i]
	s.delayed = slices.Delete(s.delayed, i, i+1)
	do()
}

// advance lets one gate open. It reports false when all is over.
func (s *sched) advance(ctx context.Context) bool {
	s.mu.Lock()
	var able, frozen []*gate
	for _, g := range s.waiting {
		if g.actor.frozen > s.step {
			frozen = append(frozen, g)
		} else {
			able = append(able, g)
		}
	}
	if len(able) == 0 {
		able = frozen
		for _, g := range frozen {
			g.actor.frozen = 0
		}
	}
	alive := slices.ContainsFunc(s.actors[:s.next], func(a *actor) bool { return !a.done && !a.dead })
	s.mu.Unlock()
	if len(able) == 0 {
		switch {
		case s.next < len(s.actors):
			s.start(s.actors[s.next], ctx)
			s.next++
		case alive:
			time.Sleep(time.Second) // they sleep
		default:
			return false
		}
		return true
	}
	// Gates that were reached at the same time are put in an order that does not depend on the Go scheduler.
	slices.SortFunc(able, func(a, b *gate) int {
		return cmp.Or(cmp.Compare(a.actor.id, b.actor.id), cmp.Compare(a.what, b.what), cmp.Compare(a.seq, b.seq))
	})
	if s.last != nil && s.rng.IntN(2) == 0 {
		if i := slices.IndexFunc(able, func(g *gate) bool { return g.actor == s.last }); i >= 0 {
			s.open(able[i])
			return true
		}
	}
	s.open(able[s.rng.IntN(len(able))])
	return true
}

func (s *sched) open(g *gate) {
	s.step++
	s.last = g.actor
	if s.rng.Float64() < s.rates.freeze {
		g.actor.frozen = s.step + 1 + s.rng.IntN(300)
		s.log("-- %s stands still", g.actor.name)
		return
	}
	v := verdict{apply: true, draw: s.rng.Uint64()}
	fate := "" // of the call
	switch p := s.rng.Float64(); {
	case p < s.rates.crash:
		s.crash(g.actor)
		return
	case p < s.rates.crash+s.rates.drop:
		v, fate = verdict{err: errs.Newf(errs.Unavailable, "a planted failure")}, " fails"
		g.actor.hurt = true
	case p < s.rates.crash+s.rates.drop+s.rates.unknown && g.write:
		v.err, fate = errs.Newf(errs.Unavailable, "a planted doubt"), " happens, but nobody knows"
		g.actor.hurt = true
	case p < s.rates.crash+s.rates.drop+s.rates.unknown+s.rates.late && g.write:
		v, fate = verdict{err: errs.Newf(errs.Unavailable, "a planted delay"), late: true}, " will happen later"
		g.actor.hurt = true
	}
	s.log("%s: %s%s", g.actor.name, g.what, fate)
	s.mu.Lock()
	s.waiting = slices.DeleteFunc(s.waiting, func(x *gate) bool { return x == g })
	s.mu.Unlock()
	g.pass <- v
}

func (s *sched) crash(a *actor) {
	s.log("-- %s crashes", a.name)
	s.mu.Lock()
	a.dead = true
	var rest []*gate
	for _, g := range s.waiting {
		if g.actor == a {
			g.pass <- verdict{err: errDead()}
		} else {
			rest = append(rest, g)
		}
	}
	s.waiting = rest
	s.mu.Unlock()
}

func (s *sched) log(format string, args ...any) {
	if s.verbose {
		s.trace = append(s.trace, fmt.Sprintf("%5d %s ", s.step, time.Now().Format("15:04:05.000"))+fmt.Sprintf(format, args...))
	}
}

// gatedDocs is the document store as the code under test sees it. Lists and batches pass one gate per document now and then,
// because they are no snapshots and no transactions.
type gatedDocs struct{ r *run }

var _ docstore.Store = gatedDocs{}

func (d gatedDocs) read(ctx context.Context, what string) (uint64, error) {
	v := d.r.gate(ctx, what, false)
	return v.draw, v.err
}

func (d gatedDocs) Get(ctx context.Context, collection, key string) (docstore.Doc, error) {
	if _, err := d.read(ctx, "get "+collection+" "+key); err != nil {
		return docstore.Doc{}, err
	}
	return d.r.docs.Get(ctx, collection, key)
}

func (d gatedDocs) GetMany(ctx context.Context, collection string, keys []string) ([]docstore.Doc, error) {
	var docs []docstore.Doc
	for _, k := range keys {
		if _, err := d.read(ctx, "get "+collection+" "+k); err != nil {
			return nil, err
		}
		part, err := d.r.docs.GetMany(ctx, collection, []string{k})
		if err != nil {
			return nil, err
		}
		docs = append(docs, part...)
	}
	return docs, nil
}

func (d gatedDocs) List(ctx context.Context, collection string, r docstore.Range) ([]docstore.Doc, error) {
	if _, err := d.read(ctx, "list "+collection+" "+r.From); err != nil {
		return nil, err
	}
	return d.r.docs.List(ctx, collection, r)
}

func (d gatedDocs) Insert(ctx context.Context, collection string, doc docstore.Doc) error {
	return d.write(ctx, docstore.Op{Kind: docstore.OpInsert, Collection: collection, Doc: doc})
}

func (d gatedDocs) Replace(ctx context.Context, collection string, doc docstore.Doc, old docstore.Rev) error {
	return d.write(ctx, docstore.Op{Kind: docstore.OpReplace, Collection: collection, Doc: doc, Old: old})
}

func (d gatedDocs) Delete(ctx context.Context, collection, key string, old docstore.Rev) error {
	return d.write(ctx, docstore.Op{Kind: docstore.OpDelete, Collection: collection, Doc: docstore.Doc{Key: key}, Old: old})
}

var opNames = []string{"", "insert", "replace", "delete"}

func (d gatedDocs) write(ctx context.Context, op docstore.Op) error {
	what := opNames[op.Kind] + " " + op.Collection + " " + op.Doc.Key
	v := d.r.gate(ctx, what, true)
	if v.late {
		d.r.delay(func() {
			d.r.log("-- late: %s", what)
			if d.do(ctx, op) == nil && op.Kind == docstore.OpInsert {
				d.r.late[op.Collection+op.Doc.Key] = actorOf(ctx)
			}
		})
	}
	if !v.apply {
		return v.err
	}
	if err := d.do(ctx, op); v.err == nil {
		return err
	}
	return v.err
}

// do lets a write take effect.
func (d gatedDocs) do(ctx context.Context, op docstore.Op) error {
	d.r.world.Lock()
	defer d.r.world.Unlock()
	before, _ := d.r.docs.get(op.Collection, op.Doc.Key)
	err := d.r.docs.one(context.WithoutCancel(ctx), op)
	if err != nil {
		d.r.log("      refused: %v", err)
	} else {
		d.r.observe(ctx, op, before)
	}
	return err
}

// delay keeps a write for later.
func (s *sched) delay(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delayed = append(s.delayed, do)
}

func (d gatedDocs) Batch(ctx context.Context, ops []docstore.Op) ([]error, error) {
	if err := docstore.CheckOps(ops); err != nil {
		return nil, err
	}
	outcomes := make([]error, len(ops))
	for i, op := range ops {
		outcomes[i] = d.write(ctx, op)
	}
	return outcomes, nil
}

func (d gatedDocs) Close() error { return nil }

func (m *memDocs) get(collection, key string) (docstore.Doc, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, ok := m.coll(collection).docs[key]
	return d, ok
}

// gatedStore is an object store as the code under test sees it.
type gatedStore struct {
	*memStore
	r  *run
	id string
}

func (s gatedStore) call(ctx context.Context, what, key string, write bool, do func() error) error {
	v := s.r.gate(ctx, s.id+": "+what+" "+key, write)
	if !v.apply {
		return v.err
	}
	s.r.world.Lock()
	defer s.r.world.Unlock()
	err := do()
	if v.err != nil {
		return v.err
	}
	return err
}

func (s gatedStore) Put(ctx context.Context, key string, body io.Reader, size int64, o adapters.PutOptions) (info adapters.Info, err error) {
	err = s.call(ctx, "put", key, true, func() (err error) {
		info, err = s.memStore.Put(ctx, key, body, size, o)
		s.r.putNative(ctx, s.id, key)
		return err
	})
	return info, err
}

func (s gatedStore) Get(ctx context.Context, key string, r adapters.Range, ifMatch string) (body io.ReadCloser, info adapters.Info, err error) {
	err = s.call(ctx, "get", key, false, func() (err error) { body, info, err = s.memStore.Get(ctx, key, r, ifMatch); return err })
	return body, info, err
}

func (s gatedStore) Delete(ctx context.Context, key, ifMatch string) error {
	return s.call(ctx, "delete", key, true, func() error {
		s.r.deleteNative(s.id, key)
		return s.memStore.Delete(ctx, key, ifMatch)
	})
}

func (s gatedStore) CreateUpload(ctx context.Context, key string, o adapters.PutOptions) (id string, err error) {
	err = s.call(ctx, "create upload", key, true, func() (err error) {
		id, err = s.memStore.CreateUpload(ctx, key, o)
		s.r.putNative(ctx, s.id, key)
		return err
	})
	return id, err
}

func (s gatedStore) PutPart(ctx context.Context, key, id string, n int, body io.Reader, size int64, sums adapters.Sums) (p adapters.Part, err error) {
	err = s.call(ctx, "put part", key, true, func() (err error) { p, err = s.memStore.PutPart(ctx, key, id, n, body, size, sums); return err })
	return p, err
}

func (s gatedStore) CompleteUpload(ctx context.Context, key, id string, parts []adapters.Part, o adapters.PutOptions) (info adapters.Info, err error) {
	err = s.call(ctx, "complete", key, true, func() (err error) { info, err = s.memStore.CompleteUpload(ctx, key, id, parts, o); return err })
	return info, err
}

func (s gatedStore) AbortUpload(ctx context.Context, key, id string) error {
	return s.call(ctx, "abort", key, true, func() error { return s.memStore.AbortUpload(ctx, key, id) })
}

func (s gatedStore) ListUploads(ctx context.Context, prefix string, limit int) (list []adapters.Upload, err error) {
	err = s.call(ctx, "list uploads", prefix, false, func() (err error) { list, err = s.memStore.ListUploads(ctx, prefix, limit); return err })
	return list, err
}
