package catalog

import "context"

// Amend implements API. It is a change like any other, whose note owes nothing: no bytes come or go.
func (c *Catalog) Amend(ctx context.Context, b Bucket, key, versionID string, alter func(o *Object) error) (Object, error) {
	ch := c.newPut(b, key, Location{}, 0, c.now().Add(c.opt.TTL))
	ch.shape = func(n *note, _ head) { n.new, n.old = side{}, side{} }
	ch.make = func(base head) (head, error) {
		if err := base.has(versionID); err != nil {
			return head{}, err
		}
		h := base
		h.upload = ""
		err := alter(&h.object)
		return h, err
	}
	c.carry(ctx, []*change{ch})
	if ch.err != nil {
		return Object{}, ch.err
	}
	return ch.done.object, nil
}
