package docstoretest

import (
	"context"
	"slices"
	"sort"
	"sync"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// Memory is a driver in plain maps, without goroutines or timers of its own: for tests inside testing/synctest bubbles, where
// a real driver cannot run, and as the model of what drivers do. It passes the suite.
type Memory struct {
	mu          sync.Mutex
	collections map[string]*sorted
	closed      bool
}

var _ docstore.Store = (*Memory)(nil)

// sorted is one collection: its keys in order, and its documents.
type sorted struct {
	keys []string
	docs map[string]docstore.Doc
}

// NewMemory makes an empty store.
func NewMemory() *Memory { return &Memory{collections: map[string]*sorted{}} }

// Get implements docstore.Store.
func (m *Memory) Get(ctx context.Context, collection, key string) (docstore.Doc, error) {
	docs, err := m.GetMany(ctx, collection, []string{key})
	if err != nil {
		return docstore.Doc{}, err
	}
	if docs[0].Rev == "" {
		return docstore.Doc{}, errs.Newf(errs.NotFound, "there is no such document")
	}
	return docs[0], nil
}

// GetMany implements docstore.Store.
func (m *Memory) GetMany(ctx context.Context, collection string, keys []string) ([]docstore.Doc, error) {
	for _, k := range keys {
		if err := docstore.CheckKey(k); err != nil {
			return nil, err
		}
	}
	c, unlock, err := m.enter(ctx, collection)
	if err != nil {
		return nil, err
	}
	defer unlock()
	docs := make([]docstore.Doc, len(keys))
	for i, k := range keys {
		docs[i] = docstore.Doc{Key: k}
		if d, ok := c.docs[k]; ok {
			docs[i] = clone(d)
		}
	}
	return docs, nil
}

// List implements docstore.Store. It returns whole bodies.
func (m *Memory) List(ctx context.Context, collection string, r docstore.Range) ([]docstore.Doc, error) {
	if err := docstore.CheckRange(r); err != nil {
		return nil, err
	}
	c, unlock, err := m.enter(ctx, collection)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var docs []docstore.Doc
	for i := sort.SearchStrings(c.keys, r.From); i < len(c.keys) && len(docs) < r.Limit; i++ {
		if r.To != "" && c.keys[i] >= r.To {
			break
		}
		docs = append(docs, clone(c.docs[c.keys[i]]))
	}
	return docs, nil
}

// Insert implements docstore.Store.
func (m *Memory) Insert(ctx context.Context, collection string, d docstore.Doc) error {
	return m.apply(ctx, docstore.Op{Kind: docstore.OpInsert, Collection: collection, Doc: d})
}

// Replace implements docstore.Store.
func (m *Memory) Replace(ctx context.Context, collection string, d docstore.Doc, old docstore.Rev) error {
	return m.apply(ctx, docstore.Op{Kind: docstore.OpReplace, Collection: collection, Doc: d, Old: old})
}

// Delete implements docstore.Store.
func (m *Memory) Delete(ctx context.Context, collection, key string, old docstore.Rev) error {
	return m.apply(ctx, docstore.Op{Kind: docstore.OpDelete, Collection: collection, Doc: docstore.Doc{Key: key}, Old: old})
}

// Batch implements docstore.Store.
func (m *Memory) Batch(ctx context.Context, ops []docstore.Op) ([]error, error) {
	if err := docstore.CheckOps(ops); err != nil {
		return nil, err
	}
	outcomes := make([]error, len(ops))
	for i, op := range ops {
		outcomes[i] = m.apply(ctx, op)
		if errs.Is(outcomes[i], errs.Unavailable) {
			return nil, outcomes[i]
		}
	}
	return outcomes, nil
}

func (m *Memory) apply(ctx context.Context, op docstore.Op) error {
	if err := docstore.CheckOp(op); err != nil {
		return err
	}
	c, unlock, err := m.enter(ctx, op.Collection)
	if err != nil {
		return err
	}
	defer unlock()
	key := op.Doc.Key
	if stored := c.docs[key].Rev; stored != op.Old {
		if op.Kind == docstore.OpInsert {
			return errs.Newf(errs.AlreadyExists, "there is such a document already")
		}
		return errs.Newf(errs.FailedPrecondition, "the document was changed meanwhile")
	}
	i, there := slices.BinarySearch(c.keys, key)
	switch {
	case op.Kind == docstore.OpDelete:
		c.keys = slices.Delete(c.keys, i, i+1)
		delete(c.docs, key)
		return nil
	case !there:
		c.keys = slices.Insert(c.keys, i, key)
	}
	c.docs[key] = clone(op.Doc)
	return nil
}

// Close implements docstore.Store.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

func (m *Memory) enter(ctx context.Context, collection string) (*sorted, func(), error) {
	if err := docstore.CheckCollection(collection); err != nil {
		return nil, nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil, nil, errs.Newf(errs.Unavailable, "the state store is closed")
	}
	c := m.collections[collection]
	if c == nil {
		c = &sorted{docs: map[string]docstore.Doc{}}
		m.collections[collection] = c
	}
	return c, m.mu.Unlock, nil
}

func clone(d docstore.Doc) docstore.Doc {
	d.Body = slices.Clone(d.Body)
	return d
}
