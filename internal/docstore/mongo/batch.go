package mongo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// Bounds of one command of a batch, far below the server's own of 100,000 operations and 48 MB, so that one command keeps within its time.
const (
	maxOps      = 1000
	maxOpsBytes = 15 << 20
	parallel    = 8 // commands of one batch at a time
)

// group is the part of a batch that is one command: operations of one kind on one collection.
type group struct {
	kind       docstore.OpKind
	collection string
	at         []int // places in the batch
	bytes      int
}

// Batch implements docstore.Store: one command per collection and kind, side by side.
func (s *Store) Batch(ctx context.Context, ops []docstore.Op) (outcomes []error, err error) {
	defer s.metrics.took("Batch", time.Now(), &err)
	if len(ops) > 1 {
		if err := docstore.CheckOps(ops); err != nil {
			return nil, err
		}
	}
	outcomes = make([]error, len(ops))
	for i, op := range ops {
		outcomes[i] = docstore.CheckOp(op)
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	groups := split(ops, outcomes)
	failed := make([]error, len(groups))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, gr := range groups {
		g.Go(func() error {
			failed[i] = s.run(ctx, gr, ops, outcomes)
			return nil
		})
	}
	_ = g.Wait() // every group keeps its own error
	told := len(groups) == 0
	for i, gr := range groups {
		for _, at := range gr.at {
			if failed[i] != nil {
				outcomes[at] = failed[i]
			}
		}
		told = told || failed[i] == nil
	}
	if !told && allSent(ops, groups) {
		return nil, errors.Join(failed...)
	}
	return outcomes, nil
}

// allSent reports whether every operation is in a group: none was refused for itself.
func allSent(ops []docstore.Op, groups []*group) bool {
	n := 0
	for _, g := range groups {
		n += len(g.at)
	}
	return n == len(ops)
}

// split sorts the operations that were not refused into commands.
func split(ops []docstore.Op, refused []error) []*group {
	type place struct {
		collection string
		kind       docstore.OpKind
	}
	open := map[place]*group{}
	var groups []*group
	for i, op := range ops {
		if refused[i] != nil {
			continue
		}
		size := len(op.Doc.Key) + len(op.Doc.Body) + 200
		p := place{op.Collection, op.Kind}
		g := open[p]
		if g == nil || len(g.at) == maxOps || g.bytes+size > maxOpsBytes {
			g = &group{kind: op.Kind, collection: op.Collection}
			open[p] = g
			groups = append(groups, g)
		}
		g.at = append(g.at, i)
		g.bytes += size
	}
	return groups
}

// run does one group and sets the outcomes of its operations, or returns an error that is the outcome of them all.
func (s *Store) run(ctx context.Context, g *group, batch []docstore.Op, outcomes []error) error {
	call, cancel := s.writing(ctx)
	defer cancel()
	c, err := s.collection(call, g.collection)
	if err != nil {
		return err
	}
	if len(g.at) == 1 {
		op := batch[g.at[0]]
		err := send(call, c, op)
		if unknown(err) && s.settle(ctx, c, []docstore.Op{op})[0] {
			err = nil
		}
		switch errs.CodeOf(err) {
		case errs.AlreadyExists, errs.FailedPrecondition:
			outcomes[g.at[0]] = err
			return nil
		}
		return err
	}
	models := make([]mongo.WriteModel, len(g.at))
	for i, at := range g.at {
		models[i] = model(batch[at])
	}
	result, err := c.BulkWrite(call, models, options.BulkWrite().SetOrdered(false))
	failed, answered := errors.AsType[mongo.BulkWriteException](err)
	if err != nil && !answered {
		err = failure(call, "batch to "+c.Name(), err)
		if !unknown(err) {
			return err
		}
		return s.settleAll(ctx, c, g, batch, outcomes, err)
	}
	for _, e := range failed.WriteErrors {
		outcomes[g.at[e.Index]] = failure(call, "batch to "+c.Name(), mongo.WriteException{WriteErrors: mongo.WriteErrors{e.WriteError}})
	}
	left := make([]int, 0, len(g.at)) // places of the operations that the server carried out, perhaps without a match
	for _, at := range g.at {
		if outcomes[at] == nil {
			left = append(left, at)
		}
	}
	if failed.WriteConcernError != nil { // done on the primary, but perhaps not for good
		g.at = left
		err = failure(call, "batch to "+c.Name(), mongo.WriteException{WriteConcernError: failed.WriteConcernError})
		if err := s.settleAll(ctx, c, g, batch, outcomes, err); err != nil {
			for _, at := range left {
				outcomes[at] = err
			}
		}
		return nil
	}
	if g.kind == docstore.OpInsert {
		return nil
	}
	matched := int(result.MatchedCount + result.DeletedCount)
	s.tell(ctx, c, g, left, matched, batch, outcomes)
	return nil
}

// tell finds out which operations matched, of which the server said only how many. The package comment has the reasoning.
func (s *Store) tell(ctx context.Context, c *mongo.Collection, g *group, places []int, matched int, batch []docstore.Op, outcomes []error) {
	missed := len(places) - matched
	if missed == 0 {
		return
	}
	unsure := places
	if matched > 0 && g.kind == docstore.OpReplace {
		unsure = nil
		for i, happened := range s.settle(ctx, c, pick(batch, places)) {
			if !happened {
				unsure = append(unsure, places[i])
			}
		}
	}
	for _, at := range unsure {
		outcomes[at] = stale()
		if len(unsure) > missed {
			outcomes[at] = errs.Newf(errs.Unavailable, "the state server did not tell whether this write happened")
		}
	}
}

// settleAll deals with a group that got no answer: what is known to have happened has, the rest keeps err.
func (s *Store) settleAll(ctx context.Context, c *mongo.Collection, g *group, batch []docstore.Op, outcomes []error, err error) error {
	if g.kind == docstore.OpDelete {
		return err
	}
	some := false
	for i, happened := range s.settle(ctx, c, pick(batch, g.at)) {
		some = some || happened
		if !happened {
			outcomes[g.at[i]] = err
		}
	}
	if !some {
		return err
	}
	return nil
}

func pick(batch []docstore.Op, places []int) []docstore.Op {
	ops := make([]docstore.Op, len(places))
	for i, at := range places {
		ops[i] = batch[at]
	}
	return ops
}

func model(op docstore.Op) mongo.WriteModel {
	filter := bson.D{{Key: fieldKey, Value: op.Doc.Key}, {Key: fieldRev, Value: string(op.Old)}}
	switch op.Kind {
	case docstore.OpInsert:
		return mongo.NewInsertOneModel().SetDocument(encode(op.Doc))
	case docstore.OpReplace:
		return mongo.NewReplaceOneModel().SetFilter(filter).SetReplacement(encode(op.Doc))
	default:
		return mongo.NewDeleteOneModel().SetFilter(filter)
	}
}

// revisions reads the stored revisions of the documents that operations are about; absent ones have none.
func revisions(ctx context.Context, c *mongo.Collection, ops []docstore.Op) (map[string]docstore.Rev, error) {
	revs := make(map[string]docstore.Rev, len(ops))
	for len(ops) > 0 {
		n := min(len(ops), maxIn)
		keys := make([]string, n)
		for i, op := range ops[:n] {
			keys[i] = op.Doc.Key
		}
		o := options.Find().SetBatchSize(int32(n + 1)).SetProjection(bson.D{{Key: fieldRev, Value: 1}})
		docs, err := find(ctx, c, bson.D{{Key: fieldKey, Value: bson.D{{Key: "$in", Value: keys}}}}, o, true, n)
		if err != nil {
			return nil, fmt.Errorf("read revisions: %w", err)
		}
		for _, d := range docs {
			revs[d.Key] = d.Rev
		}
		ops = ops[n:]
	}
	return revs, nil
}
