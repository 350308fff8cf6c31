package catalog

import (
	"context"
	"fmt"

	"github.com/opensds/gelato/internal/docstore"
)

// PendingWrites counts what may still put bytes of a bucket on another backend than the one named: changes that are noted and not committed, and
// multipart uploads. Asked after SetPlacement answered, both only fall, and at 0 everything that will ever be elsewhere is there to be
// listed. Whatever the clocks say: a change whose time is over is not counted once it is fenced, which is done here.
func (c *Catalog) PendingWrites(ctx context.Context, b Bucket, backendID string) (writes, uploads int64, err error) {
	if uploads, err = c.pendingUploads(ctx, b, backendID); err != nil {
		return 0, 0, err
	}
	for shard := range shards {
		n, err := c.pendingIn(ctx, shard, b, backendID)
		if err != nil {
			return 0, 0, err
		}
		writes += n
	}
	return writes, uploads, nil
}

func (c *Catalog) pendingUploads(ctx context.Context, b Bucket, backendID string) (count int64, err error) {
	from, to := docstore.Under(b.ID)
	for {
		docs, err := c.docs.List(ctx, collUploads, docstore.Range{From: from, To: to, Limit: 1000})
		if err != nil {
			return 0, fmt.Errorf("list uploads: %w", err)
		}
		for _, d := range docs {
			u, err := decodeUpload(d)
			if err != nil {
				return 0, err
			}
			if u.Location.BackendID != backendID && (u.state == upCreating || u.state == upOpen || u.state == upCompleting) {
				count++
			}
		}
		if len(docs) < 1000 {
			return count, nil
		}
		from = docstore.After(docs[len(docs)-1].Key)
	}
}

func (c *Catalog) pendingIn(ctx context.Context, shard int, b Bucket, backendID string) (int64, error) {
	notes := map[docstore.Rev]note{}
	keys := map[string][]note{} // those of interest, by head key
	from := shardPrefix(shard)
	to := docstore.PrefixEnd(from)
	for {
		docs, err := c.docs.List(ctx, collJournal, docstore.Range{From: from, To: to, Limit: notePage})
		if err != nil {
			return 0, fmt.Errorf("list journal: %w", err)
		}
		for _, d := range docs {
			n, err := decodeNote(d)
			if err != nil {
				return 0, err
			}
			if n.bucketID != b.ID {
				continue
			}
			notes[n.id] = n
			if n.new.live && n.upload == "" && n.new.location.BackendID != backendID {
				k := headKey(b.ID, n.key)
				keys[k] = append(keys[k], n)
			}
		}
		if len(docs) < notePage {
			break
		}
		from = docstore.After(docs[len(docs)-1].Key)
	}
	list := make([]string, 0, len(keys))
	for k := range keys {
		list = append(list, k)
	}
	docs, err := c.getMany(ctx, collObjects, list)
	if err != nil {
		return 0, err
	}
	var count int64
	for i, d := range docs {
		h, err := decodeHead(d)
		if err != nil {
			return 0, err
		}
		committed := map[docstore.Rev]bool{}
		for id := h.note; id != "" && !committed[id]; id = notes[id].baseNote {
			committed[id] = true
		}
		for _, n := range keys[list[i]] {
			if committed[n.id] {
				continue
			}
			dead := false
			if n.closed || c.now().After(n.deadline.Add(c.opt.Skew)) {
				if dead, err = c.fence(ctx, n); err != nil {
					return 0, err
				}
			}
			if !dead {
				count++
			}
		}
	}
	return count, nil
}
