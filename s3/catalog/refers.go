package catalog

import (
	"context"

	"github.com/opensds/gelato/internal/docstore"
)

// refers reports whether any version of the key of a garbage entry refers to its blob, or to its table, or one that was made for the blob that is named as table. The entry says where to look: at one
// version, if that is known, or at those that are not older than an upload, or at all. Head, versions, then head again: what is missed in between moved, and so did the head.
func (c *Catalog) refers(ctx context.Context, g garbage) (blob, table bool, err error) {
	h, err := c.head(ctx, g.bucketID, g.key)
	for range rounds {
		if err != nil {
			return false, false, err
		}
		blob, table = false, false
		see := func(o *Object) {
			blob = blob || o.at(g.location)
			table = table || g.table != "" && (o.table == g.table || blobOfTable(o.table) == g.table)
		}
		if h.live {
			see(&h.object)
		}
		if h.shift != nil && h.shift.put != nil && !h.shift.put.DeleteMarker {
			see(h.shift.put)
		}
		if !h.below || blob && (table || g.table == "") || c.opt.fault.skipVersions {
			return blob, table, nil
		}
		if err := c.eachBelow(ctx, g, h, see); err != nil {
			return false, false, err
		}
		var again head
		if again, err = c.head(ctx, g.bucketID, g.key); err == nil && again.rev == h.rev {
			return blob, table, nil
		}
		h = again
	}
	return false, false, errTooMany()
}

// eachBelow shows the versions in the collection that a garbage entry is about, less those that the head knows better.
func (c *Catalog) eachBelow(ctx context.Context, g garbage, h head, see func(o *Object)) error {
	show := func(o *Object) {
		known := h.shift != nil && (h.shift.drop == o.Version || h.shift.put != nil && h.shift.put.Version == o.Version)
		if o.Version != "" && !o.DeleteMarker && !known {
			see(o)
		}
	}
	if g.version != "" {
		d, err := c.get(ctx, collVersions, versionKey(g.bucketID, g.key, g.version))
		if err != nil || d.Rev == "" {
			return err
		}
		o, err := decodeVersion(d)
		show(&o)
		return err
	}
	for than := docstore.Rev(""); ; {
		list, err := c.below(ctx, g.bucketID, g.key, than, 100)
		if err != nil {
			return err
		}
		for i := range list {
			if list[i].Version < g.since {
				return nil
			}
			show(&list[i].Object)
		}
		if len(list) < 100 {
			return nil
		}
		than = list[len(list)-1].Version
	}
}

// at finds the version that a change made, by where its bytes are; a zero Object when there is no such one below the current one.
func (c *Catalog) at(ctx context.Context, bucketID, key string, l Location) (found Object, err error) {
	h, err := c.head(ctx, bucketID, key)
	if err != nil {
		return Object{}, err
	}
	see := func(o *Object) {
		if o.at(l) {
			found = *o
		}
	}
	if h.shift != nil && h.shift.put != nil {
		see(h.shift.put)
	}
	err = c.eachBelow(ctx, garbage{bucketID: bucketID, key: key}, h, see)
	return found, err
}
