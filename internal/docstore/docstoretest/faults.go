package docstoretest

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// Faults says how often a Faulty store misbehaves, each as a probability from 0 to 1.
type Faults struct {
	Seed    uint64  // the same seed and order of calls give the same faults
	Torn    float64 // a Batch does a random subset of its operations and answers Unavailable as a whole
	Applied float64 // a single write is done, and answers Unavailable
	Dropped float64 // a single write is not done, and answers Unavailable
	Late    float64 // a single write answers Unavailable, and is done up to LateBy afterwards, if it still can be
	LateBy  time.Duration
	Reads   float64 // a read answers Unavailable
}

// Faulty is a store whose writes have unknown outcomes now and then, as far as the rules of docstore allow. It can be away for a while as a
// server that was killed, or stand still as one that was stopped.
type Faulty struct {
	docstore.Store
	faults Faults
	late   sync.WaitGroup // writes that were answered and are still to be done

	mu      sync.Mutex
	rand    *rand.Rand
	away    bool
	stopped chan struct{} // closed when it goes on; nil: it does not stand still
}

var _ docstore.Store = (*Faulty)(nil)

// NewFaulty wraps a store. Close closes it.
func NewFaulty(s docstore.Store, f Faults) *Faulty {
	return &Faulty{Store: s, faults: f, rand: rand.New(rand.NewPCG(f.Seed, 0))}
}

// Away has every call answer Unavailable at once until it is called with false.
func (f *Faulty) Away(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = on
}

// Stop has every call wait until it is called with false, or the call's context ends. A write that was given up meanwhile is done all the same when the
// store goes on: a server that was stopped finds it in its sockets.
func (f *Faulty) Stop(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case on && f.stopped == nil:
		f.stopped = make(chan struct{})
	case !on && f.stopped != nil:
		close(f.stopped)
		f.stopped = nil
	}
}

// Wait returns when all late writes are done.
func (f *Faulty) Wait() { f.late.Wait() }

// enter is what every call passes first. With an error comes the channel that tells when a call that was given up gets through, if it ever does.
func (f *Faulty) enter(ctx context.Context) (<-chan struct{}, error) {
	f.mu.Lock()
	away, stopped := f.away, f.stopped
	f.mu.Unlock()
	if away {
		return nil, unavailable()
	}
	if stopped != nil {
		select {
		case <-stopped:
		case <-ctx.Done():
			return stopped, errs.New(errs.DeadlineExceeded, "the store stands still", ctx.Err())
		}
	}
	return nil, nil
}

func (f *Faulty) read(ctx context.Context) error {
	if _, err := f.enter(ctx); err != nil {
		return err
	}
	if f.hit(f.faults.Reads) {
		return unavailable()
	}
	return nil
}

func (f *Faulty) hit(p float64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return p > 0 && f.rand.Float64() < p
}

func unavailable() error { return errs.Newf(errs.Unavailable, "a planted fault") }

func (f *Faulty) write(ctx context.Context, do func(ctx context.Context) error) error {
	if through, err := f.enter(ctx); err != nil {
		if through != nil {
			f.late.Go(func() {
				<-through
				_ = do(context.WithoutCancel(ctx))
			})
		}
		return err
	}
	switch {
	case f.hit(f.faults.Dropped):
		return unavailable()
	case f.hit(f.faults.Late):
		f.mu.Lock()
		by := time.Duration(f.rand.Int64N(int64(f.faults.LateBy) + 1))
		f.mu.Unlock()
		f.late.Go(func() {
			time.Sleep(by)
			_ = do(context.WithoutCancel(ctx))
		})
		return unavailable()
	}
	err := do(ctx)
	if f.hit(f.faults.Applied) {
		return unavailable()
	}
	return err
}

// Get implements docstore.Store.
func (f *Faulty) Get(ctx context.Context, collection, key string) (docstore.Doc, error) {
	if err := f.read(ctx); err != nil {
		return docstore.Doc{}, err
	}
	return f.Store.Get(ctx, collection, key)
}

// GetMany implements docstore.Store.
func (f *Faulty) GetMany(ctx context.Context, collection string, keys []string) ([]docstore.Doc, error) {
	if err := f.read(ctx); err != nil {
		return nil, err
	}
	return f.Store.GetMany(ctx, collection, keys)
}

// List implements docstore.Store.
func (f *Faulty) List(ctx context.Context, collection string, r docstore.Range) ([]docstore.Doc, error) {
	if err := f.read(ctx); err != nil {
		return nil, err
	}
	return f.Store.List(ctx, collection, r)
}

// Insert implements docstore.Store.
func (f *Faulty) Insert(ctx context.Context, collection string, d docstore.Doc) error {
	return f.write(ctx, func(ctx context.Context) error { return f.Store.Insert(ctx, collection, d) })
}

// Replace implements docstore.Store.
func (f *Faulty) Replace(ctx context.Context, collection string, d docstore.Doc, old docstore.Rev) error {
	return f.write(ctx, func(ctx context.Context) error { return f.Store.Replace(ctx, collection, d, old) })
}

// Delete implements docstore.Store.
func (f *Faulty) Delete(ctx context.Context, collection, key string, old docstore.Rev) error {
	return f.write(ctx, func(ctx context.Context) error { return f.Store.Delete(ctx, collection, key, old) })
}

// Batch implements docstore.Store. A torn batch is done in a random order up to a random point, some of it left out.
func (f *Faulty) Batch(ctx context.Context, ops []docstore.Op) ([]error, error) {
	if err := docstore.CheckOps(ops); err != nil {
		return nil, err
	}
	if through, err := f.enter(ctx); err != nil {
		if through != nil {
			f.late.Go(func() {
				<-through
				_, _ = f.Store.Batch(context.WithoutCancel(ctx), ops)
			})
		}
		return nil, err
	}
	if !f.hit(f.faults.Torn) {
		return f.Store.Batch(ctx, ops)
	}
	f.mu.Lock()
	order := f.rand.Perm(len(ops))[:f.rand.IntN(len(ops)+1)]
	f.mu.Unlock()
	for _, i := range order {
		// The outcome is lost with the answer.
		_, _ = f.Store.Batch(ctx, ops[i:i+1])
	}
	return nil, unavailable()
}
