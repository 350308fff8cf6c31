package s3dialect

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/s3shape"
	"github.com/opensds/gelato/internal/errs"
)

// An upload id of ours is the store's with a mark in front: whether the upload was started with a CRC-64/NVME over the
// whole object, because the parts and the completion have to be sent accordingly, by whichever process.
const (
	markCRC   = "c."
	markPlain = "p."
)

func splitUploadID(id string) (native string, crc bool, err error) {
	if native, ok := strings.CutPrefix(id, markCRC); ok && native != "" {
		return native, true, nil
	}
	if native, ok := strings.CutPrefix(id, markPlain); ok && native != "" {
		return native, false, nil
	}
	return "", false, errs.Newf(errs.NotFound, "there is no such upload").Because("NoSuchUpload")
}

// CreateUpload implements adapters.Store.
func (s *Store) CreateUpload(ctx context.Context, key string, o adapters.PutOptions) (string, error) {
	name, err := s.native(key)
	if err != nil {
		return "", err
	}
	if err := s.accepts(o); err != nil {
		return "", err
	}
	if err := s.storable(ctx, *name); err != nil {
		return "", err
	}
	in := &s3.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: name,
		ContentType: set(o.Headers.ContentType), ContentEncoding: set(o.Headers.ContentEncoding), ContentLanguage: set(o.Headers.ContentLanguage),
		ContentDisposition: set(o.Headers.ContentDisposition), CacheControl: set(o.Headers.CacheControl),
		Metadata: s.metadata(o.Metadata), StorageClass: types.StorageClass(o.StorageClass),
	}
	if !s.quirks.PlainBodies && !s.habits.noUploadCRC.Load() {
		in.ChecksumAlgorithm, in.ChecksumType = types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject
		out, err := s.client.CreateMultipartUpload(ctx, in, expires(o.Headers.Expires))
		if err == nil && out.UploadId != nil {
			if out.ChecksumAlgorithm != types.ChecksumAlgorithmCrc64nvme { // it took no notice
				return markPlain + *out.UploadId, nil
			}
			return markCRC + *out.UploadId, nil
		}
		if err == nil {
			return "", errs.Newf(errs.Unavailable, "the store's answer is malformed")
		}
		if err = fail(ctx, "create upload", err); !errs.Is(err, errs.InvalidArgument) && !errs.Is(err, errs.Unimplemented) {
			return "", err
		}
		in.ChecksumAlgorithm, in.ChecksumType = "", ""
	}
	out, err := s.client.CreateMultipartUpload(ctx, in, expires(o.Headers.Expires))
	if err != nil {
		return "", fail(ctx, "create upload", err)
	}
	if out.UploadId == nil {
		return "", errs.Newf(errs.Unavailable, "the store's answer is malformed")
	}
	s.habits.noUploadCRC.Store(true)
	return markPlain + *out.UploadId, nil
}

// PutPart implements adapters.Store.
func (s *Store) PutPart(ctx context.Context, key, uploadID string, n int, r io.Reader, size int64, sums adapters.Sums) (adapters.Part, error) {
	name, err := s.native(key)
	if err != nil {
		return adapters.Part{}, err
	}
	id, withCRC, err := splitUploadID(uploadID)
	if err != nil {
		return adapters.Part{}, err
	}
	if err := adapters.CheckPart(n, maxParts, size, maxPartSize); err != nil {
		return adapters.Part{}, err
	}
	if size < 0 {
		return s.spool.PutPart(ctx, key, uploadID, n, r, sums)
	}
	b, framed, err := s.send(ctx, kindPart, r, size, sums, withCRC)
	if err != nil {
		return adapters.Part{}, err
	}
	number := int32(n)
	in := &s3.UploadPartInput{Bucket: &s.bucket, Key: name, UploadId: &id, PartNumber: &number, ContentLength: &size}
	how := unsigned
	if framed {
		how = chunked(b, &in.ContentLength)
	}
	if !framed {
		in.ContentMD5 = set(b.ContentMD5())
	}
	if size > 0 {
		in.Body = b
	} else if err := b.Empty(); err != nil {
		return adapters.Part{}, fmt.Errorf("put part: %w", err)
	}
	if sums.CRC64 != nil && withCRC {
		in.ChecksumCRC64NVME = formatCRC(*sums.CRC64)
	}
	out, err := s.client.UploadPart(ctx, in, how)
	if failed := b.Detach(); failed != nil {
		return adapters.Part{}, fmt.Errorf("put part: read body: %w", failed)
	}
	if err != nil {
		return adapters.Part{}, fail(ctx, "put part", err)
	}
	if err := b.Taken(); err != nil {
		return adapters.Part{}, fmt.Errorf("put part: %w", err)
	}
	p := adapters.Part{N: n, Size: size, ETag: parseETag(out.ETag), CRC64: b.CRC64(), MD5: b.MD5()}
	p.Verified, p.Proof, err = s.prove(kindPart, withCRC && (sums.CRC64 != nil || framed), b, parseCRC(out.ChecksumCRC64NVME, ""), etagMD5(p.ETag, out.ServerSideEncryption, out.SSECustomerAlgorithm))
	if err != nil {
		return adapters.Part{}, fmt.Errorf("put part: %w", err)
	}
	return p, nil
}

// CompleteUpload implements adapters.Store. What it answers is always read back with Head, so that a completion repeated after a
// lost answer, when the store no longer knows the upload, says the same as the first.
func (s *Store) CompleteUpload(ctx context.Context, key, uploadID string, parts []adapters.Part, o adapters.PutOptions) (adapters.Info, error) {
	name, err := s.native(key)
	if err != nil {
		return adapters.Info{}, err
	}
	id, withCRC, err := splitUploadID(uploadID)
	if err != nil {
		return adapters.Info{}, err
	}
	if err := s.accepts(o); err != nil {
		return adapters.Info{}, err
	}
	w, err := s3shape.WholeOf(parts, o.CRC64)
	if err != nil {
		return adapters.Info{}, err
	}
	in := &s3.CompleteMultipartUploadInput{Bucket: &s.bucket, Key: name, UploadId: &id, MultipartUpload: &types.CompletedMultipartUpload{Parts: make([]types.CompletedPart, len(parts))}}
	for i, p := range parts {
		n := int32(p.N)
		c := types.CompletedPart{PartNumber: &n, ETag: quote(p.ETag)}
		if withCRC {
			c.ChecksumCRC64NVME = formatCRC(p.CRC64)
		}
		in.MultipartUpload.Parts[i] = c
	}
	if withCRC {
		in.ChecksumCRC64NVME, in.ChecksumType, in.MpuObjectSize = formatCRC(w.CRC64), types.ChecksumTypeFullObject, &w.Size
	}
	if o.IfNoneMatch {
		in.IfNoneMatch = set("*")
	}
	if o.IfMatch != "" {
		in.IfMatch = s.ifMatch(o.IfMatch)
	}
	refused, err := s.complete(ctx, in, o.IfNoneMatch)
	if err != nil {
		return adapters.Info{}, err
	}
	return s.completed(ctx, key, w, refused)
}

// complete asks the store to complete. It returns refused, without an error, when the store says that the upload is gone, or something that
// makes no sense: the object may be complete.
func (s *Store) complete(ctx context.Context, in *s3.CompleteMultipartUploadInput, ifNoneMatch bool) (refused, err error) {
	if _, err = s.client.CompleteMultipartUpload(ctx, in); err != nil {
		err = fail(ctx, "complete upload", err)
	}
	return s3shape.Refused(err, ifNoneMatch, func() (bool, error) { return s.isOpen(ctx, in.Key, in.UploadId) })
}

// isOpen says whether the store still knows an upload.
func (s *Store) isOpen(ctx context.Context, name, id *string) (bool, error) {
	one := int32(1)
	_, err := s.client.ListParts(ctx, &s3.ListPartsInput{Bucket: &s.bucket, Key: name, UploadId: id, MaxParts: &one})
	if err == nil {
		return true, nil
	}
	if err = fail(ctx, "list parts", err); errs.Is(err, errs.NotFound) {
		return false, nil
	}
	return false, err
}

// completed describes the object that a completion made; see s3shape.Whole.Completed.
func (s *Store) completed(ctx context.Context, key string, w s3shape.Whole, refused error) (adapters.Info, error) {
	info, err := s.Head(ctx, key)
	return w.Completed(info, err, refused)
}

// AbortUpload implements adapters.Store.
func (s *Store) AbortUpload(ctx context.Context, key, uploadID string) error {
	name, err := s.native(key)
	if err != nil {
		return err
	}
	id, _, err := splitUploadID(uploadID)
	if err != nil {
		return nil // none of ours
	}
	_, err = s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: name, UploadId: &id})
	if err == nil {
		return nil
	}
	if err = fail(ctx, "abort upload", err); errs.Is(err, errs.NotFound) {
		return nil
	}
	return err
}
