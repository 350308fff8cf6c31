package catalog

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/trouble"
)

const (
	collBuckets = "buckets"
	bucketIDLen = 24 // a bucket's id is the revision under which it was made: fixed in length and never drawn twice
	cacheTTL    = 2 * time.Second
	cacheSize   = 10_000
	maxSkew     = time.Minute // how far clocks may differ where waiting too long is the worst that comes of it
)

// bucketDoc is a bucket as stored. A bucket that is deleting is either finished or undone by whoever meets it.
type bucketDoc struct {
	Bucket
	deleting bool
}

func (b bucketDoc) doc() (docstore.Doc, error) {
	w := newWriter(256)
	w.str("id", b.ID)
	w.str("o", b.Owner)
	w.str("b", b.BackendID)
	w.int("c", b.Created.UnixNano())
	w.flag("d", b.deleting)
	w.str("v", b.Versioning)
	w.flag("ol", b.ObjectLock)
	w.str("lm", b.DefaultRetention.Mode)
	w.int("ld", int64(b.DefaultRetention.Days))
	w.int("ly", int64(b.DefaultRetention.Years))
	if len(b.Settings) > 0 {
		w.doc("s")
		for _, name := range sortedKeys(b.Settings) {
			w.str(name, string(b.Settings[name]))
		}
		w.end()
	}
	body, err := w.finish()
	return docstore.Doc{Key: b.Name, Rev: b.Rev, Body: body}, err
}

func decodeBucket(d docstore.Doc) (bucketDoc, error) {
	b := bucketDoc{Bucket: Bucket{Name: d.Key, Rev: d.Rev}}
	r := newReader(d.Body)
	for e, ok := r.next(); ok; e, ok = r.next() {
		switch e.key {
		case "id":
			b.ID = e.str()
		case "o":
			b.Owner = e.str()
		case "b":
			b.BackendID = e.str()
		case "c":
			b.Created = time.Unix(0, e.int()).UTC()
		case "d":
			b.deleting = true
		case "v":
			b.Versioning = e.str()
		case "ol":
			b.ObjectLock = true
		case "lm":
			b.DefaultRetention.Mode = e.str()
		case "ld":
			b.DefaultRetention.Days = int(e.int())
		case "ly":
			b.DefaultRetention.Years = int(e.int())
		case "s":
			b.Settings = map[string]docstore.Rev{}
			list := nested(e.val)
			for e, ok := list.next(); ok; e, ok = list.next() {
				b.Settings[e.key] = docstore.Rev(e.str())
			}
			r.bad = r.bad || list.bad
		}
	}
	if r.bad || len(b.ID) != bucketIDLen {
		return bucketDoc{}, malformed(collBuckets, d.Key)
	}
	return b, nil
}

// bucketCache remembers buckets for half of cacheTTL, so that a write that begins with one has the other half to be noted. Objects are never cached.
type bucketCache struct {
	mu      sync.Mutex
	entries map[string]Bucket
}

func (c *bucketCache) get(name string) (Bucket, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, ok := c.entries[name]
	return b, ok && time.Since(b.read) < cacheTTL/2
}

func (c *bucketCache) put(b Bucket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= cacheSize {
		clear(c.entries)
	}
	c.entries[b.Name] = b
}

func (c *bucketCache) drop(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, name)
}

func noSuchBucket() error {
	return errs.Newf(errs.NotFound, "The specified bucket does not exist").Because("NoSuchBucket")
}

// CreateBucket implements API.
func (c *Catalog) CreateBucket(ctx context.Context, b Bucket, settings map[string][]byte) (Bucket, error) {
	for {
		rev := c.newRev("")
		b.read = time.Now()
		b.ID, b.Rev, b.Created, b.Settings = string(rev), rev, c.now().UTC(), nil
		var err error
		if b.Settings, err = c.writeSettings(ctx, b, settings); err != nil {
			return Bucket{}, err
		}
		doc, err := bucketDoc{Bucket: b}.doc()
		if err != nil {
			return Bucket{}, err
		}
		err = c.write(ctx, insertOp(collBuckets, doc))
		if err == nil {
			return b, nil
		}
		if !errs.Is(err, errs.AlreadyExists) {
			return Bucket{}, fmt.Errorf("insert bucket: %w", err)
		}
		c.dropSettings(ctx, b, settings)
		switch there, err := c.readBucket(ctx, b.Name); {
		case errs.Is(err, errs.NotFound): // gone meanwhile
		case err != nil:
			return Bucket{}, err
		case there.Owner == b.Owner:
			return Bucket{}, errs.Newf(errs.AlreadyExists, "Your previous request to create the named bucket succeeded and you already own it.").Because("BucketAlreadyOwnedByYou")
		default:
			return Bucket{}, errs.Newf(errs.AlreadyExists, "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.").Because("BucketAlreadyExists")
		}
	}
}

// Bucket implements API.
func (c *Catalog) Bucket(ctx context.Context, name string) (Bucket, error) {
	if b, ok := c.cache.get(name); ok {
		return b, nil
	}
	b, err := c.readBucket(ctx, name)
	if err != nil {
		return Bucket{}, err
	}
	c.cache.put(b)
	return b, nil
}

// readBucket reads a bucket as it is now. One whose deletion was left half done it finishes or undoes first.
func (c *Catalog) readBucket(ctx context.Context, name string) (Bucket, error) {
	for {
		at := time.Now()
		d, err := c.get(ctx, collBuckets, name)
		if err != nil {
			return Bucket{}, err
		}
		if d.Rev == "" {
			return Bucket{}, noSuchBucket()
		}
		b, err := decodeBucket(d)
		if err != nil {
			return Bucket{}, err
		}
		if !b.deleting {
			b.read = at
			return b.Bucket, nil
		}
		if _, err := c.finishDelete(ctx, b); err != nil {
			return Bucket{}, err
		}
	}
}

// Buckets implements API.
func (c *Catalog) Buckets(ctx context.Context, owner, after string, limit int) (buckets []Bucket, more bool, err error) {
	from := ""
	if after != "" {
		from = docstore.After(after)
	}
	for {
		docs, err := c.docs.List(ctx, collBuckets, docstore.Range{From: from, Limit: limit + 1})
		if err != nil {
			return nil, false, fmt.Errorf("list buckets: %w", err)
		}
		for _, d := range docs {
			b, err := decodeBucket(d)
			if err != nil {
				return nil, false, err
			}
			if b.deleting || owner != "" && b.Owner != owner {
				continue
			}
			if len(buckets) == limit {
				return buckets, true, nil
			}
			buckets = append(buckets, b.Bucket)
		}
		if len(docs) <= limit {
			return buckets, false, nil
		}
		from = docstore.After(docs[len(docs)-1].Key)
	}
}

// SetPlacement implements API. It answers when no process can have the former placement in its cache any more.
func (c *Catalog) SetPlacement(ctx context.Context, name, backendID string) (Bucket, error) {
	b, err := c.change(ctx, Bucket{Name: name}, func(b *Bucket) error {
		b.BackendID = backendID
		return nil
	})
	if err != nil {
		return Bucket{}, fmt.Errorf("set placement: %w", err)
	}
	return b, nil
}

// change changes what writes depend on of a bucket, and answers when no process can have the former state in its cache any more.
func (c *Catalog) change(ctx context.Context, of Bucket, set func(b *Bucket) error) (Bucket, error) {
	for {
		b, err := c.same(ctx, of)
		if err != nil {
			return Bucket{}, err
		}
		next := b
		if err := set(&next); err != nil {
			return Bucket{}, err
		}
		if next.BackendID == b.BackendID && next.Versioning == b.Versioning && next.ObjectLock == b.ObjectLock && next.DefaultRetention == b.DefaultRetention {
			if c.now().Sub(b.Rev.Time()) < cacheTTL+maxSkew { // perhaps an earlier call made it so just now, and its answer was lost
				trouble.Sleep(ctx, cacheTTL)
			}
			return b, ctx.Err()
		}
		next.Rev, next.read = c.newRev(b.Rev), time.Now()
		doc, err := (bucketDoc{Bucket: next}).doc()
		if err != nil {
			return Bucket{}, err
		}
		err = c.write(ctx, replaceOp(collBuckets, doc, b.Rev))
		if err == nil {
			c.cache.put(next)
			trouble.Sleep(ctx, cacheTTL)
			return next, ctx.Err()
		}
		if !errs.Is(err, errs.FailedPrecondition) {
			return Bucket{}, err
		}
	}
}

// same reads a bucket again, past the cache. NoSuchBucket when another one has its name by now: what somebody was allowed to do with the one says nothing of
// the other. A Bucket without an ID stands for whichever has the name.
func (c *Catalog) same(ctx context.Context, of Bucket) (Bucket, error) {
	b, err := c.readBucket(ctx, of.Name)
	if err == nil && of.ID != "" && of.ID != b.ID {
		c.cache.drop(of.Name)
		return Bucket{}, noSuchBucket()
	}
	return b, err
}

// DeleteBucket implements API. Marked as deleting first, then looked through: a writer puts its object first and looks at the bucket
// then, so that one of the two sees the other.
func (c *Catalog) DeleteBucket(ctx context.Context, name string) error {
	defer c.cache.drop(name)
	for {
		b, err := c.readBucket(ctx, name)
		if err != nil {
			return err
		}
		marked := bucketDoc{Bucket: b, deleting: true}
		marked.Rev = c.newRev(b.Rev)
		doc, err := marked.doc()
		if err != nil {
			return err
		}
		err = c.write(ctx, replaceOp(collBuckets, doc, b.Rev))
		if errs.Is(err, errs.FailedPrecondition) {
			continue
		}
		if err != nil {
			return fmt.Errorf("mark bucket: %w", err)
		}
		gone, err := c.finishDelete(ctx, marked)
		if err != nil {
			return err
		}
		if !gone {
			return errs.Newf(errs.FailedPrecondition, "The bucket you tried to delete is not empty").Because("BucketNotEmpty")
		}
		c.abortAll(ctx, b)
		from, to := headKey(b.ID, ""), docstore.PrefixEnd(headKey(b.ID, ""))
		_ = c.dropRange(ctx, collSettings, from, to) // else they stay: few and small
		return nil
	}
}

// finishDelete deletes a bucket that is marked, or takes the mark off when it holds objects. gone says that this very
// incarnation is no more.
func (c *Catalog) finishDelete(ctx context.Context, b bucketDoc) (gone bool, err error) {
	empty, err := c.isEmpty(ctx, b.ID)
	if err != nil {
		return false, err
	}
	if empty {
		err = c.write(ctx, deleteOp(collBuckets, b.Name, b.Rev))
	} else {
		open := b
		open.deleting, open.Rev = false, c.newRev(b.Rev)
		var doc docstore.Doc
		if doc, err = open.doc(); err != nil {
			return false, err
		}
		err = c.write(ctx, replaceOp(collBuckets, doc, b.Rev))
	}
	if err != nil && !errs.Is(err, errs.FailedPrecondition) {
		return false, fmt.Errorf("finish deletion of bucket: %w", err)
	}
	if err == nil {
		return empty, nil
	}
	// Another one finished it: which way?
	d, err := c.get(ctx, collBuckets, b.Name)
	if err != nil || d.Rev == "" {
		return err == nil, err
	}
	now, err := decodeBucket(d)
	return err == nil && now.ID != b.ID, err
}

// isEmpty looks for a live head. Tombstones laid down by writers are picked up on the way: whoever needs one lays it down again.
func (c *Catalog) isEmpty(ctx context.Context, bucketID string) (bool, error) {
	from, to := headKey(bucketID, ""), docstore.PrefixEnd(headKey(bucketID, ""))
	for {
		docs, err := c.docs.List(ctx, collObjects, docstore.Range{From: from, To: to, Limit: 1000, Fields: summaryFields})
		if err != nil {
			return false, fmt.Errorf("look for objects: %w", err)
		}
		var ops []docstore.Op
		for _, d := range docs {
			h, err := decodeHead(d)
			if err != nil {
				return false, err
			}
			if h.present() {
				return false, nil
			}
			if h.note == "" {
				ops = append(ops, deleteOp(collObjects, d.Key, d.Rev))
			}
		}
		c.try(ctx, ops)
		if len(docs) < 1000 {
			return true, nil
		}
		from = docstore.After(docs[len(docs)-1].Key)
	}
}

// checkBuckets is the second half of what DeleteBucket relies on: whoever put an object reads the bucket again, and takes
// the object back when the bucket is gone. That goes for overwriting as well: what was overwritten may have been about to be taken back.
func (c *Catalog) checkBuckets(ctx context.Context, all []*change) {
	read := map[string]error{} // by bucket id
	for _, ch := range all {
		if ch.err != nil || ch.done == nil || !ch.done.present() || ch.undo || c.opt.fault.skipBucket {
			continue
		}
		err, ok := read[ch.bucket.ID]
		if !ok {
			err = c.bucketAlive(ctx, ch.bucket)
			read[ch.bucket.ID] = err
		}
		if err == nil {
			continue
		}
		ch.err = err
		if errs.Is(err, errs.NotFound) {
			// Should this fail, the journal's reader does it.
			_ = c.undo(ctx, ch.bucket, ch.key)
		}
	}
}

// bucketAlive reads the bucket as it is now: NotFound when this incarnation is gone.
func (c *Catalog) bucketAlive(ctx context.Context, b Bucket) error {
	now, err := c.readBucket(ctx, b.Name)
	if err == nil && now.ID == b.ID {
		return nil
	}
	c.cache.drop(b.Name)
	if err == nil {
		return noSuchBucket()
	}
	return err
}
