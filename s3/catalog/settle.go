package catalog

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/internal/docstore"
)

const (
	notePage = 400 // notes settled at once: their revisions fit into a ledger
	fencers  = 8   // notes fenced at once
)

// sweep is one pass of a shard's journal reader. Every step is a compare-and-set or harmless when repeated, so that two readers
// may overlap for a moment; the one whose ledger moved on stops.
func (c *Catalog) sweep(ctx context.Context, shard int) error {
	cutoff := time.Now().Add(-c.opt.Skew) // fixed before the listing
	from := shardPrefix(shard)
	to := from + fmt.Sprintf("%016x", cutoff.UnixNano())
	all := true
	for {
		docs, err := c.docs.List(ctx, collJournal, docstore.Range{From: from, To: to, Limit: notePage})
		if err != nil {
			return fmt.Errorf("list journal: %w", err)
		}
		if len(docs) == 0 {
			break
		}
		after := docstore.After(docs[len(docs)-1].Key)
		whole, err := c.settlePage(ctx, shard, docs, from, after)
		if err != nil {
			return err
		}
		all = all && whole
		if len(docs) < notePage {
			break
		}
		from = after
	}
	if !all {
		return nil
	}
	return c.markAsOf(ctx, shard, cutoff)
}

// settlePage settles one page of notes. The ledgers are read first and the notes after that once more: a note that is there then and
// not among the applied ones of its ledger has not been counted in that ledger, and if it is counted later, the ledger will have changed.
func (c *Catalog) settlePage(ctx context.Context, shard int, docs []docstore.Doc, from, to string) (whole bool, err error) {
	var ids []string
	for _, d := range docs {
		n, err := decodeNote(d)
		if err != nil {
			return false, err
		}
		if !slices.Contains(ids, n.bucketID) {
			ids = append(ids, n.bucketID)
		}
	}
	books, err := c.ledgers(ctx, shard, ids)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		if err := c.clear(ctx, shard, books[id].applied); err != nil {
			return false, err
		}
	}
	docs, err = c.docs.List(ctx, collJournal, docstore.Range{From: from, To: to, Limit: notePage})
	if err != nil {
		return false, fmt.Errorf("list journal: %w", err)
	}
	notes := map[string][]note{}
	whole = len(docs) < notePage || docstore.After(docs[len(docs)-1].Key) == to
	for _, d := range docs {
		n, err := decodeNote(d)
		if err != nil {
			return false, err
		}
		notes[n.bucketID] = append(notes[n.bucketID], n)
		whole = whole && slices.Contains(ids, n.bucketID)
	}
	for _, id := range ids {
		if len(notes[id]) == 0 {
			continue
		}
		all, err := c.settleBucket(ctx, shard, books[id], notes[id])
		if err != nil {
			return false, err
		}
		whole = whole && all
	}
	return whole, nil
}

// settleBucket settles notes of one bucket, given in the order of their revisions. whole is false when committed ones are left for a later pass.
func (c *Catalog) settleBucket(ctx context.Context, shard int, book *ledger, notes []note) (whole bool, err error) {
	s, err := c.sort(ctx, shard, notes)
	if err != nil {
		return false, err
	}
	if err := c.takeBack(ctx, s); err != nil {
		return false, err
	}
	if len(s.committed)+len(s.dead) == 0 {
		return !s.left, nil
	}
	if err := c.owe(ctx, s); err != nil {
		return false, err
	}
	book.applied = nil
	for _, n := range s.committed {
		book.count(n.new, 1)
		book.count(n.old, -1)
		book.applied = append(book.applied, n.rev)
	}
	for _, n := range s.dead {
		book.applied = append(book.applied, n.rev)
	}
	settled := book.applied
	if c.opt.fault.doubleUsage {
		book.applied = nil
	}
	if err := c.post(ctx, shard, book); err != nil {
		return false, err
	}
	return !s.left, c.clear(ctx, shard, settled)
}

// sorted says what became of a batch of notes.
type sorted struct {
	bucket    Bucket // id and name
	heads     map[string]head
	committed []note // in order; with each one, all older committed notes of its key are here or settled
	dead      []note // never committed, and never will be
	left      bool   // some committed note must wait for a later pass
}

// sort decides about each note: committed if the chain from the head meets it; else, once its time is over, it is fenced and dead.
func (c *Catalog) sort(ctx context.Context, shard int, notes []note) (*sorted, error) {
	s := &sorted{bucket: Bucket{ID: notes[0].bucketID, Name: notes[0].bucket}, heads: map[string]head{}}
	known := make(map[docstore.Rev]note, len(notes))
	oldest := map[string]docstore.Rev{} // by key
	var keys, docKeys []string
	for _, n := range notes {
		known[n.rev] = n
		if _, ok := oldest[n.key]; !ok {
			oldest[n.key] = n.rev
			keys, docKeys = append(keys, n.key), append(docKeys, headKey(n.bucketID, n.key))
		}
	}
	docs, err := c.getMany(ctx, collObjects, docKeys)
	if err != nil {
		return nil, err
	}
	seen := map[docstore.Rev]bool{}
	for i, key := range keys {
		h, err := decodeHead(docs[i])
		if err != nil {
			return nil, err
		}
		s.heads[key] = h
		met, _, err := c.chain(ctx, shard, h.note, oldest[key], known)
		if err != nil {
			return nil, err
		}
		for rev := range met {
			seen[rev] = true
		}
	}
	var open []note
	for _, n := range notes {
		if seen[n.rev] {
			s.committed = append(s.committed, n)
		} else if n.closed || time.Now().After(n.deadline.Add(c.opt.Skew)) {
			open = append(open, n)
		}
	}
	if err := c.closed(ctx, s); err != nil {
		return nil, err
	}
	dead := make([]bool, len(open))
	var group errgroup.Group
	group.SetLimit(fencers)
	for i, n := range open {
		group.Go(func() (err error) {
			dead[i], err = c.fence(ctx, n)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, n := range open {
		if dead[i] {
			s.dead = append(s.dead, n)
		}
	}
	return s, nil
}

// closed leaves those committed notes for later whose predecessor is stored but not in this batch. So a note that is
// gone proves that everything committed before it on this key is settled: the chain may end there.
func (c *Catalog) closed(ctx context.Context, s *sorted) error {
	in := map[docstore.Rev]bool{}
	for _, n := range s.committed {
		in[n.rev] = true
	}
	var ask []string
	for _, n := range s.committed {
		if n.baseNote != "" && !in[n.baseNote] {
			ask = append(ask, noteKey(n.shard, n.baseNote))
		}
	}
	if len(ask) == 0 {
		return nil
	}
	docs, err := c.getMany(ctx, collJournal, ask)
	if err != nil {
		return err
	}
	there := map[docstore.Rev]bool{}
	for i, d := range docs {
		if _, rev, ok := cutNoteKey(ask[i]); ok && d.Rev != "" {
			there[rev] = true
		}
	}
	keep := s.committed[:0]
	for _, n := range s.committed {
		if there[n.baseNote] {
			there[n.rev] = true // and so those that build on it
			s.left = true
			continue
		}
		keep = append(keep, n)
	}
	s.committed = keep
	return nil
}

// owe writes down what the notes leave to be done: blobs to collect, claims to release.
func (c *Catalog) owe(ctx context.Context, s *sorted) error {
	due := time.Now().Add(c.opt.GarbageGrace)
	var list []garbage
	for _, n := range s.committed {
		if !n.old.live || n.new.live && n.new.location.NativeKey == n.old.location.NativeKey && n.new.location.BackendID == n.old.location.BackendID {
			continue
		}
		g := garbage{shard: n.shard, bucketID: n.bucketID, key: n.key, location: n.old.location, due: due}
		if n.old.table != "" && n.old.table != n.new.table {
			g.table = blobOfTable(n.old.table)
		}
		if g.location.BlobID == "" {
			claim, err := c.letGo(ctx, n)
			if err != nil {
				return err
			}
			if claim == "" {
				continue
			}
			g.claim = claim
		}
		list = append(list, g)
	}
	for _, n := range s.dead {
		switch {
		case !n.new.live:
		case n.adopt:
			if err := c.unclaim(ctx, n); err != nil {
				return err
			}
		case n.upload == "" || c.opt.fault.skipAnchor:
			g := garbage{shard: n.shard, bucketID: n.bucketID, key: n.key, location: n.new.location, due: due, multi: n.multi}
			if n.multi {
				g.table = n.new.location.BlobID
			}
			list = append(list, g)
		}
	}
	return c.insertGarbage(ctx, list)
}
