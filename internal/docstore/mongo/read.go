package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// Bounds of one find command.
const (
	maxIn    = 2000   // keys of a GetMany: 6 MiB at most
	maxBatch = 10_000 // documents of one answer; the server ends it at 16 MiB
)

// Get implements docstore.Store.
func (s *Store) Get(ctx context.Context, collection, key string) (d docstore.Doc, err error) {
	defer s.metrics.took("Get", time.Now(), &err)
	if err := errors.Join(docstore.CheckCollection(collection), docstore.CheckKey(key)); err != nil {
		return docstore.Doc{}, err
	}
	c, ctx, leave, err := s.reading(ctx, collection)
	if err != nil {
		return docstore.Doc{}, err
	}
	defer leave()
	return get(ctx, c, key)
}

func get(ctx context.Context, c *mongo.Collection, key string) (docstore.Doc, error) {
	raw, err := c.FindOne(ctx, bson.D{{Key: fieldKey, Value: key}}).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return docstore.Doc{}, errs.Newf(errs.NotFound, "there is no such document")
	}
	if err != nil {
		return docstore.Doc{}, failure(ctx, "get of "+c.Name(), err)
	}
	d, err := decode(raw, false)
	if err != nil {
		return docstore.Doc{}, fmt.Errorf("get %s %q: %w", c.Name(), key, err)
	}
	return d, nil
}

// GetMany implements docstore.Store. More than 2,000 keys take a round trip for each 2,000.
func (s *Store) GetMany(ctx context.Context, collection string, keys []string) (docs []docstore.Doc, err error) {
	defer s.metrics.took("GetMany", time.Now(), &err)
	if err := docstore.CheckCollection(collection); err != nil {
		return nil, err
	}
	for _, k := range keys {
		if err := docstore.CheckKey(k); err != nil {
			return nil, err
		}
	}
	c, ctx, leave, err := s.reading(ctx, collection)
	if err != nil {
		return nil, err
	}
	defer leave()
	found := make(map[string]docstore.Doc, len(keys))
	for _, k := range keys {
		found[k] = docstore.Doc{Key: k}
	}
	distinct := make([]string, 0, len(found))
	for k := range found {
		distinct = append(distinct, k)
	}
	for len(distinct) > 0 {
		n := min(len(distinct), maxIn)
		o := options.Find().SetBatchSize(int32(n + 1))
		part, err := find(ctx, c, bson.D{{Key: fieldKey, Value: bson.D{{Key: "$in", Value: distinct[:n]}}}}, o, false, n)
		if err != nil {
			return nil, err
		}
		for _, d := range part {
			found[d.Key] = d
		}
		distinct = distinct[n:]
	}
	docs = make([]docstore.Doc, len(keys))
	given := make(map[string]bool, len(found))
	for i, k := range keys {
		docs[i] = found[k]
		if given[k] { // a key named twice gets a body twice
			docs[i].Body = append(bson.Raw(nil), docs[i].Body...)
		}
		given[k] = true
	}
	return docs, nil
}

// List implements docstore.Store.
func (s *Store) List(ctx context.Context, collection string, r docstore.Range) (docs []docstore.Doc, err error) {
	defer s.metrics.took("List", time.Now(), &err)
	if err := errors.Join(docstore.CheckCollection(collection), docstore.CheckRange(r)); err != nil {
		return nil, err
	}
	c, ctx, leave, err := s.reading(ctx, collection)
	if err != nil {
		return nil, err
	}
	defer leave()
	if r.To != "" && r.To <= r.From {
		return nil, nil
	}
	bounds := bson.D{{Key: "$gte", Value: r.From}}
	if r.To != "" {
		bounds = append(bounds, bson.E{Key: "$lt", Value: r.To})
	}
	// A batch one larger than the limit lets the server see the end at once, and no second round trip is made for it.
	o := options.Find().SetSort(bson.D{{Key: fieldKey, Value: 1}}).SetLimit(int64(r.Limit)).SetBatchSize(int32(min(r.Limit, maxBatch) + 1))
	p := projection(r.Fields)
	if p != nil {
		o.SetProjection(p)
	}
	return find(ctx, c, bson.D{{Key: fieldKey, Value: bounds}}, o, p != nil, min(r.Limit, 1000))
}

// projection asks for the named fields of bodies; nil for all, where a name is not one that a stored document can have.
func projection(fields []string) bson.D {
	if len(fields) == 0 {
		return nil
	}
	p := bson.D{{Key: fieldRev, Value: 1}, {Key: fieldOpaque, Value: 1}}
	for _, f := range slices.Compact(slices.Sorted(slices.Values(fields))) { // one named twice is an error to the server
		if f == "" || f[0] == '$' || strings.ContainsAny(f, ".\x00") {
			return nil
		}
		p = append(p, bson.E{Key: fieldBody + "." + f, Value: 1})
	}
	return p
}

// find runs a query to its end.
func find(ctx context.Context, c *mongo.Collection, filter bson.D, o *options.FindOptionsBuilder, projected bool, hint int) ([]docstore.Doc, error) {
	cursor, err := c.Find(ctx, filter, o)
	if err != nil {
		return nil, failure(ctx, "find in "+c.Name(), err)
	}
	defer cursor.Close(ctx)
	docs := make([]docstore.Doc, 0, hint)
	for cursor.Next(ctx) {
		d, err := decode(cursor.Current, projected)
		if err != nil {
			return nil, fmt.Errorf("find in %s: %w", c.Name(), err)
		}
		docs = append(docs, d)
	}
	if err := cursor.Err(); err != nil {
		return nil, failure(ctx, "find in "+c.Name(), err)
	}
	return docs, nil
}

// reading opens a call that reads: the collection, a context with the time limit, and what ends the call.
func (s *Store) reading(ctx context.Context, collection string) (*mongo.Collection, context.Context, func(), error) {
	if err := s.enter(ctx); err != nil {
		return nil, nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	c, err := s.collection(ctx, collection)
	if err != nil {
		cancel()
		s.leave()
		return nil, nil, nil, err
	}
	return c, ctx, func() { cancel(); s.leave() }, nil
}
