package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// batchSize bounds the operations of one round trip to the document store.
const batchSize = 500

// unknown reports whether a write with this error may or may not have happened.
func unknown(err error) bool {
	switch errs.CodeOf(err) {
	case errs.Unavailable, errs.DeadlineExceeded, errs.Canceled:
		return true
	}
	return false
}

// try does each operation by itself, in few round trips, and returns their outcomes as the store told them.
func (c *Catalog) try(ctx context.Context, ops []docstore.Op) []error {
	outcomes := make([]error, 0, len(ops))
	for len(ops) > 0 {
		n := min(len(ops), batchSize)
		if n == 1 {
			outcomes = append(outcomes, c.one(ctx, ops[0]))
		} else if list, err := c.docs.Batch(ctx, ops[:n]); err == nil {
			outcomes = append(outcomes, list...)
		} else {
			for range n {
				outcomes = append(outcomes, err)
			}
		}
		ops = ops[n:]
	}
	return outcomes
}

func (c *Catalog) one(ctx context.Context, op docstore.Op) error {
	switch {
	case op.Relaxed:
		outcomes, err := c.docs.Batch(ctx, []docstore.Op{op})
		if err != nil {
			return err
		}
		return outcomes[0]
	case op.Kind == docstore.OpInsert:
		return c.docs.Insert(ctx, op.Collection, op.Doc)
	case op.Kind == docstore.OpReplace:
		return c.docs.Replace(ctx, op.Collection, op.Doc, op.Old)
	default:
		return c.docs.Delete(ctx, op.Collection, op.Doc.Key, op.Old)
	}
}

// apply is try, but looks after operations of unknown outcome. What is left of Unavailable means that nobody can tell.
//
//   - Insert is never tried twice: in between, what it inserted could have been seen and removed.
//   - Replace is tried again while the old revision is there, with the same new one: it can happen once only. That the repetition is refused says
//     nothing of the first one, which may have happened in between, and been replaced.
//   - Delete of what is absent by now has succeeded, though perhaps another one did it.
func (c *Catalog) apply(ctx context.Context, ops []docstore.Op) []error {
	outcomes := c.try(ctx, ops)
	for i := range ops {
		for tries := 0; outcomes[i] != nil && unknown(outcomes[i]) && tries < 3; tries++ {
			again, err := c.settle(ctx, ops[i], outcomes[i])
			if !again {
				outcomes[i] = err
				break
			}
			was := outcomes[i]
			if err = c.one(ctx, ops[i]); errs.Is(err, errs.FailedPrecondition) && !c.opt.fault.trustRefusal {
				if again, err = c.settle(ctx, ops[i], was); again {
					err = was
				}
			}
			outcomes[i] = err
		}
	}
	return outcomes
}

// settle looks at the document of an operation of unknown outcome.
func (c *Catalog) settle(ctx context.Context, op docstore.Op, was error) (again bool, err error) {
	d, err := c.docs.Get(ctx, op.Collection, op.Doc.Key)
	absent := errs.Is(err, errs.NotFound)
	switch {
	case err != nil && !absent:
		return false, was
	case op.Kind == docstore.OpDelete && absent:
		return false, nil
	case op.Kind != docstore.OpDelete && !absent && d.Rev == op.Doc.Rev:
		return false, nil
	case op.Kind == docstore.OpInsert && !absent:
		return false, errs.Newf(errs.AlreadyExists, "there is such a document already")
	case op.Kind != docstore.OpInsert && !absent && d.Rev == op.Old:
		return true, nil
	case op.Kind == docstore.OpDelete:
		return false, errs.Newf(errs.FailedPrecondition, "the document was changed meanwhile")
	}
	return false, was
}

// write is apply for one operation.
func (c *Catalog) write(ctx context.Context, op docstore.Op) error {
	return c.apply(ctx, []docstore.Op{op})[0]
}

// getMany reads documents in few round trips; absent ones have an empty Rev.
func (c *Catalog) getMany(ctx context.Context, collection string, keys []string) ([]docstore.Doc, error) {
	if len(keys) == 1 {
		d, err := c.get(ctx, collection, keys[0])
		return []docstore.Doc{d}, err
	}
	docs := make([]docstore.Doc, 0, len(keys))
	for len(keys) > 0 {
		n := min(len(keys), batchSize)
		part, err := c.docs.GetMany(ctx, collection, keys[:n])
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", collection, err)
		}
		docs, keys = append(docs, part...), keys[n:]
	}
	return docs, nil
}

// get reads one document; an absent one has an empty Rev.
func (c *Catalog) get(ctx context.Context, collection, key string) (docstore.Doc, error) {
	d, err := c.docs.Get(ctx, collection, key)
	if errs.Is(err, errs.NotFound) {
		return docstore.Doc{Key: key}, nil
	}
	if err != nil {
		return docstore.Doc{}, fmt.Errorf("read %s: %w", collection, err)
	}
	return d, nil
}

// now is the clock of this process, which nothing but patience and names rests on.
func (c *Catalog) now() time.Time { return time.Now().Add(c.opt.skew) }

func (c *Catalog) newRev(prev docstore.Rev) docstore.Rev { return docstore.NewRev(c.now(), prev) }

// newRev is for documents whose revision is compared with their own only.
func newRev(prev docstore.Rev) docstore.Rev { return docstore.NewRev(time.Now(), prev) }

func insertOp(collection string, d docstore.Doc) docstore.Op {
	return docstore.Op{Kind: docstore.OpInsert, Collection: collection, Doc: d}
}

func replaceOp(collection string, d docstore.Doc, old docstore.Rev) docstore.Op {
	return docstore.Op{Kind: docstore.OpReplace, Collection: collection, Doc: d, Old: old}
}

func deleteOp(collection, key string, old docstore.Rev) docstore.Op {
	return docstore.Op{Kind: docstore.OpDelete, Collection: collection, Doc: docstore.Doc{Key: key}, Old: old}
}
