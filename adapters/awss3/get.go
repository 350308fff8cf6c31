package awss3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// Get implements adapters.Store. Info.CRC64 is filled when the whole object is asked for and the store keeps it.
func (s *Store) Get(ctx context.Context, key string, r adapters.Range, ifMatch string) (io.ReadCloser, adapters.Info, error) {
	name, err := s.native(key)
	if err != nil {
		return nil, adapters.Info{}, err
	}
	if r.Offset < 0 || r.Length < 0 {
		return nil, adapters.Info{}, errs.Newf(errs.InvalidArgument, "the range is negative").Because("InvalidRange")
	}
	if s.absent(*name) {
		return nil, adapters.Info{}, errs.Newf(errs.NotFound, "the store cannot hold this key").Because("NoSuchKey")
	}
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: name}
	var opts []func(*s3.Options)
	ranged := r != (adapters.Range{})
	if ranged {
		header := "bytes=" + strconv.FormatInt(r.Offset, 10) + "-"
		if r.Length > 0 && r.Length <= math.MaxInt64-r.Offset {
			header += strconv.FormatInt(r.Offset+r.Length-1, 10)
		}
		in.Range = &header
	} else {
		opts = append(opts, askChecksum)
	}
	if ifMatch != "" {
		in.IfMatch = quote(ifMatch)
	}
	out, err := s.client.GetObject(ctx, in, opts...)
	if err != nil {
		return nil, adapters.Info{}, condition(fail(ctx, "get object", err), false)
	}
	length := int64(-1)
	if out.ContentLength != nil {
		length = *out.ContentLength
	}
	info := adapters.Info{Key: key, Size: length, ETag: parseETag(out.ETag), StorageClass: string(out.StorageClass)}
	if err := answeredRange(r, ranged, out.ContentRange, &info.Size); err != nil {
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
	info.Metadata = decodeMetadata(out.Metadata)
	return &download{ctx: ctx, body: out.Body, left: length}, info, nil
}

// askChecksum asks the store for its checksums without the SDK computing them again over the body.
func askChecksum(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue("X-Amz-Checksum-Mode", "ENABLED"))
}

// answeredRange checks that the store answered the range asked for, and finds the size of the whole object.
func answeredRange(r adapters.Range, ranged bool, contentRange *string, size *int64) error {
	if !ranged {
		return nil
	}
	spec, total, ok := strings.Cut(strings.TrimPrefix(deref(contentRange), "bytes "), "/")
	from, _, _ := strings.Cut(spec, "-")
	whole, err := strconv.ParseInt(total, 10, 64)
	if ok && err == nil && from == strconv.FormatInt(r.Offset, 10) {
		*size = whole
		return nil
	}
	if contentRange == nil && *size == 0 { // there is no first byte to start at
		return errs.Newf(errs.InvalidArgument, "the range starts past the end of the object").Because("InvalidRange")
	}
	if contentRange == nil && r.Offset == 0 && *size >= 0 && (r.Length == 0 || r.Length >= *size) {
		return nil // all of it, and all of it was asked for
	}
	return errs.Newf(errs.Unimplemented, "the store does not answer ranges")
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
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: name, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		return adapters.Info{}, fail(ctx, "head object", err)
	}
	info := adapters.Info{Key: key, ETag: parseETag(out.ETag), StorageClass: string(out.StorageClass)}
	if out.ContentLength != nil {
		info.Size = *out.ContentLength
	}
	if out.LastModified != nil {
		info.ModTime = out.LastModified.UTC()
	}
	info.CRC64 = parseCRC(out.ChecksumCRC64NVME, out.ChecksumType)
	info.MD5 = s.objectMD5(info.ETag, out.ServerSideEncryption, out.SSECustomerAlgorithm)
	info.Headers = headers(out.ContentType, out.ContentEncoding, out.ContentLanguage, out.ContentDisposition, out.CacheControl, out.ExpiresString)
	info.Metadata = decodeMetadata(out.Metadata)
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

// download is the body of a Get: an end before the announced length is an error.
type download struct {
	ctx  context.Context
	body io.ReadCloser
	left int64 // -1: the store did not say
}

func (d *download) Read(p []byte) (int, error) {
	n, err := d.body.Read(p)
	if d.left >= 0 {
		d.left -= int64(n)
	}
	switch {
	case err == nil:
		return n, nil
	case err == io.EOF && d.left <= 0:
		return n, io.EOF
	case d.ctx.Err() != nil:
		return n, fmt.Errorf("read object: %w", context.Cause(d.ctx))
	}
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, errs.New(errs.Unavailable, "the store broke the connection before the end of the object", io.ErrUnexpectedEOF)
	}
	return n, errs.New(errs.Unavailable, "the connection to the store broke", err)
}

func (d *download) Close() error { return d.body.Close() }
