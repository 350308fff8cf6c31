package catalog

import (
	"context"
	"fmt"
	"slices"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// fence makes sure that a note which was not committed in time never will be: it is closed, so that its writer cannot note the change
// anew, and then the head is given another revision if it still has the one that the writer expects.
func (c *Catalog) fence(ctx context.Context, n note) (dead bool, err error) {
	if !n.closed {
		next := n
		next.closed = true
		body, err := next.encode()
		if err != nil {
			return false, err
		}
		err = c.write(ctx, replaceOp(collJournal, docstore.Doc{Key: n.docKey(), Rev: c.newRev(n.docRev), Body: body}, n.docRev))
		if errs.Is(err, errs.FailedPrecondition) {
			return false, nil // renewed, given up or settled meanwhile
		}
		if err != nil {
			return false, fmt.Errorf("close note: %w", err)
		}
	}
	if c.opt.fault.skipFence {
		return true, nil
	}
	for range rounds {
		h, err := c.head(ctx, n.bucketID, n.key)
		if err != nil {
			return false, err
		}
		if n.new.location.BlobID != "" && n.upload == "" && h.at(n.new.location) {
			return false, nil // committed after all: a later pass finds it in the chain
		}
		if h.rev == "" || h.rev != n.base {
			met, _, err := c.chain(ctx, n.shard, h.note, n.id, nil)
			return err == nil && !met[n.id], err
		}
		op := deleteOp(collObjects, headKey(n.bucketID, n.key), h.rev)
		if h.live || h.note != "" {
			next := h
			next.rev = c.newRev(h.rev)
			doc, err := next.doc(headKey(n.bucketID, n.key))
			if err != nil {
				return false, err
			}
			op = replaceOp(collObjects, doc, h.rev)
		}
		if err = c.write(ctx, op); err == nil {
			return true, nil
		}
		if !errs.Is(err, errs.FailedPrecondition) {
			return false, fmt.Errorf("fence write: %w", err)
		}
	}
	return false, errTooMany()
}

// takeBack deletes objects that were put into a bucket which is gone, by writers that did not live to do it themselves. It comes before the notes of
// these objects are settled: they are the reason to look.
func (c *Catalog) takeBack(ctx context.Context, s *sorted) error {
	var live []string
	for _, n := range s.committed {
		if s.heads[headKey(n.bucketID, n.key)].present() && !slices.Contains(live, n.key) {
			live = append(live, n.key)
		}
	}
	if len(live) == 0 || c.opt.fault.skipBucket {
		return nil
	}
	err := c.bucketAlive(ctx, s.bucket)
	if !errs.Is(err, errs.NotFound) {
		return err
	}
	for _, key := range live {
		if err := c.undo(ctx, s.bucket, key); err != nil {
			return err
		}
	}
	return nil
}

// clear deletes settled notes, and with the note of a delete its tombstone. It returns nil only when all are gone.
func (c *Catalog) clear(ctx context.Context, shard int, settled []docstore.Rev) error {
	for range rounds {
		if len(settled) == 0 {
			return nil
		}
		keys := make([]string, len(settled))
		for i, rev := range settled {
			keys[i] = noteKey(shard, rev)
		}
		docs, err := c.getMany(ctx, collJournal, keys)
		if err != nil {
			return err
		}
		var ops []docstore.Op
		var tombs []note
		settled = settled[:0:0]
		for _, d := range docs {
			if d.Rev == "" {
				continue
			}
			n, err := decodeNote(d)
			if err != nil {
				return err
			}
			if !n.new.live {
				tombs = append(tombs, n)
			}
			settled = append(settled, n.id)
			ops = append(ops, deleteOp(collJournal, d.Key, d.Rev))
		}
		again, err := c.unbury(ctx, tombs)
		if err != nil {
			return err
		}
		if again {
			continue // the note must outlive its tombstone
		}
		for _, err := range c.apply(ctx, ops) {
			if err != nil && !errs.Is(err, errs.FailedPrecondition) {
				return fmt.Errorf("delete notes: %w", err)
			}
		}
	}
	return errs.Newf(errs.Unavailable, "settled notes do not go away")
}

// unbury removes the tombstones of settled deletes, where they are still what is there. again says that one was changed meanwhile.
func (c *Catalog) unbury(ctx context.Context, tombs []note) (again bool, err error) {
	if len(tombs) == 0 {
		return false, nil
	}
	byKey := map[string]map[docstore.Rev]bool{}
	for _, n := range tombs {
		k := headKey(n.bucketID, n.key)
		if byKey[k] == nil {
			byKey[k] = map[docstore.Rev]bool{}
		}
		byKey[k][n.id] = true
	}
	docs, err := c.getMany(ctx, collObjects, sortedKeys(byKey))
	if err != nil {
		return false, err
	}
	var ops []docstore.Op
	for _, d := range docs {
		h, err := decodeHead(d)
		if err != nil {
			return false, err
		}
		if h.rev != "" && !h.present() && byKey[d.Key][h.note] {
			ops = append(ops, deleteOp(collObjects, d.Key, h.rev))
		}
	}
	for _, err := range c.apply(ctx, ops) {
		if errs.Is(err, errs.FailedPrecondition) {
			again = true
		} else if err != nil {
			return false, fmt.Errorf("delete tombstones: %w", err)
		}
	}
	return again, nil
}
