package s3dialect

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/encoding/httpbinding"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/adapters/s3shape"
	"github.com/opensds/gelato/internal/errs"
)

// Copy implements adapters.Store by CopyObject. The copy is verified when the store answers a CRC-64/NVME of it and that of the source is known, from o
// or from the store. An ETag is no proof here: there are stores (Ceph) that carry the source's along.
func (s *Store) Copy(ctx context.Context, key, from, ifMatch string, o adapters.PutOptions) (adapters.Info, error) {
	name, err := s.native(key)
	if err != nil {
		return adapters.Info{}, err
	}
	if err := s.accepts(o); err != nil {
		return adapters.Info{}, err
	}
	conditional := o.IfNoneMatch || o.IfMatch != ""
	if conditional && !s.quirks.ConditionalCopy {
		return adapters.Info{}, errs.Newf(errs.Unimplemented, "the store is not known to enforce conditions on copies")
	}
	if err := s.storable(ctx, *name); err != nil {
		return adapters.Info{}, err
	}
	if key == from {
		switch good, err := s.holds(ctx, selfCopies); {
		case err != nil:
			return adapters.Info{}, err
		case !good:
			return adapters.Info{}, errs.Newf(errs.Unimplemented, "the store does not copy an object onto itself")
		}
	}
	// The source's size and CRC64 must be known beforehand; its ETag holds it still.
	src, err := s.Head(ctx, from)
	if err == nil {
		err = s3shape.CheckSource(src, ifMatch, s.caps.MaxCopySize, o.CRC64)
	}
	if err != nil {
		return adapters.Info{}, fmt.Errorf("copy object: %w", err)
	}
	out, err := s.client.CopyObject(ctx, s.copyInput(name, s.prefix+from, src.ETag, o), expires(o.Headers.Expires))
	if err != nil {
		err = fail(ctx, "copy object", err)
		if httpstore.IsPrecondition(err) && !conditional && ifMatch == "" {
			return adapters.Info{}, errs.New(errs.Unavailable, "the source changed while it was copied", err)
		}
		if o.IfMatch != "" && errs.Is(err, errs.NotFound) {
			return adapters.Info{}, errs.New(errs.FailedPrecondition, "there is no object with that ETag", err).Because("PreconditionFailed")
		}
		if strings.Contains(from, "?") && errs.Is(err, errs.InvalidArgument) { // versitygw 1.8 takes an escaped one for that before a versionId
			return adapters.Info{}, errs.New(errs.Unimplemented, "the store cannot copy from this key", err)
		}
		return adapters.Info{}, httpstore.Condition(err, o.IfNoneMatch)
	}
	if out.CopyObjectResult == nil || parseETag(out.CopyObjectResult.ETag) == "" {
		return adapters.Info{}, errs.Newf(errs.Unavailable, "the store's answer is malformed")
	}
	result := out.CopyObjectResult
	info := adapters.Info{Key: key, Size: src.Size, ETag: parseETag(result.ETag), StorageClass: s.class(types.StorageClass(o.StorageClass)), Headers: o.Headers, Metadata: o.Metadata}
	if result.LastModified != nil {
		info.ModTime = result.LastModified.UTC()
	}
	info.CRC64 = parseCRC(result.ChecksumCRC64NVME, result.ChecksumType)
	want := src.CRC64
	if want == nil {
		want = o.CRC64
	}
	if info.CRC64 == nil || want == nil {
		return info, nil
	}
	if *info.CRC64 != *want {
		if key != from { // else these are the only bytes, and what was expected of them is wrong
			s.retract(ctx, name, info.ETag)
		}
		return adapters.Info{}, errs.Newf(errs.DataLoss, "the copy does not have the CRC-64/NVME of its source")
	}
	info.Verified, info.Proof = true, s3shape.ProofStoreCRC
	return info, nil
}

// copyInput asks for everything to be replaced but the bytes, tags too: to carry them along would need permissions of its own.
func (s *Store) copyInput(name *string, source, etag string, o adapters.PutOptions) *s3.CopyObjectInput {
	source = s.bucket + "/" + httpbinding.EscapePath(source, false)
	in := &s3.CopyObjectInput{
		Bucket: &s.bucket, Key: name, CopySource: &source, CopySourceIfMatch: quote(etag),
		MetadataDirective: types.MetadataDirectiveReplace, TaggingDirective: types.TaggingDirectiveReplace,
		ContentType: set(o.Headers.ContentType), ContentEncoding: set(o.Headers.ContentEncoding), ContentLanguage: set(o.Headers.ContentLanguage),
		ContentDisposition: set(o.Headers.ContentDisposition), CacheControl: set(o.Headers.CacheControl),
		Metadata: s.metadata(o.Metadata), StorageClass: types.StorageClass(o.StorageClass),
	}
	if !s.quirks.PlainBodies {
		in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc64nvme
	}
	if o.IfNoneMatch {
		in.IfNoneMatch = set("*")
	}
	if o.IfMatch != "" {
		in.IfMatch = s.ifMatch(o.IfMatch)
	}
	return in
}
