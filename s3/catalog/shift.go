package catalog

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// shift is what a change of a key leaves to be done in the collection of versions. It stands in the head that the change made, and so takes effect with
// it: put is a version of the key, and drop is none, from that moment on, whatever the collection says. Whoever replaces the head finishes the shift first.
type shift struct {
	id      docstore.Rev // the revision of the head as the change made it, and of the document of put
	put     *Object      // belongs into the collection
	was     docstore.Rev // the revision of its document that put replaces; empty: there is none
	drop    docstore.Rev // the Version of the one that must go
	dropRev docstore.Rev // the revision of its document
}

func (w *writer) shift(s *shift) {
	w.doc("p")
	w.str("i", string(s.id))
	w.str("w", string(s.was))
	w.str("x", string(s.drop))
	w.str("y", string(s.dropRev))
	if s.put != nil {
		w.version(s.put)
	}
	w.end()
}

func readShift(doc string) (*shift, bool) {
	s := &shift{}
	good := true
	put := func() *Object {
		if s.put == nil {
			s.put = &Object{}
		}
		return s.put
	}
	r := nested(doc)
	for e, ok := r.next(); ok && good; e, ok = r.next() {
		switch e.key {
		case "i":
			s.id = docstore.Rev(e.str())
		case "w":
			s.was = docstore.Rev(e.str())
		case "x":
			s.drop = docstore.Rev(e.str())
		case "y":
			s.dropRev = docstore.Rev(e.str())
		case summaryField:
			good = put().summary(e.val)
		case "d":
			good = put().detail(e.val)
		}
	}
	return s, good && !r.bad
}

// errShifted says that the head is another one by now, and its shift finished long ago: read it again.
var errShifted = errs.New(errs.FailedPrecondition, "the key was changed meanwhile", nil).Because("Shifted")

func isShifted(err error) bool { return errs.ReasonOf(err) == "Shifted" }

// finishShift does what a head leaves to be done. Anyone may do it at any time, several at once. Nil means that it is done.
func (c *Catalog) finishShift(ctx context.Context, bucketID, key string, s *shift) error {
	if s == nil || c.opt.fault.skipShift {
		return nil
	}
	if s.put != nil {
		if err := c.putVersion(ctx, bucketID, key, s); err != nil {
			return err
		}
	}
	if s.drop == "" {
		return nil
	}
	// FailedPrecondition: it was done before, as this revision never comes back.
	err := c.write(ctx, relaxed(deleteOp(collVersions, versionKey(bucketID, key, s.drop), s.dropRev)))
	if err != nil && !errs.Is(err, errs.FailedPrecondition) {
		return fmt.Errorf("drop version: %w", err)
	}
	return nil
}

// relaxed makes of a write of a shift one that need not be durable yet: until the head that says so is replaced, which is a durable write, it can be done again.
func relaxed(op docstore.Op) docstore.Op {
	op.Relaxed = true
	return op
}

// putVersion stores a version that left the head, or was amended. It is never inserted: one that slept for hours in between would bring back what was deleted
// since. A slot is inserted, and replaced only after the head was read again and still says so: as long as it does, nobody but those who finish the same
// shift replaces a slot, and once it does not, the slot that was seen is gone.
func (c *Catalog) putVersion(ctx context.Context, bucketID, key string, s *shift) error {
	body, err := encodeVersion(s.put)
	if err != nil {
		return err
	}
	doc := docstore.Doc{Key: versionKey(bucketID, key, s.put.Version), Rev: s.id, Body: body}
	for range rounds {
		d, err := c.get(ctx, collVersions, doc.Key)
		if err != nil {
			return err
		}
		was, laid := s.was, docstore.Rev("")
		switch {
		case d.Rev == s.id:
			return nil
		case s.was != "" && d.Rev != s.was:
			return errShifted
		case s.was != "":
		case c.opt.fault.skipSlot && d.Rev == "":
			err := c.write(ctx, insertOp(collVersions, doc))
			if err == nil {
				return nil
			}
			return fmt.Errorf("put version: %w", err)
		case d.Rev == "":
			if laid, err = c.laySlot(ctx, doc.Key); err != nil {
				return err
			}
			if laid == "" {
				continue
			}
			was = laid
		default:
			if o, err := decodeVersion(d); err != nil {
				return err
			} else if o.Version != "" {
				return errShifted
			}
			was = d.Rev
		}
		if s.was == "" && !c.opt.fault.skipSlotCheck {
			h, err := c.head(ctx, bucketID, key)
			if err == nil && (h.shift == nil || h.shift.id != s.id) {
				err = errShifted
			}
			if err != nil {
				if laid != "" {
					c.takeAway(ctx, collVersions, doc.Key, laid)
				}
				return err
			}
		}
		err = c.write(ctx, relaxed(replaceOp(collVersions, doc, was)))
		if err == nil {
			return nil
		}
		if !errs.Is(err, errs.FailedPrecondition) {
			return fmt.Errorf("put version: %w", err)
		}
	}
	return errTooMany()
}

// laySlot inserts an empty version. An empty result: there is a document by now.
func (c *Catalog) laySlot(ctx context.Context, key string) (docstore.Rev, error) {
	body, err := encodeVersion(&Object{})
	if err != nil {
		return "", err
	}
	slot := docstore.Doc{Key: key, Rev: c.newRev(""), Body: body}
	err = c.write(ctx, relaxed(insertOp(collVersions, slot)))
	switch {
	case errs.Is(err, errs.AlreadyExists):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("lay slot: %w", err)
	}
	return slot.Rev, nil
}

// sight is what a change saw of the versions below its base: the one that it needs to know.
type sight struct {
	base   docstore.Rev
	of     docstore.Rev
	object *Object      // nil: there is no such version
	rev    docstore.Rev // of its document
	more   bool         // there are older ones; known for newestBelow only
}

// newestBelow stands for the version that is current once the current one is gone.
const newestBelow docstore.Rev = "newest"

// look makes ready to replace the bases of changes: it finishes their shifts and reads the versions that they need to know. What is seen goes with the base: no version comes,
// changes or goes but by a change of the head. It returns the changes whose base must be read again.
func (c *Catalog) look(ctx context.Context, all []*change) (stale []*change) {
	var list []*change
	for _, ch := range all {
		if ch.base.shift != nil || ch.needed(ch.base) != "" {
			list = append(list, ch)
		}
	}
	var group errgroup.Group
	group.SetLimit(fanOut)
	outcomes := make([]error, len(list))
	for i, ch := range list {
		group.Go(func() error {
			outcomes[i] = c.lookOne(ctx, ch)
			return nil
		})
	}
	_ = group.Wait()
	for i, ch := range list {
		if isShifted(outcomes[i]) {
			stale = append(stale, ch)
		} else {
			ch.err = outcomes[i]
		}
	}
	return stale
}

// needed is the version below base that a change needs to know.
func (ch *change) needed(base head) docstore.Rev {
	if ch.needs == nil || !base.present() {
		return ""
	}
	return ch.needs(base)
}

func (c *Catalog) lookOne(ctx context.Context, ch *change) error {
	of := ch.needed(ch.base)
	if ch.sight.base == ch.base.rev && ch.sight.of == of {
		return nil
	}
	if err := c.finishShift(ctx, ch.bucket.ID, ch.key, ch.base.shift); err != nil {
		return err
	}
	seen := sight{base: ch.base.rev, of: of}
	switch of {
	case "":
	case newestBelow:
		list, err := c.below(ctx, ch.bucket.ID, ch.key, "", 2)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			seen.object, seen.rev, seen.more = &list[0].Object, list[0].docRev, len(list) > 1
		}
	default:
		d, err := c.get(ctx, collVersions, versionKey(ch.bucket.ID, ch.key, of))
		if err != nil {
			return err
		}
		if d.Rev == "" {
			break
		}
		o, err := decodeVersion(d)
		if err != nil {
			return err
		}
		if o.Version != "" {
			seen.object, seen.rev = &o, d.Rev
		}
	}
	if of != "" && seen.object == nil { // it may have become the current one
		h, err := c.head(ctx, ch.bucket.ID, ch.key)
		if err != nil {
			return err
		}
		if h.rev != ch.base.rev {
			return errShifted
		}
	}
	ch.sight = seen
	return nil
}

// stored is a version with the revision of its document.
type stored struct {
	Object
	docRev docstore.Rev
}

// below lists versions of a key from its documents, newest first: those older than one, or all for an empty one.
func (c *Catalog) below(ctx context.Context, bucketID, key string, than docstore.Rev, limit int) ([]stored, error) {
	from, to := docstore.Under(bucketID, key)
	if than != "" {
		from = docstore.After(versionKey(bucketID, key, than))
	}
	var list []stored
	for {
		docs, err := c.docs.List(ctx, collVersions, docstore.Range{From: from, To: to, Limit: limit + 1})
		if err != nil {
			return nil, fmt.Errorf("list versions: %w", err)
		}
		for _, d := range docs {
			o, err := decodeVersion(d)
			if err != nil {
				return nil, err
			}
			if o.Version != "" && len(list) < limit { // not a slot
				list = append(list, stored{o, d.Rev})
			}
		}
		if len(docs) <= limit || len(list) == limit {
			return list, nil
		}
		from = docstore.After(docs[len(docs)-1].Key)
	}
}
