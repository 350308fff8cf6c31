package pebble

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// Insert implements docstore.Store.
func (s *Store) Insert(ctx context.Context, collection string, d docstore.Doc) error {
	return s.one(ctx, docstore.Op{Kind: docstore.OpInsert, Collection: collection, Doc: d})
}

// Replace implements docstore.Store.
func (s *Store) Replace(ctx context.Context, collection string, d docstore.Doc, old docstore.Rev) error {
	return s.one(ctx, docstore.Op{Kind: docstore.OpReplace, Collection: collection, Doc: d, Old: old})
}

// Delete implements docstore.Store.
func (s *Store) Delete(ctx context.Context, collection, key string, old docstore.Rev) error {
	return s.one(ctx, docstore.Op{Kind: docstore.OpDelete, Collection: collection, Doc: docstore.Doc{Key: key}, Old: old})
}

func (s *Store) one(ctx context.Context, op docstore.Op) error {
	outcomes, err := s.Batch(ctx, []docstore.Op{op})
	if err != nil {
		return err
	}
	return outcomes[0]
}

// Batch implements docstore.Store. Here it is one commit: what is acknowledged of it survives a crash together, but
// each operation still has its own outcome.
func (s *Store) Batch(ctx context.Context, ops []docstore.Op) ([]error, error) {
	if len(ops) > 1 {
		if err := docstore.CheckOps(ops); err != nil {
			return nil, err
		}
	}
	outcomes := make([]error, len(ops))
	keys := make([][]byte, len(ops))
	for i, op := range ops {
		outcomes[i] = docstore.CheckOp(op)
		keys[i] = dbKey(make([]byte, 0, len(op.Collection)+1+len(op.Doc.Key)), op.Collection, op.Doc.Key)
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	defer s.stripes.lock(keys)()
	b := s.db.NewBatch()
	defer b.Close()
	for i, op := range ops {
		if outcomes[i] != nil {
			continue
		}
		if outcomes[i] = s.allowed(op, keys[i]); outcomes[i] == nil {
			outcomes[i] = add(b, op, keys[i])
		}
	}
	if b.Empty() {
		return outcomes, nil
	}
	durability := s.write
	if !slices.ContainsFunc(ops, func(op docstore.Op) bool { return !op.Relaxed }) {
		durability = pebble.NoSync // the log keeps the order: the next durable commit takes it along
	}
	if err := b.Commit(durability); err != nil {
		return nil, errs.New(errs.Unavailable, "the state store did not take a write", fmt.Errorf("commit: %w", err))
	}
	return outcomes, nil
}

// allowed compares the stored revision with what op expects. The caller holds the key's lock.
func (s *Store) allowed(op docstore.Op, key []byte) error {
	var stored docstore.Rev
	value, closer, err := s.db.Get(key)
	switch {
	case err == nil:
		stored, err = revOf(value)
		if err = errors.Join(err, closer.Close()); err != nil {
			return fmt.Errorf("read revision: %w", err)
		}
	case !errors.Is(err, pebble.ErrNotFound):
		return fmt.Errorf("read revision: %w", err)
	}
	switch {
	case stored == op.Old:
		return nil
	case op.Kind == docstore.OpInsert:
		return errs.Newf(errs.AlreadyExists, "there is such a document already")
	}
	return errs.Newf(errs.FailedPrecondition, "the document was changed meanwhile")
}

func add(b *pebble.Batch, op docstore.Op, key []byte) error {
	if op.Kind == docstore.OpDelete {
		return b.Delete(key, nil)
	}
	rev, err := hex.DecodeString(string(op.Doc.Rev))
	if err != nil || len(rev) != revBytes {
		return errs.New(errs.Internal, "a revision is malformed", err)
	}
	// The value is written in place: no copy of the body in between.
	d := b.SetDeferred(len(key), revBytes+len(op.Doc.Body))
	copy(d.Key, key)
	copy(d.Value[copy(d.Value, rev):], op.Doc.Body)
	return d.Finish()
}
