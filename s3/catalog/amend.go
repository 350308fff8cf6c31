package catalog

import (
	"context"

	"github.com/opensds/gelato/internal/docstore"
)

// Amend implements API. It is a change like any other, whose note owes nothing: no bytes come or go.
func (c *Catalog) Amend(ctx context.Context, b Bucket, key, versionID string, alter func(o *Object) error) (Object, error) {
	ch := c.newPut(b, key, Location{}, 0, c.now().Add(c.opt.TTL))
	ch.shape = func(n *note, _ head) { n.new, n.old = side{}, side{} }
	name := func(base head) docstore.Rev {
		if versionID == "" {
			return base.object.Version
		}
		return base.versionOf(versionID)
	}
	ch.needs = func(base head) docstore.Rev {
		if v := name(base); v != base.object.Version && base.layered() {
			return v
		}
		return ""
	}
	var of docstore.Rev
	var now Object
	ch.tellsAmend(causeOf(ctx), &now)
	ch.make = func(base head) (head, error) {
		o, current := ch.target(base, name(base))
		switch {
		case versionID == "" && !base.live:
			return head{}, noSuchKey()
		case o == nil || versionID != "" && !o.is(versionID):
			return head{}, noSuchVersion()
		case o.DeleteMarker:
			return head{}, errMarker()
		}
		next := *o
		if err := alter(&next); err != nil {
			return head{}, err
		}
		of, now = o.Version, next
		if !current {
			return ch.amended(base, next), nil
		}
		next.Rev = ""
		h := base.next()
		h.object = next
		return h, nil
	}
	c.carry(ctx, []*change{ch})
	if ch.err != nil {
		return Object{}, ch.err
	}
	return ch.outcome(of), nil
}
