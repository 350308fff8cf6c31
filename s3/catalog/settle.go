package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/internal/docstore"
)

const (
	notePage = 400 // notes settled at once, by default: their revisions fit into a ledger
	fencers  = 8   // notes fenced at once
)

// sweep is one pass of a shard's journal reader. Every step is a compare-and-set or harmless when repeated, so that two readers
// may overlap for a moment; the one whose ledger moved on stops.
func (c *Catalog) sweep(ctx context.Context, shard int) error {
	cutoff, err := c.settleAll(ctx, shard)
	if cutoff.IsZero() || err != nil {
		return err
	}
	return c.markAsOf(ctx, shard, cutoff)
}

// settleAll settles what it can of a shard. It returns the time up to which no note is left, the zero Time if some are.
func (c *Catalog) settleAll(ctx context.Context, shard int) (time.Time, error) {
	cutoff := c.now().Add(-c.opt.Skew) // fixed before the listing
	from := shardPrefix(shard)
	to := from + fmt.Sprintf("%016x", cutoff.UnixNano())
	all := true
	for {
		docs, err := c.docs.List(ctx, collJournal, docstore.Range{From: from, To: to, Limit: c.opt.page})
		if err != nil {
			return time.Time{}, fmt.Errorf("list journal: %w", err)
		}
		if len(docs) == 0 {
			break
		}
		after := docstore.After(docs[len(docs)-1].Key)
		whole, err := c.settlePage(ctx, shard, docs, from, after)
		if err != nil {
			return time.Time{}, err
		}
		all = all && whole
		if len(docs) < c.opt.page {
			break
		}
		from = after
	}
	if !all {
		return time.Time{}, nil
	}
	return cutoff, nil
}

// settlePage settles one page of notes. The order in which it reads matters:
//   - first the ledgers: a note that is stored afterwards and not among the applied ones of its ledger has not been counted in it, and
//     if another reader counts it later, the ledger will have changed;
//   - then the heads: what a head says is committed does not change any more;
//   - then the notes once more: so those of committed changes are read in their final form.
func (c *Catalog) settlePage(ctx context.Context, shard int, docs []docstore.Doc, from, to string) (whole bool, err error) {
	var ids, headKeys []string
	for _, d := range docs {
		n, err := decodeNote(d)
		if err != nil {
			return false, err
		}
		ids, headKeys = append(ids, n.bucketID), append(headKeys, headKey(n.bucketID, n.key))
	}
	ids, headKeys = distinct(ids), distinct(headKeys)
	books, err := c.ledgers(ctx, shard, ids)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		if err := c.clear(ctx, shard, books[id].applied); err != nil {
			return false, err
		}
	}
	heads := map[string]head{}
	read, err := c.getMany(ctx, collObjects, headKeys)
	if err != nil {
		return false, err
	}
	for i, d := range read {
		if heads[headKeys[i]], err = decodeHead(d); err != nil {
			return false, err
		}
	}
	docs, err = c.docs.List(ctx, collJournal, docstore.Range{From: from, To: to, Limit: c.opt.page})
	if err != nil {
		return false, fmt.Errorf("list journal: %w", err)
	}
	notes := map[string][]note{}
	whole = len(docs) < c.opt.page || docstore.After(docs[len(docs)-1].Key) == to
	for _, d := range docs {
		n, err := decodeNote(d)
		if err != nil {
			return false, err
		}
		if _, ok := heads[headKey(n.bucketID, n.key)]; !ok {
			whole = false // it came in between
			continue
		}
		notes[n.bucketID] = append(notes[n.bucketID], n)
	}
	for _, id := range ids {
		if len(notes[id]) == 0 {
			continue
		}
		all, err := c.settleBucket(ctx, shard, books[id], notes[id], heads)
		if err != nil {
			return false, err
		}
		whole = whole && all
	}
	return whole, nil
}

func distinct(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// settleBucket settles notes of one bucket, given in the order of their revisions. whole is false when committed ones are left for a later pass.
func (c *Catalog) settleBucket(ctx context.Context, shard int, book *ledger, notes []note, heads map[string]head) (whole bool, err error) {
	s, err := c.sort(ctx, shard, notes, heads)
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
	if err := c.publish(ctx, shard, s.committed); err != nil {
		return false, err
	}
	book.applied = nil
	for _, n := range s.committed {
		book.count(n.new, 1)
		book.count(n.old, -1)
		book.applied = append(book.applied, n.id)
	}
	for _, n := range s.dead {
		book.applied = append(book.applied, n.id)
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
	bucket    Bucket          // id and name
	heads     map[string]head // by head key
	committed []note          // in order; with each one, all older committed notes of its key are here or settled
	dead      []note          // never committed, and never will be
	left      bool            // some committed note must wait for a later pass
}

// sort decides about each note: committed if the chain from the head meets it; else, once its time is over, it is fenced and dead.
func (c *Catalog) sort(ctx context.Context, shard int, notes []note, heads map[string]head) (*sorted, error) {
	s := &sorted{bucket: Bucket{ID: notes[0].bucketID, Name: notes[0].bucket}, heads: heads}
	known := make(map[docstore.Rev]note, len(notes))
	keys := make([]string, len(notes))
	var ask []docstore.Rev // the ends of the chains, most likely
	for i, n := range notes {
		known[n.id] = n
		keys[i] = headKey(n.bucketID, n.key)
		ask = append(ask, n.baseNote, heads[keys[i]].note)
	}
	if err := c.learn(ctx, shard, ask, known); err != nil {
		return nil, err
	}
	met := map[docstore.Rev]bool{}
	for _, key := range distinct(keys) {
		of, _, err := c.chain(ctx, shard, heads[key].note, "", known)
		if err != nil {
			return nil, err
		}
		maps.Copy(met, of)
	}
	var open []note
	for _, n := range notes {
		if met[n.id] {
			s.committed = append(s.committed, n)
		} else if n.closed || c.now().After(n.deadline.Add(c.opt.Skew)) {
			open = append(open, n)
		}
	}
	s.close(known, c.opt.fault.skipClose)
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

// learn reads notes into known; those that are gone as zero notes.
func (c *Catalog) learn(ctx context.Context, shard int, ask []docstore.Rev, known map[docstore.Rev]note) error {
	var ids []docstore.Rev
	var keys []string
	for _, id := range ask {
		if _, ok := known[id]; !ok && id != "" {
			known[id] = note{}
			ids, keys = append(ids, id), append(keys, noteKey(shard, id))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	docs, err := c.getMany(ctx, collJournal, keys)
	if err != nil {
		return err
	}
	for i, d := range docs {
		if d.Rev == "" {
			continue
		}
		if known[ids[i]], err = decodeNote(d); err != nil {
			return err
		}
	}
	return nil
}

// close leaves those committed notes for later whose predecessor is stored but not settled in this batch. So a note that is
// gone proves that everything committed before it on this key is settled: the chain may end there.
func (s *sorted) close(known map[docstore.Rev]note, skip bool) {
	settled := map[docstore.Rev]bool{"": true} // in this batch or before
	for id, n := range known {
		settled[id] = n.id == ""
	}
	for _, n := range s.committed {
		settled[n.id] = true
	}
	for again := true; again; {
		again = false
		s.committed = slices.DeleteFunc(s.committed, func(n note) bool {
			if settled[n.baseNote] || skip {
				return false
			}
			settled[n.id], again, s.left = false, true, true
			return true
		})
	}
}

// owe writes down what the notes leave to be done: blobs to collect, claims to release.
func (c *Catalog) owe(ctx context.Context, s *sorted) error {
	due := c.now().Add(c.opt.GarbageGrace)
	var list []garbage
	for _, n := range s.committed {
		if !n.old.live || n.new.live && n.new.location.NativeKey == n.old.location.NativeKey && n.new.location.BackendID == n.old.location.BackendID {
			continue
		}
		g := garbage{shard: n.shard, bucketID: n.bucketID, key: n.key, location: n.old.location, version: n.old.version, due: due}
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
