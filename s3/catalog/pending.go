package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/opensds/gelato/internal/docstore"
)

// PendingWrites counts the changes of a bucket that would put bytes on another backend than the one named and may still be committed. Asked
// after SetPlacement answered it only falls; at 0 what is not on the backend by then can come there by a multipart upload alone. It errs on the side
// of counting a change that was committed and replaced, until the journal's reader or the change's time limit settles it.
func (c *Catalog) PendingWrites(ctx context.Context, b Bucket, backendID string) (int64, error) {
	var count int64
	for shard := range shards {
		n, err := c.pendingIn(ctx, shard, b, backendID)
		if err != nil {
			return 0, err
		}
		count += n
	}
	return count, nil
}

func (c *Catalog) pendingIn(ctx context.Context, shard int, b Bucket, backendID string) (int64, error) {
	notes := map[docstore.Rev]note{}
	keys := map[string][]docstore.Rev{} // ids of those of interest, by head key
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
			if n.new.live && n.new.location.BackendID != backendID && !n.closed && time.Now().Before(n.deadline.Add(c.opt.Skew)) {
				k := headKey(b.ID, n.key)
				keys[k] = append(keys[k], n.id)
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
		for _, id := range keys[list[i]] {
			if !committed[id] {
				count++
			}
		}
	}
	return count, nil
}
