package catalog

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

func noSuchKey() error {
	return errs.Newf(errs.NotFound, "The specified key does not exist.").Because("NoSuchKey")
}

func noSuchVersion() error {
	return errs.Newf(errs.NotFound, "The specified version does not exist.").Because("NoSuchVersion")
}

// errMarker is what asks for the object of a delete marker gets.
func errMarker() error {
	return errs.Newf(errs.FailedPrecondition, "The specified method is not allowed against this resource.").Because("MethodNotAllowed")
}

// Check judges the condition against the current object, nil when there is none.
func (c Condition) Check(o *Object) error {
	failed := false
	switch {
	case c.IfAbsent && o != nil:
		failed = true
	case c.IfETag != "" && o == nil:
		return noSuchKey()
	case c.IfETag != "" && c.IfETag != "*" && c.IfETag != o.ETag:
		failed = true
	case c.IfNotETag != "" && o != nil && c.IfNotETag == o.ETag:
		failed = true
	case c.IfRev != "" && (o == nil || c.IfRev != o.Rev && c.IfRev != o.Version):
		failed = true
	}
	if failed {
		return errs.Newf(errs.FailedPrecondition, "At least one of the pre-conditions you specified did not hold").Because("PreconditionFailed")
	}
	return nil
}

func (c Condition) check(h head) error {
	if !h.live {
		return c.Check(nil)
	}
	return c.Check(&h.object)
}

func (c *Catalog) head(ctx context.Context, bucketID, key string) (head, error) {
	d, err := c.get(ctx, collObjects, headKey(bucketID, key))
	if err != nil {
		return head{}, err
	}
	return decodeHead(d)
}

// Begin implements API.
func (c *Catalog) Begin(ctx context.Context, b Bucket, key, backendID string, size int64) (*Write, error) {
	until := c.now().Add(c.opt.TTL)
	loc, can, err := c.place(ctx, b, key, backendID)
	if err != nil {
		return nil, err
	}
	ch := c.newPut(b, key, loc, size, until)
	ch.note.multi, ch.moves = size < 0 || size >= multiFrom || can.NeedsParts(size), backendID == ""
	w := &Write{Bucket: b, Key: key, Location: loc, TTL: c.opt.TTL, ch: ch, ready: make(chan struct{})}
	background, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.opt.TTL)
	go func() {
		defer cancel()
		defer close(w.ready)
		one := []*change{ch}
		c.prepare(background, one)
		c.anchor(background, one)
		c.inPlace(background, one)
		w.noted = ch.err
	}()
	return w, nil
}

// multiFrom is the size from which a writer may use a native multipart upload, in bytes.
const multiFrom = 5 << 20

// place draws a blob for a key, and tells what its store can do.
func (c *Catalog) place(ctx context.Context, b Bucket, key, backendID string) (Location, adapters.Capabilities, error) {
	if backendID == "" {
		backendID = b.BackendID
	}
	store, err := c.stores.Store(ctx, backendID)
	if err != nil {
		return Location{}, adapters.Capabilities{}, fmt.Errorf("open backend: %w", err)
	}
	id, can := blob.New(c.tag), store.Capabilities()
	native, _ := blob.NativeKey(b.Name, key, id, can.MaxKeyBytes)
	return Location{BackendID: backendID, NativeKey: native, BlobID: string(id)}, can, nil
}

func (c *Catalog) newPut(b Bucket, key string, loc Location, size int64, until time.Time) *change {
	ch := &change{bucket: b, key: key, made: c.now(), until: until, note: note{
		shard: shardOf(b.ID, key), bucketID: b.ID, bucket: b.Name, key: key,
		deadline: until.Round(0), new: side{location: loc, size: size, live: true},
	}}
	ch.needs = ch.nullBelow
	ch.shape = func(n *note, base head) { n.old = ch.replaced(base) }
	return ch
}

// settled waits until the note of w is stored, and says what came of w so far. The caller holds w.mu.
func (w *Write) settled(ctx context.Context) error {
	if err := w.Stored(ctx); err != nil {
		return err
	}
	return w.ch.err
}

// Stored waits until the note of w is stored. A writer calls it before its native upload may become visible (Guard does so for a body):
// a blob that is there before its note would be left over by a crash in between.
func (w *Write) Stored(ctx context.Context) error {
	select {
	case <-w.ready:
		return w.noted
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Moved says whether w can come to nothing as its bucket is placed on another backend since it was read: a writer that has all of the body abandons it,
// reads the bucket again and begins again.
func (w *Write) Moved() bool {
	select {
	case <-w.ready:
		return errs.ReasonOf(w.noted) == moved
	default:
		return false
	}
}

// Renew implements API.
func (c *Catalog) Renew(ctx context.Context, w *Write) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.settled(ctx); err != nil {
		return err
	}
	c.renew(ctx, []*change{w.ch})
	err := w.ch.err
	if errs.ReasonOf(err) != Expired {
		w.ch.err = nil
	}
	return err
}

// renew prolongs the notes of changes. Only an open note can be prolonged.
func (c *Catalog) renew(ctx context.Context, all []*change) {
	until := c.now().Add(c.opt.TTL)
	shapes := make([]func(*note, head), len(all))
	for i, ch := range all {
		shapes[i] = ch.shape
		ch.shape = func(n *note, _ head) { n.deadline = until.Round(0) }
	}
	c.reword(ctx, all)
	for i, ch := range all {
		ch.shape = shapes[i]
		if ch.err == nil {
			ch.until = until
		}
	}
}

// prolong renews changes that are to be committed and whose time is over: the state may have been away. It works as long as nobody has
// given them up.
func (c *Catalog) prolong(ctx context.Context, all []*change) {
	var late []*change
	for _, ch := range all {
		if !ch.until.IsZero() && c.now().After(ch.until) {
			late = append(late, ch)
		}
	}
	c.renew(ctx, late)
}

// Commit implements API.
func (c *Catalog) Commit(ctx context.Context, w *Write, o Object, parts []ObjectPart, cond Condition) (Object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.settled(ctx); err != nil {
		return Object{}, err
	}
	ch := w.ch
	if ch.done != nil {
		return Object{}, errs.Newf(errs.FailedPrecondition, "the write is committed already")
	}
	c.put(ch, o, parts, cond)
	ch.tellsPut(causeOf(ctx))
	one := []*change{ch}
	c.prolong(ctx, one)
	c.refresh(ctx, c.stateOf(ctx, one))
	c.reword(ctx, one)
	c.writeTables(ctx, one, func(*change) []ObjectPart { return parts })
	c.commit(ctx, one)
	if ch.err != nil {
		return Object{}, ch.err
	}
	return ch.done.object, nil
}

// put says what a change makes of its key: o with the table of parts.
func (c *Catalog) put(ch *change, o Object, parts []ObjectPart, cond Condition) {
	o.Location.BackendID, o.Location.NativeKey, o.Location.BlobID = ch.note.new.location.BackendID, ch.note.new.location.NativeKey, ch.note.new.location.BlobID
	o.Key, o.PartCount, o.table, o.Rev, o.Version, o.VersionID, o.DeleteMarker, o.Latest = ch.key, len(parts), "", "", "", "", false, true
	if len(parts) > 0 {
		o.table = o.Location.BlobID
	}
	if o.Modified.IsZero() {
		o.Modified = c.now()
	}
	o.Modified = o.Modified.UTC()
	ch.shape = func(n *note, base head) {
		n.old = ch.replaced(base)
		n.new.size, n.new.table = o.Size, o.table
		n.multi = n.multi || o.table != ""
	}
	ch.needs = ch.nullBelow
	ch.make = func(base head) (head, error) {
		if err := cond.check(base); err != nil {
			return head{}, err
		}
		return ch.onto(base, o)
	}
}

// Abandon implements API.
func (c *Catalog) Abandon(ctx context.Context, w *Write) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ctx = context.WithoutCancel(ctx)
	<-w.ready
	if w.ch.done == nil {
		c.abandon(ctx, w.ch)
	}
}

// abandon closes the note of a change that will not be committed, so that the reader need not wait for its deadline. Where the note never was, or the
// reader has closed or settled it, the blob may have come too late to be collected on its account: then it is put on the garbage list
// here, unless the head refers to it. Without an open note it cannot become a head any more.
func (c *Catalog) abandon(ctx context.Context, ch *change) {
	id := ch.note.docKey()
	for range 3 {
		d, err := c.get(ctx, collJournal, id)
		if err != nil {
			break
		}
		if d.Rev == "" {
			c.orphan(ctx, ch.note)
			return
		}
		n, err := decodeNote(d)
		if err != nil {
			break
		}
		if n.closed {
			if dead, err := c.fence(ctx, n); err == nil && dead {
				c.orphan(ctx, n)
			}
			return
		}
		n.closed = true
		body, err := n.encode()
		if err != nil {
			break
		}
		err = c.write(ctx, replaceOp(collJournal, docstore.Doc{Key: id, Rev: c.newRev(d.Rev), Body: body}, d.Rev))
		if !errs.Is(err, errs.FailedPrecondition) {
			break
		}
	}
}

// orphan puts the blob of a note that nobody will settle on the garbage list.
func (c *Catalog) orphan(ctx context.Context, n note) {
	if n.new.location.BlobID == "" || n.upload != "" {
		return
	}
	h, err := c.head(ctx, n.bucketID, n.key)
	if err == nil && h.at(n.new.location) {
		return
	}
	g := garbage{shard: n.shard, bucketID: n.bucketID, key: n.key, location: n.new.location, multi: n.multi, due: c.now().Add(c.opt.GarbageGrace)}
	for range 3 {
		if err = c.insertGarbage(ctx, []garbage{g}); err == nil {
			return
		}
	}
	if err != nil {
		c.log.WarnContext(ctx, "a blob may be left over", "backend", g.location.BackendID, "native_key", g.location.NativeKey, "err", err)
	}
}

// carry brings changes without new bytes to their end. One that make refuses at once writes nothing.
func (c *Catalog) carry(ctx context.Context, all []*change) {
	c.prepare(ctx, all)
	for _, ch := range pending(all) {
		_, ch.err = ch.make(ch.base)
	}
	c.anchor(ctx, pending(all))
	c.commit(ctx, all)
	// The note of one that certainly did not happen is of no use: no blob hangs on it. The tombstone that it laid goes first.
	var wg sync.WaitGroup
	for _, ch := range all {
		if ch.err == nil || ch.done != nil || !ch.noted || ch.maybe {
			continue
		}
		wg.Go(func() {
			if ch.base.rev != "" && ch.base.note == "" && !ch.base.present() {
				err := c.write(ctx, deleteOp(collObjects, headKey(ch.bucket.ID, ch.key), ch.base.rev))
				if err != nil && !errs.Is(err, errs.FailedPrecondition) {
					return
				}
			}
			_ = c.docs.Delete(ctx, collJournal, ch.note.docKey(), ch.note.docRev)
		})
	}
	wg.Wait()
}
