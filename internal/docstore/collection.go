package docstore

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/opensds/gelato/internal/errs"
)

// Collection is one collection of a Store whose documents are T. T is stored as bson.Marshal makes it; a T that implements
// bson.Marshaler and bson.Unmarshaler (on *T) is spared the reflection.
//
// The methods that write draw the new revision, or take one that the caller drew before (the As forms). When the outcome of
// an insert or a replace is unknown, they read the document again: their own revision there is success.
type Collection[T any] struct {
	store Store
	name  string
}

// Item is one document of a Collection.
type Item[T any] struct {
	Key   string
	Rev   Rev // empty: absent
	Value T
}

// NewCollection names a collection of a store.
func NewCollection[T any](s Store, name string) Collection[T] { return Collection[T]{s, name} }

// Get returns the document and its revision. NotFound when it is absent.
func (c Collection[T]) Get(ctx context.Context, key string) (T, Rev, error) {
	var v T
	d, err := c.store.Get(ctx, c.name, key)
	if err != nil {
		return v, "", err
	}
	if err := c.decode(d, &v); err != nil {
		return v, "", err
	}
	return v, d.Rev, nil
}

// GetMany returns the documents in the order of keys; an absent one has an empty Rev.
func (c Collection[T]) GetMany(ctx context.Context, keys []string) ([]Item[T], error) {
	docs, err := c.store.GetMany(ctx, c.name, keys)
	if err != nil {
		return nil, err
	}
	return decodeAll[T](c.name, docs)
}

// List returns documents in key order. The rules are those of Store.List; with r.Fields set, the other fields of T may be zero.
func (c Collection[T]) List(ctx context.Context, r Range) ([]Item[T], error) {
	return ListAs[T](ctx, c, r)
}

// ListAs is List into a summary type S with fewer fields than the documents have. r.Fields should name the fields of S.
func ListAs[S, T any](ctx context.Context, c Collection[T], r Range) ([]Item[S], error) {
	docs, err := c.store.List(ctx, c.name, r)
	if err != nil {
		return nil, err
	}
	return decodeAll[S](c.name, docs)
}

// Insert stores a new document under a fresh revision. AlreadyExists when the key is taken.
func (c Collection[T]) Insert(ctx context.Context, key string, v T) (Rev, error) {
	rev := NewRev(time.Now(), "")
	return rev, c.InsertAs(ctx, key, rev, v)
}

// InsertAs is Insert under a revision drawn before.
func (c Collection[T]) InsertAs(ctx context.Context, key string, rev Rev, v T) error {
	body, err := c.encode(key, &v)
	if err != nil {
		return err
	}
	err = c.store.Insert(ctx, c.name, Doc{Key: key, Rev: rev, Body: body})
	return c.settle(ctx, key, rev, err)
}

// Replace stores v over the document with revision old, under a fresh revision. FailedPrecondition when another one is there, or none.
func (c Collection[T]) Replace(ctx context.Context, key string, old Rev, v T) (Rev, error) {
	rev := NewRev(time.Now(), old)
	return rev, c.ReplaceAs(ctx, key, old, rev, v)
}

// ReplaceAs is Replace under a revision drawn before.
func (c Collection[T]) ReplaceAs(ctx context.Context, key string, old, rev Rev, v T) error {
	body, err := c.encode(key, &v)
	if err != nil {
		return err
	}
	err = c.store.Replace(ctx, c.name, Doc{Key: key, Rev: rev, Body: body}, old)
	return c.settle(ctx, key, rev, err)
}

// Delete removes the document with revision old. FailedPrecondition when another one is there, or none.
func (c Collection[T]) Delete(ctx context.Context, key string, old Rev) error {
	return c.store.Delete(ctx, c.name, key, old)
}

// Update reads the document, lets change alter it and replaces it, again from the start whenever another writer
// came first. It returns what is stored then. NotFound when the document is absent. An error of change ends it and is returned as it is.
func (c Collection[T]) Update(ctx context.Context, key string, change func(v *T) error) (T, Rev, error) {
	for {
		v, old, err := c.Get(ctx, key)
		if err != nil {
			return v, "", err
		}
		if err := change(&v); err != nil {
			return v, old, err
		}
		rev, err := c.Replace(ctx, key, old, v)
		if !errs.Is(err, errs.FailedPrecondition) {
			return v, rev, err
		}
	}
}

// InsertOp makes the Op of InsertAs for Store.Batch.
func (c Collection[T]) InsertOp(key string, rev Rev, v T) (Op, error) {
	body, err := c.encode(key, &v)
	return Op{Kind: OpInsert, Collection: c.name, Doc: Doc{Key: key, Rev: rev, Body: body}}, err
}

// ReplaceOp makes the Op of ReplaceAs for Store.Batch.
func (c Collection[T]) ReplaceOp(key string, old, rev Rev, v T) (Op, error) {
	body, err := c.encode(key, &v)
	return Op{Kind: OpReplace, Collection: c.name, Doc: Doc{Key: key, Rev: rev, Body: body}, Old: old}, err
}

// DeleteOp makes the Op of Delete for Store.Batch.
func (c Collection[T]) DeleteOp(key string, old Rev) Op {
	return Op{Kind: OpDelete, Collection: c.name, Doc: Doc{Key: key}, Old: old}
}

// settleLimit is how long a write may go on to find out what became of it after its context ended.
const settleLimit = 2 * time.Second

// settle turns a write of unknown outcome into a success when its revision is found stored. That its context ended in the middle of it is no
// reason not to look.
func (c Collection[T]) settle(ctx context.Context, key string, rev Rev, err error) error {
	switch errs.CodeOf(err) {
	case errs.Unavailable, errs.DeadlineExceeded, errs.Canceled:
	default:
		return err
	}
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), settleLimit)
		defer cancel()
	}
	if d, e := c.store.Get(ctx, c.name, key); e == nil && d.Rev == rev {
		return nil
	}
	return err
}

func (c Collection[T]) encode(key string, v *T) (bson.Raw, error) {
	var body []byte
	var err error
	if m, ok := any(v).(bson.Marshaler); ok {
		body, err = m.MarshalBSON()
	} else {
		body, err = bson.Marshal(v)
	}
	if err != nil {
		return nil, errs.New(errs.Internal, "a document cannot be encoded", fmt.Errorf("encode %s %q: %w", c.name, key, err))
	}
	return body, nil
}

func (c Collection[T]) decode(d Doc, v *T) error { return decodeInto(c.name, d, v) }

func decodeAll[T any](collection string, docs []Doc) ([]Item[T], error) {
	items := make([]Item[T], len(docs))
	for i, d := range docs {
		items[i].Key, items[i].Rev = d.Key, d.Rev
		if d.Rev == "" {
			continue
		}
		if err := decodeInto(collection, d, &items[i].Value); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// decodeInto leaves v free to keep parts of d.Body: drivers hand out bodies that nobody else uses.
func decodeInto[T any](collection string, d Doc, v *T) error {
	var err error
	if u, ok := any(v).(bson.Unmarshaler); ok {
		err = u.UnmarshalBSON(d.Body)
	} else {
		err = bson.Unmarshal(d.Body, v)
	}
	if err != nil {
		return errs.New(errs.DataLoss, "a stored document cannot be read", fmt.Errorf("decode %s %q: %w", collection, d.Key, err))
	}
	return nil
}
