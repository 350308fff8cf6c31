package catalog

import (
	"context"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// change is one attempt to change one key, from its note to its compare-and-set. The functions here take many at
// once, so that a batch costs few round trips; each change has its own outcome in err.
type change struct {
	bucket Bucket
	key    string
	// make says what the change makes of a head. It is pure, and its errors are final answers once the head was read after the commit began.
	make  func(base head) (head, error)
	shape func(n *note, base head)     // writes into the note what it must say of the new side; may be nil
	needs func(base head) docstore.Rev // the Version below the base that the functions above look at in sight, or newestBelow; may be nil
	note  note
	base  head      // the head that note.base names
	sight sight     // what was seen below it
	made  time.Time // when it was begun
	until time.Time // with its monotonic reading; the zero Time: no limit
	fresh bool      // base was read since the commit began
	maybe bool      // a compare-and-set had an unknown outcome
	noted bool      // the note is known to be stored
	doubt bool      // how the note is stored is not known: a replacement had an unknown outcome
	undo  bool      // it takes back what was put into a bucket that is gone
	moves bool      // its location is the bucket's placement, and moves with it
	err   error
	tried *head        // what the last compare-and-set would have put there
	done  *head        // what was committed
	of    docstore.Rev // the Version that it changes, where that was named
	cause Cause
	tells func(n *note, base head) (about Object, event string, ok bool) // what others are told of it; nil: nothing
	gone  Object                                                         // the version that make deleted last, if it was named
}

// rounds bounds how often one commit starts again because others changed the key meanwhile.
const rounds = 200

func pending(all []*change) []*change {
	var list []*change
	for _, ch := range all {
		if ch.err == nil && ch.done == nil {
			list = append(list, ch)
		}
	}
	return list
}

func failAll(all []*change, err error) {
	for _, ch := range all {
		ch.err = err
	}
}

// prepare reads what the changes start from.
func (c *Catalog) prepare(ctx context.Context, all []*change) {
	list := pending(all)
	for range rounds {
		if len(list) == 0 {
			return
		}
		heads, err := c.heads(ctx, list)
		if err != nil {
			failAll(list, err)
			return
		}
		for i, ch := range list {
			ch.base = heads[i]
		}
		list = c.look(ctx, list)
	}
	failAll(list, errTooMany())
}

func errTooMany() error { return errs.Newf(errs.Unavailable, "too many others change this key") }

func (c *Catalog) heads(ctx context.Context, all []*change) ([]head, error) {
	keys := make([]string, len(all))
	for i, ch := range all {
		keys[i] = headKey(ch.bucket.ID, ch.key)
	}
	docs, err := c.getMany(ctx, collObjects, keys)
	if err != nil {
		return nil, err
	}
	heads := make([]head, len(all))
	for i, d := range docs {
		if heads[i], err = decodeHead(d); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

// anchor stores the notes of changes whose base is set; those that are stored already are replaced in place, which only works as long as they
// are not closed. Where the key has no head, it lays down a tombstone, so that the commit can be a Replace, and then reads its note
// again: had the journal's reader closed it before, it would not have seen the tombstone and could not have fenced it.
func (c *Catalog) anchor(ctx context.Context, all []*change) {
	list := pending(all)
	var bare []*change // those that need a tombstone
	ops := make([]docstore.Op, 0, len(list))
	for _, ch := range list {
		n := &ch.note
		if ch.base.rev == "" {
			ch.base = head{rev: c.newRev("")}
			bare = append(bare, ch)
		}
		was := n.docRev
		n.rev, n.docRev = c.newRev(max(ch.base.rev, docstore.Rev(n.upload))), c.newRev(was) // newer than the upload, see garbage.since
		if n.id == "" {
			n.id = n.rev
		}
		n.base, n.baseNote = ch.base.rev, ch.base.note
		n.old = ch.base.side()
		if ch.shape != nil {
			ch.shape(n, ch.base)
		}
		ch.tell(n)
		body, err := n.encode()
		if err != nil {
			ch.err = err
		}
		d := docstore.Doc{Key: n.docKey(), Rev: n.docRev, Body: body}
		if ch.noted {
			ops = append(ops, replaceOp(collJournal, d, was))
		} else {
			ops = append(ops, insertOp(collJournal, d))
		}
	}
	if c.opt.fault.skipNote {
		ops = nil
	}
	for i, err := range c.apply(ctx, ops) {
		ch := list[i]
		switch {
		case ch.err != nil || err == nil:
		case errs.Is(err, errs.FailedPrecondition) && c.opt.fault.ignoreClosed:
		case errs.Is(err, errs.FailedPrecondition):
			ch.err = errFenced()
		default:
			ch.err = errs.New(errs.Unavailable, "the change could not be noted", err)
		}
		ch.noted = ch.noted || ch.err == nil
	}
	c.layDown(ctx, pending(bare))
}

func (c *Catalog) layDown(ctx context.Context, bare []*change) {
	ops := make([]docstore.Op, 0, len(bare))
	ids := make([]string, 0, len(bare))
	for _, ch := range bare {
		doc, err := ch.base.doc(headKey(ch.bucket.ID, ch.key))
		if err != nil {
			ch.err = err
		}
		op := insertOp(collObjects, doc)
		op.Relaxed = true // only other writers need to see it: without the head that replaces it, it says nothing
		ops = append(ops, op)
		ids = append(ids, ch.note.docKey())
	}
	if len(bare) == 0 {
		return
	}
	for i, err := range c.apply(ctx, ops) {
		// AlreadyExists: another writer was first, and the commit will start from what is there then.
		if err != nil && !errs.Is(err, errs.AlreadyExists) && bare[i].err == nil {
			bare[i].err = errs.New(errs.Unavailable, "the change could not be begun", err)
		}
	}
	if c.opt.fault.skipRecheck {
		return
	}
	docs, err := c.getMany(ctx, collJournal, ids)
	for i, ch := range bare {
		switch {
		case ch.err != nil:
		case err != nil:
			ch.err = err
		case !isOpen(docs[i]):
			ch.err = errFenced()
		}
		if ch.err != nil {
			c.pickUp(ctx, ch)
		}
	}
}

// isOpen reports whether a note document is there and not closed.
func isOpen(d docstore.Doc) bool {
	if d.Rev == "" {
		return false
	}
	n, err := decodeNote(d)
	return err == nil && !n.closed
}

// pickUp removes the tombstone that a change laid down in vain. Others who build on it start again.
func (c *Catalog) pickUp(ctx context.Context, ch *change) {
	c.takeAway(ctx, collObjects, headKey(ch.bucket.ID, ch.key), ch.base.rev)
}

// Expired is the reason of the error (Unavailable) of a write that took too long without being renewed.
const Expired = "WriteExpired"

func errFenced() error {
	return errs.Newf(errs.Unavailable, "the write took too long and was given up").Because(Expired)
}

// reword brings stored notes up to date with what became known of their changes since they were stored: a size, a part table.
func (c *Catalog) reword(ctx context.Context, all []*change) {
	c.reload(ctx, pending(all))
	var ops []docstore.Op
	var who []*change
	for _, ch := range pending(all) {
		n := ch.note
		ch.shape(&n, ch.base)
		if ch.tell(&n); n == ch.note {
			continue
		}
		old := n.docRev
		n.docRev = c.newRev(old)
		body, err := n.encode()
		if ch.err = err; err != nil {
			continue
		}
		ch.note = n
		ops, who = append(ops, replaceOp(collJournal, docstore.Doc{Key: n.docKey(), Rev: n.docRev, Body: body}, old)), append(who, ch)
	}
	for i, err := range c.apply(ctx, ops) {
		switch {
		case err == nil:
		case unknown(err):
			who[i].doubt = true
			who[i].err = errs.New(errs.Unavailable, "the change could not be noted", err)
		default:
			who[i].err = errFenced()
		}
	}
}

// reload reads the notes again of changes that are in doubt of them.
func (c *Catalog) reload(ctx context.Context, all []*change) {
	var list []*change
	var keys []string
	for _, ch := range all {
		if ch.doubt {
			list, keys = append(list, ch), append(keys, ch.note.docKey())
		}
	}
	if len(list) == 0 {
		return
	}
	docs, err := c.getMany(ctx, collJournal, keys)
	for i, ch := range list {
		if err != nil {
			ch.err = err
			continue
		}
		if !isOpen(docs[i]) {
			ch.err = errFenced()
			continue
		}
		if ch.note, ch.err = decodeNote(docs[i]); ch.err == nil {
			ch.doubt = false
		}
	}
}

// inPlace makes sure that the notes of changes say where their buckets are placed. SetPlacement answers when no bucket that was read before can be
// younger than cacheTTL, and whoever looks for writes elsewhere asks after that: a note that was stored while its bucket was younger is found. Otherwise the
// bucket is read again, now that the note is there.
func (c *Catalog) inPlace(ctx context.Context, all []*change) {
	for _, ch := range pending(all) {
		if !ch.moves || time.Since(ch.bucket.read) <= cacheTTL {
			continue
		}
		b, err := c.readBucket(ctx, ch.bucket.Name)
		switch {
		case err != nil:
			ch.err = err
		case b.ID != ch.bucket.ID:
			ch.err = noSuchBucket()
		case b.BackendID != ch.note.new.location.BackendID:
			ch.err = errMoved()
			c.cache.drop(b.Name)
		}
	}
}

// moved is the reason of errMoved.
const moved = "PlacementMoved"

func errMoved() error {
	return errs.Newf(errs.Unavailable, "the bucket moves to another backend: try again").Because(moved)
}

// commit carries changes with stored notes to their end: each gets done or err.
func (c *Catalog) commit(ctx context.Context, all []*change) {
	list := pending(all)
	for range rounds {
		if len(list) == 0 {
			break
		}
		if err := ctx.Err(); err != nil {
			failAll(list, err)
			break
		}
		c.refresh(ctx, c.replace(ctx, list))
		list = pending(list)
	}
	failAll(pending(list), errTooMany())
	c.checkBuckets(ctx, all)
}

// replace tries the compare-and-set of each change and returns those whose head must be read again.
func (c *Catalog) replace(ctx context.Context, list []*change) (stale []*change) {
	tried := make([]*change, 0, len(list))
	ops := make([]docstore.Op, 0, len(list))
	for _, ch := range list {
		if !ch.until.IsZero() && c.now().After(ch.until) && !c.opt.fault.noDeadline {
			ch.err = errFenced()
			continue
		}
		h, err := ch.make(ch.base)
		if err == nil {
			err = c.finishBefore(ctx, ch)
		} else if !ch.fresh {
			stale = append(stale, ch)
			continue
		}
		var doc docstore.Doc
		if err == nil {
			h.stamp(ch.note.rev, ch.note.id)
			doc, err = h.doc(headKey(ch.bucket.ID, ch.key))
		}
		if err != nil {
			ch.err = err
			continue
		}
		ch.tried = &h
		tried, ops = append(tried, ch), append(ops, replaceOp(collObjects, doc, ch.base.rev))
	}
	for i, err := range c.apply(ctx, ops) {
		ch := tried[i]
		switch {
		case err == nil:
			ch.done = ch.tried
		case errs.Is(err, errs.FailedPrecondition):
			stale = append(stale, ch)
		case unknown(err):
			ch.maybe = true
			stale = append(stale, ch)
		default:
			ch.err = err
		}
	}
	return stale
}

// finishBefore makes sure that the upload which made the base is done before its head is replaced: afterwards nobody could
// tell from the head that it was committed.
func (c *Catalog) finishBefore(ctx context.Context, ch *change) error {
	if ch.base.upload == "" || c.opt.fault.skipFinish {
		return nil
	}
	return c.markCommitted(ctx, ch.bucket.ID, ch.key, ch.base)
}

// refresh reads the heads of changes whose compare-and-set failed, or whose answer must not come from an old head, and prepares another round.
func (c *Catalog) refresh(ctx context.Context, stale []*change) {
	for range rounds {
		if len(stale) == 0 {
			return
		}
		stale = c.refreshOnce(ctx, stale)
	}
	failAll(stale, errTooMany())
}

// refreshOnce returns the changes whose head changed again meanwhile.
func (c *Catalog) refreshOnce(ctx context.Context, stale []*change) (again []*change) {
	heads, err := c.heads(ctx, stale)
	if err != nil {
		failAll(stale, err)
		return nil
	}
	var list []*change
	former := map[*change]head{}
	for i, ch := range stale {
		h := heads[i]
		switch {
		case h.note == ch.note.id:
			ch.done = &h
		case ch.maybe:
			c.resolve(ctx, ch, h)
		}
		if ch.done != nil || ch.err != nil {
			continue
		}
		former[ch], ch.base = ch.base, h
		list = append(list, ch)
	}
	again = c.look(ctx, list)
	for _, ch := range again {
		ch.base = former[ch] // what its note says
		delete(former, ch)
	}
	var moved []*change
	for _, ch := range pending(list) {
		was, ok := former[ch]
		if !ok {
			continue
		}
		ch.fresh = true
		if was.rev == ch.base.rev {
			continue
		}
		if _, err := ch.make(ch.base); err != nil {
			ch.err = err
			continue
		}
		ch.maybe = false
		moved = append(moved, ch)
	}
	c.anchor(ctx, moved)
	return again
}

// resolve finds out whether a change of unknown outcome was committed, now that the head is h.
func (c *Catalog) resolve(ctx context.Context, ch *change, h head) {
	if h.rev == ch.base.rev || c.opt.fault.skipResolve {
		return // not yet
	}
	seen, whole, err := c.chain(ctx, ch.note.shard, h.note, ch.note.id, nil)
	switch {
	case err != nil:
		ch.err = err
	case seen[ch.note.id]:
		if ch.done = ch.tried; ch.done == nil { // an earlier call did it
			ch.done = &head{rev: ch.note.rev, note: ch.note.id, live: true, object: Object{Rev: ch.note.rev}}
		}
	case !whole:
		ch.err = errs.Newf(errs.Unavailable, "it is not known whether the change was made").Because("UnknownOutcome")
	}
}

// chain follows the noted changes of a key from the one that made its head, until it meets the one named to, or to the end, and returns the ids
// that it met. whole is false when it ended at a note that is settled and gone; everything committed before that one is then settled too (see closed).
// known saves reading notes again, and is added to; a zero note in it is one that is gone.
func (c *Catalog) chain(ctx context.Context, shard int, from, to docstore.Rev, known map[docstore.Rev]note) (met map[docstore.Rev]bool, whole bool, err error) {
	met = map[docstore.Rev]bool{}
	for at := from; at != ""; {
		if met[at] {
			return nil, false, errs.Newf(errs.Internal, "the notes of a key run in a circle at %s", noteKey(shard, at))
		}
		met[at] = true
		if at == to {
			return met, true, nil
		}
		n, ok := known[at]
		if !ok {
			d, err := c.get(ctx, collJournal, noteKey(shard, at))
			if err != nil {
				return nil, false, err
			}
			if d.Rev != "" {
				if n, err = decodeNote(d); err != nil {
					return nil, false, err
				}
			}
			if known != nil {
				known[at] = n
			}
		}
		if n.id == "" {
			return met, false, nil
		}
		at = n.baseNote
	}
	return met, true, nil
}
