package s3dialect

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/internal/errs"
)

// Get implements adapters.Store. Info.CRC64 is filled when the whole object is asked for and the store keeps it.
func (s *Store) Get(ctx context.Context, key string, r adapters.Range, ifMatch string) (io.ReadCloser, adapters.Info, error) {
	name, err := s.native(key)
	if err != nil {
		return nil, adapters.Info{}, err
	}
	header, err := httpstore.RangeHeader(r)
	if err != nil {
		return nil, adapters.Info{}, err
	}
	if s.absent(*name) {
		return nil, adapters.Info{}, errs.Newf(errs.NotFound, "the store cannot hold this key").Because("NoSuchKey")
	}
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: name}
	var opts []func(*s3.Options)
	if header != "" {
		in.Range = &header
	} else if !s.quirks.PlainBodies {
		opts = append(opts, askChecksum)
	}
	if ifMatch != "" {
		in.IfMatch = quote(ifMatch)
	}
	out, err := s.client.GetObject(ctx, in, opts...)
	if err != nil {
		return nil, adapters.Info{}, httpstore.Condition(fail(ctx, "get object", err), false)
	}
	length := int64(-1)
	if out.ContentLength != nil {
		length = *out.ContentLength
	}
	info := adapters.Info{Key: key, ETag: parseETag(out.ETag), StorageClass: s.class(out.StorageClass)}
	if info.Size, err = httpstore.WholeSize(r, deref(out.ContentRange), length); err != nil {
		out.Body.Close()
		return nil, adapters.Info{}, fmt.Errorf("get object: %w", err)
	}
	if ifMatch != "" && info.ETag != ifMatch { // a store that ignores the condition
		out.Body.Close()
		return nil, adapters.Info{}, errs.Newf(errs.FailedPrecondition, "the object has another ETag").Because("PreconditionFailed")
	}
	if out.LastModified != nil {
		info.ModTime = out.LastModified.UTC()
	}
	info.CRC64 = parseCRC(out.ChecksumCRC64NVME, out.ChecksumType)
	info.MD5 = s.objectMD5(info.ETag, out.ServerSideEncryption, out.SSECustomerAlgorithm)
	info.Headers = headers(out.ContentType, out.ContentEncoding, out.ContentLanguage, out.ContentDisposition, out.CacheControl, out.ExpiresString)
	info.Metadata = httpstore.DecodeMetadata(out.Metadata)
	return httpstore.NewDownload(ctx, out.Body, length), info, nil
}

// askChecksum asks the store for its checksums without the SDK computing them again over the body.
func askChecksum(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue("X-Amz-Checksum-Mode", "ENABLED"))
}

// Head implements adapters.Store.
func (s *Store) Head(ctx context.Context, key string) (adapters.Info, error) {
	name, err := s.native(key)
	if err != nil {
		return adapters.Info{}, err
	}
	if s.absent(*name) {
		return adapters.Info{}, errs.Newf(errs.NotFound, "the store cannot hold this key").Because("NoSuchKey")
	}
	in := &s3.HeadObjectInput{Bucket: &s.bucket, Key: name}
	if !s.quirks.PlainBodies {
		in.ChecksumMode = types.ChecksumModeEnabled
	}
	out, err := s.client.HeadObject(ctx, in)
	if err != nil {
		return adapters.Info{}, fail(ctx, "head object", err)
	}
	info := adapters.Info{Key: key, ETag: parseETag(out.ETag), StorageClass: s.class(out.StorageClass)}
	if out.ContentLength != nil {
		info.Size = *out.ContentLength
	}
	if out.LastModified != nil {
		info.ModTime = out.LastModified.UTC()
	}
	info.CRC64 = parseCRC(out.ChecksumCRC64NVME, out.ChecksumType)
	info.MD5 = s.objectMD5(info.ETag, out.ServerSideEncryption, out.SSECustomerAlgorithm)
	info.Headers = headers(out.ContentType, out.ContentEncoding, out.ContentLanguage, out.ContentDisposition, out.CacheControl, out.ExpiresString)
	info.Metadata = httpstore.DecodeMetadata(out.Metadata)
	return info, nil
}

// objectMD5 takes an ETag for an MD5 only in a store that has shown that its ETags are.
func (s *Store) objectMD5(etag string, sse types.ServerSideEncryption, customer *string) []byte {
	if !s.habits.md5ETag.Load() {
		return nil
	}
	return etagMD5(etag, sse, customer)
}

func headers(contentType, encoding, language, disposition, cache, expires *string) adapters.ContentHeaders {
	return adapters.ContentHeaders{ContentType: deref(contentType), ContentEncoding: deref(encoding), ContentLanguage: deref(language),
		ContentDisposition: deref(disposition), CacheControl: deref(cache), Expires: deref(expires)}
}
