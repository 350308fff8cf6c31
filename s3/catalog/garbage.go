package catalog

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

const (
	collGarbage = "garbage"
	deleters    = 8 // native deletes at once, of one shard on one backend
	backendsMax = 8 // backends at once, of one shard
	deleteLimit = 30 * time.Second
	retryMin    = time.Second
	retryMax    = 5 * time.Minute
)

// garbage is a blob that is owed to nobody from due on. Its key begins with the time, so that what is due comes first.
type garbage struct {
	docKey   string // as stored
	rev      docstore.Rev
	shard    int
	bucketID string
	key      string
	location Location
	due      time.Time
	version  docstore.Rev // the one that had it; empty: perhaps none had, see since
	since    docstore.Rev // of an upload: only versions that are younger may have it. What a relocation brought may belong to a version of any age
	multi    bool         // there may be native uploads of the same key
	table    string       // the blob whose part tables go with it
	claim    docstore.Rev // of an adopted original: the note of the claim
}

// backoff of a backend that did not answer.
type backoff struct {
	until time.Time
	delay time.Duration
}

func (g garbage) doc() (docstore.Doc, error) {
	id := g.location.BlobID
	if id == "" {
		id = string(newRev(""))
	}
	w := newWriter(512)
	w.str("bi", g.bucketID)
	w.str("k", g.key)
	w.location("l", g.location)
	w.flag("mu", g.multi)
	w.str("pt", g.table)
	w.str("cl", string(g.claim))
	w.str("v", string(g.version))
	w.str("si", string(g.since))
	body, err := w.finish()
	key := fmt.Sprintf("%s%016x/%s", shardPrefix(g.shard), g.due.UnixNano(), id)
	return docstore.Doc{Key: key, Rev: newRev(""), Body: body}, err
}

func decodeGarbage(d docstore.Doc) (garbage, error) {
	g := garbage{docKey: d.Key, rev: d.Rev}
	r := newReader(d.Body)
	for e, ok := r.next(); ok; e, ok = r.next() {
		switch e.key {
		case "bi":
			g.bucketID = e.str()
		case "k":
			g.key = e.str()
		case "lb":
			g.location.BackendID = e.str()
		case "lk":
			g.location.NativeKey = e.str()
		case "li":
			g.location.BlobID = e.str()
		case "lt":
			g.location.NativeETag = e.str()
		case "mu":
			g.multi = true
		case "pt":
			g.table = e.str()
		case "cl":
			g.claim = docstore.Rev(e.str())
		case "v":
			g.version = docstore.Rev(e.str())
		case "si":
			g.since = docstore.Rev(e.str())
		}
	}
	shard, err := strconv.Atoi(d.Key[:min(2, len(d.Key))])
	if r.bad || err != nil {
		return garbage{}, malformed(collGarbage, d.Key)
	}
	g.shard = shard
	return g, nil
}

func (c *Catalog) insertGarbage(ctx context.Context, list []garbage) error {
	ops := make([]docstore.Op, 0, len(list))
	seen := map[string]int{}
	for i, g := range list {
		// An abort that was repeated lists its blob twice.
		if g.location.BlobID != "" {
			if first, ok := seen[g.location.BlobID]; ok {
				list[first].multi = list[first].multi || g.multi
				list[first].table = cmp.Or(list[first].table, g.table)
				continue
			}
			seen[g.location.BlobID] = i
		}
	}
	for i, g := range list {
		if first, ok := seen[g.location.BlobID]; ok && first != i {
			continue
		}
		d, err := g.doc()
		if err != nil {
			return err
		}
		ops = append(ops, insertOp(collGarbage, d))
	}
	for _, err := range c.apply(ctx, ops) {
		if err != nil && !errs.Is(err, errs.AlreadyExists) {
			return fmt.Errorf("list garbage: %w", err)
		}
	}
	return nil
}

// collect deletes what is due of one shard. What a backend refuses stays on the list; the others are not held up by it. It returns when the
// next entry is due, the zero Time for none.
func (c *Catalog) collect(ctx context.Context, shard int) (next time.Time, err error) {
	from, to := shardPrefix(shard), docstore.PrefixEnd(shardPrefix(shard))
	now := c.now()
	for {
		docs, err := c.docs.List(ctx, collGarbage, docstore.Range{From: from, To: to, Limit: c.opt.page})
		if err != nil {
			return time.Time{}, fmt.Errorf("list garbage: %w", err)
		}
		due := map[string][]garbage{}
		for _, d := range docs {
			g, err := decodeGarbage(d)
			if err != nil {
				return time.Time{}, err
			}
			ns, err := strconv.ParseInt(d.Key[3:min(19, len(d.Key))], 16, 64)
			if err != nil {
				return time.Time{}, malformed(collGarbage, d.Key)
			}
			if at := time.Unix(0, ns); at.After(now) && !c.opt.fault.skipGrace {
				next = at
				break
			}
			due[g.location.BackendID] = append(due[g.location.BackendID], g)
		}
		var group errgroup.Group
		group.SetLimit(backendsMax)
		for _, backend := range sortedKeys(due) {
			group.Go(func() error { c.collectFrom(ctx, backend, due[backend]); return nil })
		}
		_ = group.Wait()
		if !next.IsZero() || len(docs) < c.opt.page || ctx.Err() != nil {
			return next, ctx.Err()
		}
		from = docstore.After(docs[len(docs)-1].Key)
	}
}

// collectFrom deletes blobs of one backend, and stops at the first that it refuses.
func (c *Catalog) collectFrom(ctx context.Context, backend string, list []garbage) {
	if c.away(backend) {
		return
	}
	store, err := c.stores.Store(ctx, backend)
	if err != nil {
		c.setAway(ctx, backend, err)
		return
	}
	var once sync.Once
	var group errgroup.Group
	group.SetLimit(deleters)
	for _, g := range list {
		if c.away(backend) || ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			if err := c.collectOne(ctx, store, g); err != nil && ctx.Err() == nil {
				once.Do(func() { c.setAway(ctx, backend, err) })
			}
			return nil
		})
	}
	_ = group.Wait()
	if !c.away(backend) {
		c.mu.Lock()
		delete(c.retry, backend)
		c.mu.Unlock()
	}
}

func (c *Catalog) away(backend string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Before(c.retry[backend].until)
}

func (c *Catalog) setAway(ctx context.Context, backend string, err error) {
	c.mu.Lock()
	b := c.retry[backend]
	b.delay = min(max(2*b.delay, retryMin), retryMax)
	b.until = time.Now().Add(b.delay)
	c.retry[backend] = b
	c.mu.Unlock()
	c.log.WarnContext(ctx, "garbage cannot be deleted yet", "backend", backend, "retry_in", b.delay, "err", err)
}

// collectOne deletes one blob if no version refers to it. It need not fear that one will later: what was committed and replaced never
// comes back, and what was not committed was fenced before it came on the list.
func (c *Catalog) collectOne(ctx context.Context, store adapters.Store, g garbage) error {
	used, tableUsed, err := c.refers(ctx, g)
	if err != nil {
		return err
	}
	switch {
	case used:
	case g.location.BlobID == "":
		err = c.collectAdopted(ctx, store, g)
	case !blob.HasTag(g.location.NativeKey, c.tag):
		c.log.ErrorContext(ctx, "what is no blob of ours was on the garbage list", "backend", g.location.BackendID, "native_key", g.location.NativeKey)
	default:
		err = c.collectBlob(ctx, store, g)
	}
	if err == nil && g.table != "" && !tableUsed {
		err = c.dropTables(ctx, g.table)
	}
	if err != nil {
		return err
	}
	err = c.write(ctx, deleteOp(collGarbage, g.docKey, g.rev))
	if errs.Is(err, errs.FailedPrecondition) {
		return nil
	}
	return err
}

func (c *Catalog) collectBlob(ctx context.Context, store adapters.Store, g garbage) error {
	ctx, cancel := context.WithTimeout(ctx, deleteLimit)
	defer cancel()
	if err := store.Delete(ctx, g.location.NativeKey, ""); err != nil {
		return fmt.Errorf("delete blob: %w", err)
	}
	if !g.multi || !store.Capabilities().Multipart {
		return nil
	}
	uploads, err := store.ListUploads(ctx, g.location.NativeKey, 1000)
	if err != nil {
		return fmt.Errorf("list native uploads: %w", err)
	}
	for _, u := range uploads {
		if u.Key != g.location.NativeKey {
			continue
		}
		if err := store.AbortUpload(ctx, u.Key, u.ID); err != nil {
			return fmt.Errorf("abort native upload: %w", err)
		}
	}
	return nil
}
