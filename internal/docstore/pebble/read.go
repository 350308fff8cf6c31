package pebble

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// Get implements docstore.Store.
func (s *Store) Get(ctx context.Context, collection, key string) (docstore.Doc, error) {
	docs, err := s.GetMany(ctx, collection, []string{key})
	if err != nil {
		return docstore.Doc{}, err
	}
	if docs[0].Rev == "" {
		return docstore.Doc{}, errs.Newf(errs.NotFound, "there is no such document")
	}
	return docs[0], nil
}

// GetMany implements docstore.Store.
func (s *Store) GetMany(ctx context.Context, collection string, keys []string) ([]docstore.Doc, error) {
	if err := docstore.CheckCollection(collection); err != nil {
		return nil, err
	}
	for _, k := range keys {
		if err := docstore.CheckKey(k); err != nil {
			return nil, err
		}
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	docs := make([]docstore.Doc, len(keys))
	var at []byte
	for i, k := range keys {
		if i%64 == 63 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		at = dbKey(at[:0], collection, k)
		value, closer, err := s.db.Get(at)
		if errors.Is(err, pebble.ErrNotFound) {
			docs[i].Key = k
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("get %s %q: %w", collection, k, err)
		}
		docs[i], err = docOf(k, value, nil)
		if err = errors.Join(err, closer.Close()); err != nil {
			return nil, fmt.Errorf("get %s %q: %w", collection, k, err)
		}
	}
	return docs, nil
}

// List implements docstore.Store.
func (s *Store) List(ctx context.Context, collection string, r docstore.Range) (docs []docstore.Doc, err error) {
	if err := errors.Join(docstore.CheckCollection(collection), docstore.CheckRange(r)); err != nil {
		return nil, err
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if r.To != "" && r.To <= r.From {
		return nil, nil
	}
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{
		LowerBound: dbKey(nil, collection, r.From),
		UpperBound: upperBound(collection, r.To),
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", collection, err)
	}
	defer func() {
		if e := it.Close(); err == nil && e != nil {
			docs, err = nil, fmt.Errorf("list %s: %w", collection, e)
		}
	}()
	docs = make([]docstore.Doc, 0, min(r.Limit, 1000))
	for ok := it.First(); ok && len(docs) < r.Limit; ok = it.Next() {
		if len(docs)%64 == 63 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", collection, err)
		}
		key := string(it.Key()[len(collection)+1:])
		d, err := docOf(key, value, r.Fields)
		if err != nil {
			return nil, fmt.Errorf("list %s %q: %w", collection, key, err)
		}
		docs = append(docs, d)
	}
	return docs, nil
}
