package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/opensds/gelato/internal/docstore"
)

// PendingWrites counts the writes of a bucket that were begun for another backend than the one named and may still be committed: their notes are
// open and not expired, and their heads are still what they started from. Asked after SetPlacement answered, the count only falls. Multipart
// uploads are not counted, as they may stay open for any time.
func (c *Catalog) PendingWrites(ctx context.Context, b Bucket, backendID string) (count int64, err error) {
	for shard := range shards {
		n, err := c.pendingOf(ctx, shard, b, backendID)
		if err != nil {
			return 0, err
		}
		count += n
	}
	return count, nil
}

func (c *Catalog) pendingOf(ctx context.Context, shard int, b Bucket, backendID string) (count int64, err error) {
	from := shardPrefix(shard)
	to := docstore.PrefixEnd(from)
	for {
		docs, err := c.docs.List(ctx, collJournal, docstore.Range{From: from, To: to, Limit: notePage})
		if err != nil {
			return 0, fmt.Errorf("list journal: %w", err)
		}
		var open []note
		var keys []string
		for _, d := range docs {
			n, err := decodeNote(d)
			if err != nil {
				return 0, err
			}
			if n.bucketID != b.ID || n.closed || n.upload != "" || !n.new.live || n.new.location.BackendID == backendID || time.Now().After(n.deadline.Add(c.opt.Skew)) {
				continue
			}
			open, keys = append(open, n), append(keys, headKey(n.bucketID, n.key))
		}
		heads, err := c.getMany(ctx, collObjects, keys)
		if err != nil {
			return 0, err
		}
		for i, n := range open {
			if heads[i].Rev == n.base { // committed, or overtaken, when it is another one
				count++
			}
		}
		if len(docs) < notePage {
			return count, nil
		}
		from = docstore.After(docs[len(docs)-1].Key)
	}
}
