package catalog

import (
	"context"
	"fmt"
	"strings"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// errStep says that another one took a step of an upload first: read it again.
var errStep = errs.New(errs.FailedPrecondition, "the upload was changed meanwhile", nil).Because("UploadStep")

func isStep(err error) bool { return errs.ReasonOf(err) == "UploadStep" }

// finish takes one step, or several, towards the end of an upload that is completing. Anyone may call it at any time, several at once.
// It ends with the upload done, or with errStep when the document must be read again, or with the reason why it cannot go on.
func (c *Catalog) finish(ctx context.Context, u uploadDoc) (uploadDoc, error) {
	u, err := c.completeNative(ctx, u)
	if err != nil {
		return u, err
	}
	for range rounds {
		h, err := c.head(ctx, u.Bucket.ID, u.Key)
		if err != nil {
			return u, err
		}
		if u.attempt != "" && h.note == u.attempt {
			return c.toDone(ctx, u)
		}
		if u.attempt == "" || h.rev != u.base {
			if u, err = c.newAttempt(ctx, u, h); err != nil {
				return u, err
			}
			continue
		}
		if h.upload != "" {
			if err := c.markCommitted(ctx, u.Bucket.ID, u.Key, h); err != nil {
				return u, err
			}
		}
		ch := c.attempt(u, u.named, h)
		if stale := c.look(ctx, []*change{ch}); ch.err != nil {
			return u, ch.err
		} else if len(stale) > 0 {
			continue
		}
		next, err := ch.onto(h, u.object())
		if err != nil {
			return u, err
		}
		next.upload = u.ID
		next.stamp(u.attempt, u.attempt)
		doc, err := next.doc(headKey(u.Bucket.ID, u.Key))
		if err != nil {
			return u, err
		}
		err = c.write(ctx, replaceOp(collObjects, doc, u.base))
		if err != nil && !errs.Is(err, errs.FailedPrecondition) {
			return u, fmt.Errorf("replace head: %w", err)
		}
		// Whether it was this one, another finisher, or neither: the head tells.
	}
	return u, errTooMany()
}

// attempt is the change by which an upload becomes an object on the head base.
func (c *Catalog) attempt(u uploadDoc, named bool, base head) *change {
	b := u.Bucket
	b.Versioning, b.ObjectLock = "", false // what the bucket says was settled when the attempt was noted
	if named {
		b.Versioning = Enabled
	}
	ch := c.newPut(b, u.Key, u.Location, u.size, c.now().Add(c.opt.TTL))
	ch.note.upload, ch.note.multi, ch.note.new.table = u.ID, true, u.table
	ch.base = base
	ch.tellsUpload(u)
	return ch
}

// completeNative makes the blob. What the store refuses for good decides about the upload.
func (c *Catalog) completeNative(ctx context.Context, u uploadDoc) (uploadDoc, error) {
	if u.nativeETag != "" {
		return u, nil
	}
	rows, err := c.rows(ctx, u.table, 0, maxParts)
	if err != nil {
		return u, err
	}
	parts := make([]adapters.Part, len(rows))
	for i, r := range rows {
		parts[i] = r.native()
	}
	store, err := c.stores.Store(ctx, u.Location.BackendID)
	if err != nil {
		return u, fmt.Errorf("open backend: %w", err)
	}
	crc := u.crc64
	class, _, _ := store.Capabilities().Class(u.StorageClass) // CreateUpload took it
	info, err := store.CompleteUpload(ctx, u.Location.NativeKey, u.NativeID, parts, adapters.PutOptions{
		Headers: u.Headers, Metadata: u.describe(), StorageClass: class, CRC64: &crc, Unproven: true,
	})
	next := u
	switch errs.CodeOf(err) {
	case errs.NotFound: // the native upload is gone, and so are its parts
		next.state = upAborting
		if next, err = c.advance(ctx, u, next); err != nil {
			return u, err
		}
		if err := c.abort(ctx, next); err != nil {
			return u, err
		}
		return u, noSuchUpload()
	case errs.FailedPrecondition, errs.InvalidArgument: // a part was sent again meanwhile, or is too small for this store
		next.state = upOpen
		if _, err := c.advance(ctx, u, next); err != nil {
			return u, err
		}
		return u, errs.New(errs.InvalidArgument, "the store does not take the parts as they were named", err).Because("InvalidPart")
	}
	if err != nil {
		return u, fmt.Errorf("complete native upload: %w", err)
	}
	next.nativeETag = info.ETag
	return c.advance(ctx, u, next)
}

// advance is step with errStep when another one was first.
func (c *Catalog) advance(ctx context.Context, u, next uploadDoc) (uploadDoc, error) {
	next, err := c.step(ctx, u, next)
	if errs.Is(err, errs.FailedPrecondition) {
		return u, errStep
	}
	return next, err
}

// newAttempt notes a commit on the head h and writes it into the document: only the attempt that is named there is ever tried, and a head that
// moved on from the former attempt's base without naming it proves that it was not and never will be committed.
func (c *Catalog) newAttempt(ctx context.Context, u uploadDoc, h head) (uploadDoc, error) {
	if err := u.cond.check(h); err != nil {
		next := u
		next.state = upAborting
		if next, e := c.advance(ctx, u, next); e != nil {
			return u, e
		} else if e := c.abort(ctx, next); e != nil {
			return u, e
		}
		return u, err
	}
	b, err := c.Bucket(ctx, u.Bucket.Name)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return u, err
	}
	gone := err != nil || b.ID != u.Bucket.ID
	u.Bucket.Settings = b.Settings
	ch := c.attempt(u, !gone && b.Versioning == Enabled, h)
	switch stale := c.look(ctx, []*change{ch}); {
	case ch.err != nil:
		return u, ch.err
	case len(stale) > 0:
		return u, errStep
	}
	c.anchor(ctx, []*change{ch})
	if ch.err != nil {
		return u, ch.err
	}
	next := u
	next.attempt, next.base, next.named = ch.note.id, ch.base.rev, ch.named()
	if o := (Object{Attributes: u.Attributes}); !gone {
		b.retain(&o, u.Initiated) // an object is as old as its upload
		next.Retention = o.Retention
	}
	next, err = c.advance(ctx, u, next)
	if err != nil {
		c.abandon(ctx, ch)
		return u, err
	}
	if u.attempt != "" {
		former := ch.note
		former.id = u.attempt
		c.abandon(ctx, &change{note: former})
	}
	return next, nil
}

// toDone records that the object was committed, and lets the parts go.
func (c *Catalog) toDone(ctx context.Context, u uploadDoc) (uploadDoc, error) {
	next := u
	next.state = upDone
	next, err := c.advance(ctx, u, next)
	if err != nil {
		return u, err
	}
	from, to := partRange(u.ID)
	_ = c.dropRange(ctx, collParts, from, to) // the sweep does it again when the document expires
	return next, nil
}

// markCommitted makes the upload that the live head h names done. Whoever replaces such a head does so first: as long as the
// document is not done, the head is the only witness.
func (c *Catalog) markCommitted(ctx context.Context, bucketID, key string, h head) error {
	for {
		u, err := c.upload(ctx, bucketID, key, h.upload)
		if err != nil || u.state != upCompleting {
			return err
		}
		if u.attempt != h.note {
			return errs.Newf(errs.Internal, "upload %s does not know of the head that it made", u.ID)
		}
		if _, err := c.toDone(ctx, u); !isStep(err) {
			return err
		}
	}
}

// confirm is what a completion does before it answers: it reads the bucket again and takes the object back when the bucket is gone.
func (c *Catalog) confirm(ctx context.Context, u uploadDoc) error {
	if c.opt.fault.skipBucket {
		return nil
	}
	err := c.bucketAlive(ctx, u.Bucket)
	if errs.Is(err, errs.NotFound) {
		_ = c.undo(ctx, u.Bucket, u.Key)
	}
	return err
}

// sweepUploads carries on what others left half done, and forgets uploads that were done long ago.
func (c *Catalog) sweepUploads(ctx context.Context) error {
	from := ""
	alive := map[string]bool{}
	for {
		docs, err := c.docs.List(ctx, collUploads, docstore.Range{From: from, Limit: 200})
		if err != nil {
			return fmt.Errorf("list uploads: %w", err)
		}
		for _, d := range docs {
			u, err := decodeUpload(d)
			if err == nil {
				err = c.sweepUpload(ctx, u, alive)
			}
			if err != nil && !isStep(err) && ctx.Err() == nil {
				c.log.WarnContext(ctx, "an upload cannot be finished yet", "upload", d.Key, "err", err)
			}
		}
		if len(docs) < 200 || ctx.Err() != nil {
			break
		}
		from = docstore.After(docs[len(docs)-1].Key)
	}
	return c.sweepParts(ctx)
}

// sweepParts removes parts whose upload is gone: they were recorded while it was aborted, by a process that did not live to see it.
func (c *Catalog) sweepParts(ctx context.Context) error {
	for from := ""; ctx.Err() == nil; {
		docs, err := c.docs.List(ctx, collParts, docstore.Range{From: from, Limit: 1}) // one of each upload
		if err != nil {
			return fmt.Errorf("list parts: %w", err)
		}
		if len(docs) == 0 {
			break
		}
		id, _, _ := strings.Cut(docs[0].Key, "/")
		var bucketID, key string
		r := newReader(docs[0].Body)
		for e, ok := r.next(); ok; e, ok = r.next() {
			switch e.key {
			case "b":
				bucketID = e.str()
			case "k":
				key = e.str()
			}
		}
		u, err := c.upload(ctx, bucketID, key, id)
		if err != nil {
			return err
		}
		first, behind := partRange(id)
		if u.rev == "" {
			if err := c.dropRange(ctx, collParts, first, behind); err != nil {
				return err
			}
		}
		from = behind
	}
	return ctx.Err()
}

func (c *Catalog) sweepUpload(ctx context.Context, u uploadDoc, alive map[string]bool) error {
	age := c.now().Sub(u.rev.Time())
	switch u.state {
	case upCreating, upOpen:
		ok, seen := alive[u.Bucket.ID]
		if !seen {
			err := c.bucketAlive(ctx, u.Bucket)
			if err != nil && !errs.Is(err, errs.NotFound) {
				return err
			}
			ok = err == nil
			alive[u.Bucket.ID] = ok
		}
		if !ok || u.state == upCreating && age > 2*c.opt.TTL {
			return c.abort(ctx, u)
		}
	case upCompleting:
		if age > c.opt.TTL {
			u, err := c.finish(ctx, u)
			if err != nil {
				return err
			}
			return c.confirm(ctx, u)
		}
	case upAborting:
		return c.abort(ctx, u)
	case upDone:
		if age > c.opt.UploadKeep {
			return c.dropUpload(ctx, u)
		}
	}
	return nil
}
