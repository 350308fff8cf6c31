package catalog

import (
	"context"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// The states of Bucket.Versioning; empty: there never were versions.
const (
	Enabled   = "Enabled"
	Suspended = "Suspended"
)

// The rules of S3 about what a new version does to those that are there (docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html).
// Whether the bucket has no versions or they are suspended makes no difference to a write: a version that has an id stays in any case.

// onto lays a new current version over those that base has: with an id of its own where versioning is enabled; else it is the null version and replaces
// the one that was.
func (ch *change) onto(base head, o Object) (head, error) {
	h := head{live: !o.DeleteMarker, object: o, named: ch.named(), below: base.layered(), null: base.null}
	if r := ch.replacedVersion(base); r != nil {
		if err := r.deletable(ch.made, false); err != nil {
			return head{}, err
		}
	}
	ch.bucket.retain(&h.object, ch.made)
	if base.present() && (h.named || base.object.VersionID != "") {
		was := base.object
		was.Latest = false
		h.shift = &shift{put: &was}
		if was.VersionID == "" {
			h.null = was.Version
		}
	}
	if s := ch.seen(base); !h.named && s.object != nil {
		h.shift.drop, h.shift.dropRev, h.null = s.object.Version, s.rev, ""
	}
	return h, nil
}

func (ch *change) named() bool { return ch.bucket.Versioning == Enabled }

// nullBelow is the version that a new null version replaces, if it is not the current one.
func (ch *change) nullBelow(base head) docstore.Rev {
	if ch.named() {
		return ""
	}
	return base.null
}

// replacedVersion is the version that onto leaves no room for, or nil.
func (ch *change) replacedVersion(base head) *Object {
	switch {
	case ch.named():
		return nil
	case base.present() && base.object.VersionID == "":
		return &base.object
	}
	return ch.seen(base).object
}

// replaced is replacedVersion as the note remembers it.
func (ch *change) replaced(base head) side {
	if o := ch.replacedVersion(base); o != nil {
		return o.side()
	}
	return side{}
}

// without takes the current version away, and makes the newest below it the current one.
func (ch *change) without(base head) head {
	s := ch.seen(base)
	if s.object == nil {
		return head{}
	}
	o := *s.object
	o.Latest = true
	h := head{live: !o.DeleteMarker, object: o, below: s.more, null: base.null, shift: &shift{drop: o.Version, dropRev: s.rev}}
	if h.null == o.Version {
		h.null = ""
	}
	return h
}

// target is the version that a change names, when base is what it starts from: the current one, or the one in sight, or none.
func (ch *change) target(base head, of docstore.Rev) (o *Object, current bool) {
	if base.present() && base.object.Version == of {
		return &base.object, true
	}
	return ch.seen(base).object, false
}

// amended puts another form of the version that is in sight in its place.
func (ch *change) amended(base head, o Object) head {
	h := base.next()
	o.Rev = ""
	h.shift = &shift{put: &o, was: ch.seen(base).rev}
	return h
}

// seen is what is known of the version below base that the change needs to know.
func (ch *change) seen(base head) sight {
	if of := ch.needed(base); of == "" || ch.sight.of != of || ch.sight.base != base.rev {
		return sight{}
	}
	return ch.sight
}

// versionOf is the Version of the version that a client names by its id, as far as the head knows; empty for none.
func (h head) versionOf(versionID string) docstore.Rev {
	switch {
	case versionID != NullVersion:
		return docstore.Rev(versionID)
	case h.present() && h.object.VersionID == "":
		return h.object.Version
	}
	return h.null
}

// outcome is the version that a change made or amended.
func (ch *change) outcome(of docstore.Rev) Object {
	if s := ch.done.shift; s != nil && s.put != nil && s.put.Version == of {
		return *s.put
	}
	return ch.done.object
}

// find reads a version; a zero Object when there is no such one. Looked for in the head, in its document, and in the head again as it may have moved meanwhile: it
// is absent only if the head stayed the same.
func (c *Catalog) find(ctx context.Context, bucketID, key string, of func(h head) docstore.Rev) (Object, error) {
	h, err := c.head(ctx, bucketID, key)
	for range rounds {
		if err != nil {
			return Object{}, err
		}
		v := of(h)
		switch {
		case v == "" || !h.present():
			return Object{}, nil
		case h.object.Version == v:
			return h.object, nil
		case !h.layered():
			return Object{}, nil
		case h.shift != nil && h.shift.put != nil && h.shift.put.Version == v:
			return *h.shift.put, nil
		case h.shift != nil && h.shift.drop == v:
			return Object{}, nil
		}
		d, err := c.get(ctx, collVersions, versionKey(bucketID, key, v))
		if err != nil {
			return Object{}, err
		}
		if d.Rev != "" {
			if o, err := decodeVersion(d); err != nil || o.Version != "" {
				return o, err
			}
		}
		again, err := c.head(ctx, bucketID, key)
		if err != nil || again.rev == h.rev || c.opt.fault.skipSecond {
			return Object{}, err
		}
		h = again
	}
	return Object{}, errTooMany()
}

// Get implements API.
func (c *Catalog) Get(ctx context.Context, b Bucket, key, versionID string) (Object, error) {
	if versionID == "" {
		h, err := c.head(ctx, b.ID, key)
		if err == nil && !h.live {
			err = noSuchKey()
		}
		return h.object, err
	}
	o, err := c.find(ctx, b.ID, key, func(h head) docstore.Rev { return h.versionOf(versionID) })
	switch {
	case err != nil:
		return Object{}, err
	case o.Version == "" || !o.is(versionID):
		return Object{}, noSuchVersion()
	case o.DeleteMarker:
		return o, errMarker()
	}
	return o, nil
}

// stateOf renews what writes know of the versioning of their buckets, where it was read too long ago. SetVersioning answers when nobody can
// begin a write by the former state any more; this is for those that took long. It returns the changes for which the state is another one.
func (c *Catalog) stateOf(ctx context.Context, all []*change) (changed []*change) {
	for _, ch := range pending(all) {
		if time.Since(ch.bucket.read) <= cacheTTL {
			continue
		}
		b, err := c.Bucket(ctx, ch.bucket.Name)
		if err == nil && b.ID == ch.bucket.ID {
			ch.bucket.Settings = b.Settings
		}
		switch {
		case errs.Is(err, errs.NotFound) || err == nil && b.ID != ch.bucket.ID: // then what is committed is taken back
		case err != nil:
			ch.err = err
		default:
			if b.Versioning != ch.bucket.Versioning {
				changed = append(changed, ch)
			}
			ch.bucket = b
		}
	}
	return changed
}
