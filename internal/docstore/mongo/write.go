package mongo

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// Insert implements docstore.Store.
func (s *Store) Insert(ctx context.Context, collection string, d docstore.Doc) (err error) {
	defer s.metrics.took("Insert", time.Now(), &err)
	return s.one(ctx, docstore.Op{Kind: docstore.OpInsert, Collection: collection, Doc: d})
}

// Replace implements docstore.Store.
func (s *Store) Replace(ctx context.Context, collection string, d docstore.Doc, old docstore.Rev) (err error) {
	defer s.metrics.took("Replace", time.Now(), &err)
	return s.one(ctx, docstore.Op{Kind: docstore.OpReplace, Collection: collection, Doc: d, Old: old})
}

// Delete implements docstore.Store.
func (s *Store) Delete(ctx context.Context, collection, key string, old docstore.Rev) (err error) {
	defer s.metrics.took("Delete", time.Now(), &err)
	return s.one(ctx, docstore.Op{Kind: docstore.OpDelete, Collection: collection, Doc: docstore.Doc{Key: key}, Old: old})
}

func (s *Store) one(ctx context.Context, op docstore.Op) error {
	if err := docstore.CheckOp(op); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	call, cancel := s.writing(ctx)
	defer cancel()
	c, err := s.collection(call, op.Collection)
	if err != nil {
		return err
	}
	err = send(call, c, op)
	if unknown(err) && s.settle(ctx, c, []docstore.Op{op})[0] {
		return nil
	}
	return err
}

// send does one operation. An error of Unavailable or DeadlineExceeded leaves its outcome unknown.
func send(ctx context.Context, c *mongo.Collection, op docstore.Op) error {
	filter := bson.D{{Key: fieldKey, Value: op.Doc.Key}, {Key: fieldRev, Value: string(op.Old)}}
	var done int64
	var err error
	switch op.Kind {
	case docstore.OpInsert:
		_, err = c.InsertOne(ctx, encode(op.Doc))
		done = 1
	case docstore.OpReplace:
		var r *mongo.UpdateResult
		if r, err = c.ReplaceOne(ctx, filter, encode(op.Doc)); err == nil {
			done = r.MatchedCount
		}
	case docstore.OpDelete:
		var r *mongo.DeleteResult
		if r, err = c.DeleteOne(ctx, filter); err == nil {
			done = r.DeletedCount
		}
	}
	switch {
	case err != nil:
		return failure(ctx, fmt.Sprintf("write to %s", c.Name()), err)
	case done == 0:
		return stale()
	}
	return nil
}

func stale() error {
	return errs.Newf(errs.FailedPrecondition, "the document was changed meanwhile")
}

// writing bounds a write by the time limit and the caller's deadline. The caller's cancellation does not reach it: a write that has begun is seen to
// its end, so that its outcome is known and its connection stays good.
func (s *Store) writing(ctx context.Context) (context.Context, context.CancelFunc) {
	end := time.Now().Add(s.timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(end) {
		end = d
	}
	return context.WithDeadline(context.WithoutCancel(ctx), end)
}

// settle reads the documents of operations on one collection whose outcomes are unknown and tells which of them are known to have happened: the
// inserts and replaces whose own revision is there. The others may have happened or may still happen.
func (s *Store) settle(ctx context.Context, c *mongo.Collection, ops []docstore.Op) []bool {
	happened := make([]bool, len(ops))
	ctx, cancel := s.writing(ctx) // a time limit of its own
	defer cancel()
	revs, err := revisions(ctx, c, ops)
	if err != nil {
		return happened
	}
	for i, op := range ops {
		happened[i] = op.Kind != docstore.OpDelete && revs[op.Doc.Key] == op.Doc.Rev
	}
	return happened
}
