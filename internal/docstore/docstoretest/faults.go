package docstoretest

import (
	"context"
	"math/rand/v2"
	"sync"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// Faults says how often a Faulty store misbehaves, each as a probability from 0 to 1.
type Faults struct {
	Seed    uint64  // the same seed and order of calls give the same faults
	Torn    float64 // a Batch does a random subset of its operations and answers Unavailable as a whole
	Applied float64 // a single write is done, and answers Unavailable
	Dropped float64 // a single write is not done, and answers Unavailable
	Reads   float64 // a read answers Unavailable
}

// Faulty is a store whose writes have unknown outcomes now and then, as far as the rules of docstore allow.
type Faulty struct {
	docstore.Store
	faults Faults

	mu   sync.Mutex
	rand *rand.Rand
}

var _ docstore.Store = (*Faulty)(nil)

// NewFaulty wraps a store. Close closes it.
func NewFaulty(s docstore.Store, f Faults) *Faulty {
	return &Faulty{Store: s, faults: f, rand: rand.New(rand.NewPCG(f.Seed, 0))}
}

func (f *Faulty) hit(p float64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return p > 0 && f.rand.Float64() < p
}

func unavailable() error { return errs.Newf(errs.Unavailable, "a planted fault") }

func (f *Faulty) write(do func() error) error {
	if f.hit(f.faults.Dropped) {
		return unavailable()
	}
	err := do()
	if f.hit(f.faults.Applied) {
		return unavailable()
	}
	return err
}

// Get implements docstore.Store.
func (f *Faulty) Get(ctx context.Context, collection, key string) (docstore.Doc, error) {
	if f.hit(f.faults.Reads) {
		return docstore.Doc{}, unavailable()
	}
	return f.Store.Get(ctx, collection, key)
}

// GetMany implements docstore.Store.
func (f *Faulty) GetMany(ctx context.Context, collection string, keys []string) ([]docstore.Doc, error) {
	if f.hit(f.faults.Reads) {
		return nil, unavailable()
	}
	return f.Store.GetMany(ctx, collection, keys)
}

// List implements docstore.Store.
func (f *Faulty) List(ctx context.Context, collection string, r docstore.Range) ([]docstore.Doc, error) {
	if f.hit(f.faults.Reads) {
		return nil, unavailable()
	}
	return f.Store.List(ctx, collection, r)
}

// Insert implements docstore.Store.
func (f *Faulty) Insert(ctx context.Context, collection string, d docstore.Doc) error {
	return f.write(func() error { return f.Store.Insert(ctx, collection, d) })
}

// Replace implements docstore.Store.
func (f *Faulty) Replace(ctx context.Context, collection string, d docstore.Doc, old docstore.Rev) error {
	return f.write(func() error { return f.Store.Replace(ctx, collection, d, old) })
}

// Delete implements docstore.Store.
func (f *Faulty) Delete(ctx context.Context, collection, key string, old docstore.Rev) error {
	return f.write(func() error { return f.Store.Delete(ctx, collection, key, old) })
}

// Batch implements docstore.Store. A torn batch is done in a random order up to a random point, some of it left out.
func (f *Faulty) Batch(ctx context.Context, ops []docstore.Op) ([]error, error) {
	if !f.hit(f.faults.Torn) {
		return f.Store.Batch(ctx, ops)
	}
	if err := docstore.CheckOps(ops); err != nil {
		return nil, err
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
