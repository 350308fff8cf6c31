package hwobs

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/huaweicloud/huaweicloud-sdk-go-obs/obs"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/s3shape"
	"github.com/opensds/gelato/internal/errs"
)

// CreateUpload implements adapters.Store.
func (s *Store) CreateUpload(ctx context.Context, key string, o adapters.PutOptions) (string, error) {
	name, err := s.writeKey(key)
	if err != nil {
		return "", err
	}
	if err := conditions(o); err != nil {
		return "", err
	}
	about, x, err := describe(name, o)
	if err != nil {
		return "", err
	}
	c, err := s.call(ctx, x)
	if err != nil {
		return "", err
	}
	in := &obs.InitiateMultipartUploadInput{ObjectOperationInput: about.object, HttpHeader: about.header}
	in.Bucket = s.bucket
	out, err := c.InitiateMultipartUpload(in, obs.WithCustomHeader(s.dated()))
	if err != nil {
		return "", x.fail(ctx, "create upload", err)
	}
	if out.UploadId == "" {
		return "", malformed("create upload")
	}
	return out.UploadId, nil
}

// uploadKey is native for an upload that exists.
func (s *Store) uploadKey(key, uploadID string) (string, error) {
	name, err := s.native(key)
	if err == nil && (uploadID == "" || absent(name)) {
		err = errs.Newf(errs.NotFound, "there is no such upload").Because("NoSuchUpload")
	}
	return name, err
}

// PutPart implements adapters.Store.
func (s *Store) PutPart(ctx context.Context, key, uploadID string, n int, r io.Reader, size int64, sums adapters.Sums) (adapters.Part, error) {
	name, err := s.uploadKey(key, uploadID)
	if err != nil {
		return adapters.Part{}, err
	}
	if err := adapters.CheckPart(n, s3shape.MaxParts, size, maxPartSize); err != nil {
		return adapters.Part{}, err
	}
	if size < 0 {
		return s.spool.PutPart(ctx, key, uploadID, n, r, sums)
	}
	b, err := prepare(ctx, r, size, sums)
	if err != nil {
		return adapters.Part{}, fmt.Errorf("put part: %w", err)
	}
	x := &exchange{}
	c, err := s.call(ctx, x)
	if err != nil {
		return adapters.Part{}, err
	}
	_, err = c.UploadPart(&obs.UploadPartInput{Bucket: s.bucket, Key: name, UploadId: uploadID, PartNumber: n, PartSize: size, ContentMD5: b.ContentMD5(), Body: b.reader()},
		obs.WithCustomHeader(s.dated()))
	if err := b.end(ctx, "put part", x, err); err != nil {
		return adapters.Part{}, err
	}
	p := adapters.Part{N: n, Size: size, ETag: x.etag(), CRC64: b.CRC64(), MD5: b.MD5()}
	proven, err := b.prove(x)
	if err != nil {
		return adapters.Part{}, fmt.Errorf("put part: %w", err)
	}
	if p.Verified = proven != nil; p.Verified {
		p.Proof = s3shape.ProofMD5
	}
	return p, nil
}

// CompleteUpload implements adapters.Store. What it answers is always read back with Head, so that a completion repeated after a
// lost answer, when the store no longer knows the upload, says the same as the first.
func (s *Store) CompleteUpload(ctx context.Context, key, uploadID string, parts []adapters.Part, o adapters.PutOptions) (adapters.Info, error) {
	name, err := s.uploadKey(key, uploadID)
	if err != nil {
		return adapters.Info{}, err
	}
	if err := conditions(o); err != nil {
		return adapters.Info{}, err
	}
	w, err := s3shape.WholeOf(parts, o.CRC64)
	if err != nil {
		return adapters.Info{}, err
	}
	in := &obs.CompleteMultipartUploadInput{Bucket: s.bucket, Key: name, UploadId: uploadID, Parts: make([]obs.Part, len(parts))}
	for i, p := range parts {
		if strings.ContainsAny(p.ETag, "<>&") { // the SDK puts it into XML as it is
			return adapters.Info{}, errs.Newf(errs.FailedPrecondition, "part %d has an ETag that no part can have", p.N).Because("InvalidPart")
		}
		in.Parts[i] = obs.Part{PartNumber: p.N, ETag: s3shape.QuoteETag(p.ETag)}
	}
	x := &exchange{}
	c, err := s.call(ctx, x)
	if err != nil {
		return adapters.Info{}, err
	}
	out, err := c.CompleteMultipartUpload(in, obs.WithCustomHeader(s.dated()))
	switch {
	case err != nil:
		err = x.fail(ctx, "complete upload", err)
	case out.ETag == "":
		err = malformed("complete upload")
	}
	refused, err := s3shape.Refused(err, false, func() (bool, error) { return s.isOpen(ctx, name, uploadID) })
	if err != nil {
		return adapters.Info{}, err
	}
	info, err := s.Head(ctx, key)
	return w.Completed(info, err, refused)
}

// isOpen says whether the store still knows an upload.
func (s *Store) isOpen(ctx context.Context, name, uploadID string) (bool, error) {
	x := &exchange{}
	c, err := s.call(ctx, x)
	if err != nil {
		return false, err
	}
	_, err = c.ListParts(&obs.ListPartsInput{Bucket: s.bucket, Key: name, UploadId: uploadID, MaxParts: 1}, obs.WithCustomHeader(s.dated()))
	if err == nil {
		return true, nil
	}
	if err = x.fail(ctx, "list parts", err); errs.Is(err, errs.NotFound) {
		return false, nil
	}
	return false, err
}

// AbortUpload implements adapters.Store.
func (s *Store) AbortUpload(ctx context.Context, key, uploadID string) error {
	name, err := s.native(key)
	if err != nil {
		return err
	}
	if uploadID == "" || absent(name) {
		return nil // none of ours
	}
	x := &exchange{}
	c, err := s.call(ctx, x)
	if err != nil {
		return err
	}
	_, err = c.AbortMultipartUpload(&obs.AbortMultipartUploadInput{Bucket: s.bucket, Key: name, UploadId: uploadID}, obs.WithCustomHeader(s.dated()))
	if err == nil {
		return nil
	}
	if err = x.fail(ctx, "abort upload", err); errs.Is(err, errs.NotFound) {
		return nil
	}
	return err
}
