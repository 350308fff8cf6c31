package catalog

import (
	"context"
	"fmt"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

const collParts = "parts"

func noSuchUpload() error {
	return errs.Newf(errs.NotFound, "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.").Because("NoSuchUpload")
}

// CreateUpload implements API. The document is there before the native upload, so that a crash in between leaves a trace.
func (c *Catalog) CreateUpload(ctx context.Context, up Upload) (Upload, error) {
	u, err := c.anchorUpload(ctx, up)
	for range rounds {
		if errs.ReasonOf(err) != moved { // else nothing native has begun: where it moved to is as good
			break
		}
		if up.Bucket, err = c.Bucket(ctx, up.Bucket.Name); err == nil {
			u, err = c.anchorUpload(ctx, up)
		}
	}
	if err != nil {
		return Upload{}, err
	}
	store, err := c.stores.Store(ctx, u.Location.BackendID)
	if err != nil {
		return Upload{}, fmt.Errorf("open backend: %w", err)
	}
	class, _, ok := store.Capabilities().Class(u.StorageClass)
	if !ok {
		c.giveUp(ctx, u)
		return Upload{}, errs.Newf(errs.InvalidArgument, "the backend has no storage class %q", u.StorageClass).Because("InvalidStorageClass")
	}
	u.NativeID, err = store.CreateUpload(ctx, u.Location.NativeKey, adapters.PutOptions{Headers: u.Headers, Metadata: u.describe(), StorageClass: class})
	if err != nil {
		c.giveUp(ctx, u)
		return Upload{}, fmt.Errorf("create native upload: %w", err)
	}
	next := u
	next.state = upOpen
	if next, err = c.step(ctx, u, next); err != nil {
		// The sweep was faster, or nobody knows: the native upload may be abandoned by the document already.
		if errs.Is(err, errs.FailedPrecondition) {
			_ = store.AbortUpload(context.WithoutCancel(ctx), u.Location.NativeKey, u.NativeID)
			err = errs.New(errs.Unavailable, "the upload took too long to begin", err)
		}
		return Upload{}, err
	}
	return next.Upload, nil
}

// anchorUpload stores the document of an upload, before anything of it is native.
func (c *Catalog) anchorUpload(ctx context.Context, up Upload) (uploadDoc, error) {
	loc, _, err := c.place(ctx, up.Bucket, up.Key, "")
	if err != nil {
		return uploadDoc{}, err
	}
	u := uploadDoc{Upload: up, state: upCreating, rev: c.newRev("")}
	u.ID, u.Initiated, u.Location = string(u.rev), c.now().UTC(), loc
	doc, err := u.doc()
	if err != nil {
		return uploadDoc{}, err
	}
	if err := c.write(ctx, insertOp(collUploads, doc)); err != nil {
		return uploadDoc{}, fmt.Errorf("insert upload: %w", err)
	}
	// Read after the document is stored: whoever moves the placement and then looks for uploads sees this one, or this one sees that it moved.
	now, err := c.readBucket(ctx, u.Bucket.Name)
	switch {
	case err == nil && now.ID != u.Bucket.ID:
		err = noSuchBucket()
	case err == nil && now.BackendID != loc.BackendID:
		err = errMoved()
	}
	if err != nil {
		c.cache.drop(u.Bucket.Name)
		c.giveUp(ctx, u)
		return uploadDoc{}, err
	}
	return u, nil
}

// giveUp aborts an upload that could not be created, as far as that goes; the sweep does the rest.
func (c *Catalog) giveUp(ctx context.Context, u uploadDoc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.opt.TTL)
	defer cancel()
	_ = c.abort(ctx, u)
}

// step replaces the document of an upload by a next state. FailedPrecondition: another one took a step first.
func (c *Catalog) step(ctx context.Context, u, next uploadDoc) (uploadDoc, error) {
	next.rev = c.newRev(u.rev)
	doc, err := next.doc()
	if err != nil {
		return uploadDoc{}, err
	}
	if err := c.write(ctx, replaceOp(collUploads, doc, u.rev)); err != nil {
		return uploadDoc{}, fmt.Errorf("replace upload: %w", err)
	}
	return next, nil
}

// openUpload reads an upload that takes parts.
func (c *Catalog) openUpload(ctx context.Context, b Bucket, key, id string) (uploadDoc, error) {
	u, err := c.upload(ctx, b.ID, key, id)
	if err == nil && u.state != upOpen {
		err = noSuchUpload()
	}
	u.Bucket = b
	return u, err
}

// Upload implements API.
func (c *Catalog) Upload(ctx context.Context, b Bucket, key, uploadID string) (Upload, error) {
	u, err := c.openUpload(ctx, b, key, uploadID)
	return u.Upload, err
}

// Uploads implements API.
func (c *Catalog) Uploads(ctx context.Context, b Bucket, prefix, afterKey, afterID string, limit int) (uploads []Upload, more bool, err error) {
	from, to := docstore.WithPrefix(b.ID, prefix)
	switch {
	case afterKey == "" || afterKey < prefix:
	case afterID == "":
		from = docstore.Join(b.ID, afterKey) + "\x02" // behind all uploads of this very key, before every longer key
	default:
		from = docstore.After(uploadKey(b.ID, afterKey, afterID))
	}
	for from < to {
		docs, err := c.docs.List(ctx, collUploads, docstore.Range{From: from, To: to, Limit: limit + 1})
		if err != nil {
			return nil, false, fmt.Errorf("list uploads: %w", err)
		}
		for _, d := range docs {
			u, err := decodeUpload(d)
			if err != nil {
				return nil, false, err
			}
			if u.state != upOpen {
				continue
			}
			if len(uploads) == limit {
				return uploads, true, nil
			}
			u.Bucket = b
			uploads = append(uploads, u.Upload)
		}
		if len(docs) <= limit {
			break
		}
		from = docstore.After(docs[len(docs)-1].Key)
	}
	return uploads, false, nil
}

func partKey(uploadID string, n int) string { return fmt.Sprintf("%s/%05d", uploadID, n) }

func partRange(uploadID string) (from, to string) { return uploadID + "/", uploadID + "0" }

// encodePart says of the upload what is needed to find its document, so that a part which came too late is found out.
func encodePart(u Upload, p UploadPart) ([]byte, error) {
	w := newWriter(256)
	w.str("b", u.Bucket.ID)
	w.str("k", u.Key)
	w.doc("r")
	w.row(row{ObjectPart: p.ObjectPart, nativeETag: p.Native.ETag, md5: p.Native.MD5})
	w.end()
	w.int("m", p.Modified.UnixNano())
	return w.finish()
}

func decodePart(d docstore.Doc) (UploadPart, error) {
	var p UploadPart
	var one row
	good := true
	r := newReader(d.Body)
	for e, ok := r.next(); ok && good; e, ok = r.next() {
		switch e.key {
		case "r":
			one, good = decodeRow(e.val)
		case "m":
			p.Modified = time.Unix(0, e.int()).UTC()
		}
	}
	if r.bad || !good {
		return UploadPart{}, malformed(collParts, d.Key)
	}
	p.ObjectPart, p.Native = one.ObjectPart, one.native()
	return p, nil
}

func (r row) native() adapters.Part {
	return adapters.Part{N: r.N, Size: r.BlobSize(), ETag: r.nativeETag, CRC64: r.CRC64, MD5: r.md5}
}

// PutPart implements API. It reads the upload again afterwards: a part that came too late is taken back.
func (c *Catalog) PutPart(ctx context.Context, u Upload, p UploadPart) error {
	if p.N < 1 || p.N > maxParts {
		return errs.Newf(errs.InvalidArgument, "a part number is 1 to %d", maxParts)
	}
	if p.Modified.IsZero() {
		p.Modified = c.now()
	}
	body, err := encodePart(u, p)
	if err != nil {
		return err
	}
	key := partKey(u.ID, p.N)
	var rev docstore.Rev
	for {
		there, err := c.get(ctx, collParts, key)
		if err != nil {
			return err
		}
		rev = c.newRev(there.Rev)
		d := docstore.Doc{Key: key, Rev: rev, Body: body}
		op := insertOp(collParts, d)
		if there.Rev != "" {
			op = replaceOp(collParts, d, there.Rev)
		}
		err = c.write(ctx, op)
		if err == nil {
			break
		}
		if !errs.Is(err, errs.AlreadyExists) && !errs.Is(err, errs.FailedPrecondition) {
			return fmt.Errorf("store part: %w", err)
		}
	}
	_, err = c.openUpload(ctx, u.Bucket, u.Key, u.ID)
	for range 3 {
		if err == nil || errs.Is(err, errs.NotFound) {
			break
		}
		_, err = c.openUpload(context.WithoutCancel(ctx), u.Bucket, u.Key, u.ID)
	}
	if errs.Is(err, errs.NotFound) {
		c.takeAway(ctx, collParts, key, rev)
	}
	return err
}

// takeAway removes a document that was written too late, though ctx may have ended.
func (c *Catalog) takeAway(ctx context.Context, collection, key string, rev docstore.Rev) {
	for range 3 {
		if err := c.write(context.WithoutCancel(ctx), deleteOp(collection, key, rev)); !unknown(err) {
			return
		}
	}
}

// UploadParts implements API.
func (c *Catalog) UploadParts(ctx context.Context, u Upload, after, limit int) (parts []UploadPart, more bool, err error) {
	_, to := partRange(u.ID)
	docs, err := c.docs.List(ctx, collParts, docstore.Range{From: partKey(u.ID, after+1), To: to, Limit: limit + 1})
	if err != nil {
		return nil, false, fmt.Errorf("list parts: %w", err)
	}
	for _, d := range docs[:min(limit, len(docs))] {
		p, err := decodePart(d)
		if err != nil {
			return nil, false, err
		}
		parts = append(parts, p)
	}
	return parts, len(docs) > limit, nil
}

// AbortUpload implements API. An upload that is completing is completed first.
func (c *Catalog) AbortUpload(ctx context.Context, b Bucket, key, uploadID string) error {
	for {
		u, err := c.upload(ctx, b.ID, key, uploadID)
		if err != nil {
			return err
		}
		switch u.state {
		case upCreating, upOpen, upAborting:
			if err := c.abort(ctx, u); !errs.Is(err, errs.FailedPrecondition) {
				return err
			}
		case upCompleting:
			// That it cannot be completed is as good: then it is open or gone.
			_, err := c.finish(ctx, u)
			if err != nil && !errs.Is(err, errs.FailedPrecondition) && !errs.Is(err, errs.NotFound) && !errs.Is(err, errs.InvalidArgument) {
				return err
			}
		default:
			return noSuchUpload()
		}
	}
}

// abort takes an upload out: marked first, then natively, then its blob (which may exist if it failed while completing) is put on the garbage list
// together with whatever native upload is left, and the document goes last.
func (c *Catalog) abort(ctx context.Context, u uploadDoc) error {
	if u.state != upAborting {
		next := u
		next.state = upAborting
		var err error
		if u, err = c.step(ctx, u, next); err != nil {
			return err
		}
	}
	if store, err := c.stores.Store(ctx, u.Location.BackendID); err == nil && u.NativeID != "" {
		_ = store.AbortUpload(ctx, u.Location.NativeKey, u.NativeID) // the garbage pass does it again
	}
	err := c.insertGarbage(ctx, []garbage{{shard: shardOf(u.Bucket.ID, u.Key), bucketID: u.Bucket.ID, key: u.Key,
		location: u.Location, since: docstore.Rev(u.ID), multi: true, table: u.Location.BlobID, due: c.now().Add(c.opt.GarbageGrace)}})
	if err != nil {
		return err
	}
	return c.dropUpload(ctx, u)
}

// dropUpload removes the parts and the document of an upload that is over.
func (c *Catalog) dropUpload(ctx context.Context, u uploadDoc) error {
	from, to := partRange(u.ID)
	if err := c.dropRange(ctx, collParts, from, to); err != nil {
		return err
	}
	err := c.write(ctx, deleteOp(collUploads, u.key(), u.rev))
	if err != nil && !errs.Is(err, errs.FailedPrecondition) {
		return fmt.Errorf("delete upload: %w", err)
	}
	return nil
}

// abortAll aborts the open uploads of a bucket that was deleted. What it misses the sweep finds.
func (c *Catalog) abortAll(ctx context.Context, b Bucket) {
	from, to := docstore.Under(b.ID)
	docs, err := c.docs.List(ctx, collUploads, docstore.Range{From: from, To: to, Limit: 1000})
	if err != nil {
		return
	}
	for _, d := range docs {
		if u, err := decodeUpload(d); err == nil && (u.state == upCreating || u.state == upOpen) {
			_ = c.abort(ctx, u)
		}
	}
}
