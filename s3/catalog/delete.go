package catalog

import (
	"context"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// Delete implements API.
func (c *Catalog) Delete(ctx context.Context, b Bucket, key, versionID string, cond Condition) (Deleted, error) {
	ch := c.newDelete(b, key, versionID, cond)
	ch.tellsDelete(causeOf(ctx), versionID)
	c.carry(ctx, []*change{ch})
	switch {
	case ch.err == errAbsent:
		return Deleted{VersionID: versionID}, nil
	case ch.err != nil:
		return Deleted{}, ch.err
	case versionID != "":
		return Deleted{Existed: true, VersionID: versionID, Marker: ch.gone.DeleteMarker}, nil
	}
	o := ch.done.object
	return Deleted{Existed: true, VersionID: o.VersionID, Marker: o.DeleteMarker}, nil
}

// errAbsent is the outcome of a delete that found nothing.
var errAbsent = errs.New(errs.NotFound, "the key does not exist", nil)

// newDelete deletes a version for good, or, without a version id, does what the versioning of the bucket asks for: lays a delete marker, or deletes the object.
func (c *Catalog) newDelete(b Bucket, key, versionID string, cond Condition) *change {
	now := c.now()
	ch := c.newPut(b, key, Location{}, 0, now.Add(c.opt.TTL))
	ch.note.new = side{}
	if versionID != "" {
		ch.deleteVersion(versionID, func(h head) error {
			if err := cond.check(h); err != nil {
				return err
			}
			return h.object.deletable(now, cond.Bypass)
		})
		return ch
	}
	marker := Object{Key: key, DeleteMarker: true, Modified: now.UTC(), Attributes: Attributes{Owner: cond.Owner}, Latest: true}
	ch.make = func(base head) (head, error) {
		if err := cond.check(base); err != nil {
			return head{}, err
		}
		if ch.bucket.Versioning != "" || base.layered() || base.object.VersionID != "" || base.object.DeleteMarker {
			return ch.onto(base, marker)
		}
		if !base.live {
			return head{}, errAbsent
		}
		return head{}, base.object.deletable(now, cond.Bypass)
	}
	return ch
}

// deleteVersion makes of a change the deletion of one version, if check allows it: h has this version as its current one.
func (ch *change) deleteVersion(versionID string, check func(h head) error) {
	ch.needs = func(base head) docstore.Rev {
		switch v := base.versionOf(versionID); {
		case !base.layered():
			return ""
		case v == base.object.Version:
			return newestBelow
		default:
			return v
		}
	}
	find := func(base head) (*Object, bool) {
		o, current := ch.target(base, base.versionOf(versionID))
		if o == nil || !o.is(versionID) {
			return nil, false
		}
		return o, current
	}
	ch.shape = func(n *note, base head) {
		n.old = side{}
		if o, _ := find(base); o != nil {
			n.old = o.side()
		}
	}
	ch.make = func(base head) (head, error) {
		o, current := find(base)
		if o == nil {
			return head{}, errAbsent
		}
		if err := check(head{live: !o.DeleteMarker, object: *o}); err != nil {
			return head{}, err
		}
		ch.gone = *o
		if current {
			return ch.without(base), nil
		}
		h := base.next()
		h.shift = &shift{drop: o.Version, dropRev: ch.seen(base).rev}
		if h.null == o.Version {
			h.null = ""
		}
		return h, nil
	}
}

// undo takes back what was put into a bucket which is gone: every version of the key. Nobody asked for the deletion: an adopted original stays where it is.
func (c *Catalog) undo(ctx context.Context, b Bucket, key string) error {
	for range rounds {
		h, err := c.head(ctx, b.ID, key)
		if err != nil || !h.present() {
			return err
		}
		ch := c.newDelete(b, key, "", Condition{})
		versionID := NullVersion
		if h.object.VersionID != "" {
			versionID = h.object.VersionID
		}
		ch.deleteVersion(versionID, func(head) error { return nil })
		shape := ch.shape
		ch.undo = true
		ch.shape = func(n *note, base head) {
			shape(n, base)
			n.undo = !c.opt.fault.deleteUndone
		}
		c.carry(ctx, []*change{ch})
		if ch.err != nil && ch.err != errAbsent {
			return ch.err
		}
	}
	return errTooMany()
}
