package hwobs

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/huaweicloud/huaweicloud-sdk-go-obs/obs"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/adapters/s3shape"
	"github.com/opensds/gelato/internal/errs"
)

// Copy implements adapters.Store. The answer's ETag may be the source's, carried along, so it proves nothing: the copy is not Verified.
func (s *Store) Copy(ctx context.Context, key, from, ifMatch string, o adapters.PutOptions) (adapters.Info, error) {
	name, err := s.writeKey(key)
	if err != nil {
		return adapters.Info{}, err
	}
	if err := conditions(o); err != nil {
		return adapters.Info{}, err
	}
	about, x, err := describe(name, o)
	if err != nil {
		return adapters.Info{}, err
	}
	// The source's size must be known beforehand; its ETag holds it still.
	src, err := s.Head(ctx, from)
	if err == nil {
		err = s3shape.CheckSource(src, ifMatch, maxCopySize, o.CRC64)
	}
	if err != nil {
		return adapters.Info{}, fmt.Errorf("copy object: %w", err)
	}
	c, err := s.call(ctx, x)
	if err != nil {
		return adapters.Info{}, err
	}
	in := &obs.CopyObjectInput{ObjectOperationInput: about.object, HttpHeader: about.header, CopySourceBucket: s.bucket, CopySourceKey: s.prefix + from,
		CopySourceIfMatch: s3shape.QuoteETag(src.ETag), MetadataDirective: obs.ReplaceMetadata}
	in.Bucket = s.bucket
	out, err := c.CopyObject(in, obs.WithCustomHeader(s.copySource(from)), obs.WithCustomHeader(s.dated()))
	if err != nil {
		err = x.fail(ctx, "copy object", err)
		if httpstore.IsPrecondition(err) && ifMatch == "" {
			return adapters.Info{}, errs.New(errs.Unavailable, "the source changed while it was copied", err)
		}
		return adapters.Info{}, httpstore.Condition(err, false)
	}
	if out.ETag == "" {
		return adapters.Info{}, malformed("copy object")
	}
	return adapters.Info{Key: key, Size: src.Size, ModTime: out.LastModified.UTC(), ETag: s3shape.ParseETag(out.ETag), StorageClass: about.class(),
		Headers: o.Headers, Metadata: o.Metadata}, nil
}

// copySource is the header that names the source. The SDK's own writes a blank as a plus sign, which not every store takes for one.
func (s *Store) copySource(from string) (name, value string) {
	name = obs.HEADER_PREFIX_OBS
	if s.signature == obs.SignatureV4 {
		name = obs.HEADER_PREFIX
	}
	escaped := strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(s.prefix + from))
	return name + obs.HEADER_COPY_SOURCE, s.bucket + "/" + escaped
}
