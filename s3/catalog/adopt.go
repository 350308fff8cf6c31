package catalog

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

const collAdopted = "adopted"

// Native is a foreign object of a backend that is to become an object of a bucket.
type Native struct {
	NativeKey    string
	Key          string
	Size         int64
	NativeETag   string
	Modified     time.Time
	StorageClass string
	Headers      adapters.ContentHeaders
	Metadata     map[string]string
	CRC64        *uint64
	MD5          []byte
}

type claimState int64

const (
	claimHeld     claimState = iota + 1 // an object refers to it, or is about to
	claimReleased                       // the object was relocated away and the original left where it was: not to be imported again
	claimDeleting                       // the original is being deleted
)

// claim is the document of a native object that was adopted. There is one per native object.
type claim struct {
	rev      docstore.Rev
	bucketID string
	key      string
	note     docstore.Rev // the change that claimed it
	state    claimState
}

func claimKey(l Location) string { return docstore.Join(l.BackendID, l.NativeKey) }

func (cl claim) doc(key string) (docstore.Doc, error) {
	w := newWriter(128)
	w.str("bi", cl.bucketID)
	w.str("k", cl.key)
	w.str("n", string(cl.note))
	w.int("st", int64(cl.state))
	body, err := w.finish()
	return docstore.Doc{Key: key, Rev: cl.rev, Body: body}, err
}

func decodeClaim(d docstore.Doc) (claim, error) {
	cl := claim{rev: d.Rev}
	r := newReader(d.Body)
	for e, ok := r.next(); d.Rev != "" && ok; e, ok = r.next() {
		switch e.key {
		case "bi":
			cl.bucketID = e.str()
		case "k":
			cl.key = e.str()
		case "n":
			cl.note = docstore.Rev(e.str())
		case "st":
			cl.state = claimState(e.int())
		}
	}
	if d.Rev != "" && r.bad {
		return claim{}, malformed(collAdopted, d.Key)
	}
	return cl, nil
}

// claim reads a claim; one that is absent has an empty rev.
func (c *Catalog) claim(ctx context.Context, l Location) (claim, error) {
	d, err := c.get(ctx, collAdopted, claimKey(l))
	if err != nil {
		return claim{}, err
	}
	return decodeClaim(d)
}

// setClaim moves a claim to another state. FailedPrecondition when it was changed meanwhile.
func (c *Catalog) setClaim(ctx context.Context, l Location, cl claim, to claim) error {
	to.rev = c.newRev(cl.rev)
	d, err := to.doc(claimKey(l))
	if err != nil {
		return err
	}
	if err := c.write(ctx, replaceOp(collAdopted, d, cl.rev)); err != nil {
		return fmt.Errorf("replace claim: %w", err)
	}
	return nil
}

// Adopt makes native objects of a backend objects of a bucket, each with its own outcome. AlreadyExists with reason Same (done before),
// Exists (the key is taken) or Claimed (it belongs to another key); InvalidArgument for what has the form of a blob. A native object that
// changed since it was adopted under the same key is taken up anew.
func (c *Catalog) Adopt(ctx context.Context, b Bucket, backendID string, natives []Native) []error {
	until := c.now().Add(c.opt.TTL)
	all := make([]*change, len(natives))
	for i, n := range natives {
		all[i] = c.newAdoption(b, backendID, n, until)
	}
	for _, wave := range waves(all) {
		c.prepare(ctx, wave)
		for _, ch := range pending(wave) {
			_, ch.err = ch.make(ch.base)
		}
		noted := pending(wave)
		c.anchor(ctx, noted)
		c.claimAll(ctx, pending(wave))
		c.commit(ctx, wave)
		for _, ch := range noted {
			if ch.err != nil && ch.done == nil {
				c.abandon(ctx, ch) // the reader takes the claim back, once it is certain that nothing was committed
			}
		}
	}
	outcomes := make([]error, len(all))
	for i, ch := range all {
		outcomes[i] = ch.err
	}
	return outcomes
}

func (c *Catalog) newAdoption(b Bucket, backendID string, n Native, until time.Time) *change {
	loc := Location{BackendID: backendID, NativeKey: n.NativeKey, NativeETag: n.NativeETag}
	ch := c.newPut(b, n.Key, loc, n.Size, until)
	ch.note.adopt = true
	if blob.IsOurs(n.NativeKey) || n.NativeKey == blob.Marker || n.NativeKey == "" || n.Key == "" {
		ch.err = errs.Newf(errs.InvalidArgument, "%q is not a foreign object", n.NativeKey).Because("Ours")
		return ch
	}
	o := Object{Key: n.Key, Location: loc, Size: n.Size, ETag: n.NativeETag, Modified: n.Modified.UTC(), StorageClass: n.StorageClass,
		CRC64: n.CRC64, Headers: n.Headers, Metadata: n.Metadata}
	if len(n.MD5) > 0 {
		o.ETag = hex.EncodeToString(n.MD5)
	}
	ch.shape = func(n *note, base head) { n.old = base.side() }
	ch.needs = nil
	ch.make = func(base head) (head, error) {
		switch {
		case !base.present():
			return ch.onto(base, o)
		case !base.at(loc):
			return head{}, taken("Exists", "the key is taken")
		case base.object.Location.NativeETag == loc.NativeETag:
			return head{}, taken("Same", "it was imported before")
		}
		h := base.next() // the bytes of this version are no more, whatever the versioning of the bucket
		h.object, h.named = o, base.object.VersionID != ""
		return h, nil
	}
	return ch
}

func taken(reason, text string) error { return errs.New(errs.AlreadyExists, text, nil).Because(reason) }

// claimAll claims the native objects of adoptions whose notes are stored.
func (c *Catalog) claimAll(ctx context.Context, all []*change) {
	seen := map[string]bool{}
	ops := make([]docstore.Op, 0, len(all))
	var who []*change
	for _, ch := range all {
		l := ch.note.new.location
		if ch.base.live { // claimed when it was adopted first
			continue
		}
		d, err := claim{rev: c.newRev(""), bucketID: ch.bucket.ID, key: ch.key, note: ch.note.id, state: claimHeld}.doc(claimKey(l))
		if err == nil && seen[d.Key] {
			err = taken("Claimed", "it is an object under another key")
		}
		if ch.err = err; err != nil {
			continue
		}
		seen[d.Key] = true
		ops, who = append(ops, insertOp(collAdopted, d)), append(who, ch)
	}
	for i, err := range c.apply(ctx, ops) {
		if errs.Is(err, errs.AlreadyExists) {
			err = c.takeOver(ctx, who[i])
		}
		who[i].err = err
	}
}

// takeOver looks at a claim that is in the way. One whose object is gone, and whose note is settled, refers to nothing: then it is taken.
func (c *Catalog) takeOver(ctx context.Context, ch *change) error {
	l := ch.note.new.location
	busy := errs.Newf(errs.Unavailable, "the native object is being imported or deleted")
	cl, err := c.claim(ctx, l)
	if err != nil {
		return err
	}
	same := cl.bucketID == ch.bucket.ID && cl.key == ch.key
	switch {
	case cl.rev == "" || cl.state == claimDeleting:
		return busy
	case cl.state == claimReleased && same:
		return taken("Same", "it was imported and relocated before")
	case cl.state == claimReleased:
		return taken("Claimed", "it was imported and relocated before")
	}
	used, _, err := c.refers(ctx, garbage{bucketID: cl.bucketID, key: cl.key, location: l})
	if err != nil {
		return err
	}
	if used {
		if same {
			return taken("Same", "it was imported before")
		}
		return taken("Claimed", "it is an object under another key")
	}
	d, err := c.get(ctx, collJournal, noteKey(shardOf(cl.bucketID, cl.key), cl.note))
	if err != nil {
		return err
	}
	if d.Rev != "" {
		return busy
	}
	err = c.setClaim(ctx, l, cl, claim{bucketID: ch.bucket.ID, key: ch.key, note: ch.note.id, state: claimHeld})
	if errs.Is(err, errs.FailedPrecondition) {
		return busy
	}
	return err
}

// unclaim takes back the claim of an adoption that was not committed.
func (c *Catalog) unclaim(ctx context.Context, n note) error {
	cl, err := c.claim(ctx, n.new.location)
	if err != nil || cl.rev == "" || cl.note != n.id {
		return err
	}
	err = c.write(ctx, deleteOp(collAdopted, claimKey(n.new.location), cl.rev))
	if errs.Is(err, errs.FailedPrecondition) {
		return nil
	}
	return err
}

// letGo decides what becomes of the original of an adopted object that a committed note replaced. It returns the claim under
// which it is to be deleted; an empty one when it stays.
func (c *Catalog) letGo(ctx context.Context, n note) (docstore.Rev, error) {
	for {
		cl, err := c.claim(ctx, n.old.location)
		if err != nil || cl.rev == "" || cl.bucketID != n.bucketID || cl.key != n.key {
			return "", err
		}
		if n.undo {
			err := c.write(ctx, deleteOp(collAdopted, claimKey(n.old.location), cl.rev))
			if errs.Is(err, errs.FailedPrecondition) {
				continue
			}
			return "", err
		}
		if !n.moves || n.release {
			return cl.note, nil
		}
		if cl.state == claimReleased {
			return "", nil
		}
		next := cl
		next.state = claimReleased
		if err := c.setClaim(ctx, n.old.location, cl, next); !errs.Is(err, errs.FailedPrecondition) {
			return "", err
		}
	}
}

// collectAdopted deletes an original that its object has left, if it is still the one that was adopted, and then its claim.
func (c *Catalog) collectAdopted(ctx context.Context, store adapters.Store, g garbage) error {
	cl, err := c.claim(ctx, g.location)
	if err != nil || cl.rev == "" || cl.note != g.claim {
		return err
	}
	if cl.state != claimDeleting {
		next := cl
		next.state = claimDeleting
		if err := c.setClaim(ctx, g.location, cl, next); err != nil {
			if errs.Is(err, errs.FailedPrecondition) {
				return nil // taken over: it is another object's now
			}
			return err
		}
		if cl, err = c.claim(ctx, g.location); err != nil || cl.state != claimDeleting {
			return err
		}
	}
	limited, cancel := context.WithTimeout(ctx, deleteLimit)
	defer cancel()
	err = store.Delete(limited, g.location.NativeKey, g.location.NativeETag)
	// FailedPrecondition: somebody outside put another object there, which is not ours to delete.
	if err != nil && !errs.Is(err, errs.FailedPrecondition) && !errs.Is(err, errs.NotFound) {
		return fmt.Errorf("delete adopted original: %w", err)
	}
	err = c.write(ctx, deleteOp(collAdopted, claimKey(g.location), cl.rev))
	if errs.Is(err, errs.FailedPrecondition) {
		return nil
	}
	return err
}
