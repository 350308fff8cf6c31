package hwobs

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/huaweicloud/huaweicloud-sdk-go-obs/obs"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/s3shape"
	"github.com/opensds/gelato/internal/errs"
)

const (
	// encoding is how keys are asked for in listings: XML 1.0 cannot carry every character.
	encoding = "url"
	// encoded is what an exchange makes of it where a store says that it encodes.
	encoded = "decoded-by-hwobs"
)

// decode undoes the encoding of a key that a store lists. Where it did not encode, a character may have been replaced, and such a key is refused.
func decode(key, encodingType string) (string, error) {
	if encodingType != encoded {
		if strings.ContainsAny(key, "?\ufffd") {
			return "", errs.Newf(errs.FailedPrecondition, "the store's listing cannot show a key, near %s", strconv.Quote(key))
		}
		return key, nil
	}
	name, err := url.QueryUnescape(key)
	if err != nil {
		return "", errs.New(errs.Internal, "the store lists a malformed key", err)
	}
	return name, nil
}

// List implements adapters.Store.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (adapters.Page, error) {
	l, err := s3shape.NewListing(s.prefix, prefix, after, limit)
	if err != nil {
		return adapters.Page{}, err
	}
	in := &obs.ListObjectsInput{Bucket: s.bucket, Marker: l.After()}
	in.Prefix, in.MaxKeys, in.EncodingType = l.Prefix(), l.Ask(), encoding
	for {
		x := &exchange{}
		c, err := s.call(ctx, x)
		if err != nil {
			return adapters.Page{}, err
		}
		out, err := c.ListObjects(in, obs.WithCustomHeader(s.dated()))
		if err != nil {
			return adapters.Page{}, x.fail(ctx, "list objects", err)
		}
		if out.XMLName.Local == "" { // an empty answer is none
			return adapters.Page{}, malformed("list objects")
		}
		marker := ""
		for _, o := range out.Contents {
			if marker, err = decode(o.Key, out.EncodingType); err != nil {
				return adapters.Page{}, fmt.Errorf("list objects: %w", err)
			}
			if err := l.Add(marker, adapters.Info{Size: o.Size, ModTime: o.LastModified.UTC(), ETag: s3shape.ParseETag(o.ETag), StorageClass: canonical(string(o.StorageClass))}); err != nil {
				return adapters.Page{}, fmt.Errorf("list objects: %w", err)
			}
		}
		if page, ok := l.Page(out.IsTruncated); ok {
			return page, nil
		}
		if marker == "" || marker == in.Marker {
			return adapters.Page{}, errs.Newf(errs.Internal, "the store's listing is cut without a way to go on")
		}
		in.Marker = marker
	}
}

// ListUploads implements adapters.Store.
func (s *Store) ListUploads(ctx context.Context, prefix string, limit int) ([]adapters.Upload, error) {
	if limit < 1 {
		return nil, errs.Newf(errs.InvalidArgument, "the limit must be 1 or more")
	}
	in := &obs.ListMultipartUploadsInput{Bucket: s.bucket, Prefix: s.prefix + prefix, MaxUploads: min(limit, 1000), EncodingType: encoding}
	var uploads []adapters.Upload
	for {
		x := &exchange{}
		c, err := s.call(ctx, x)
		if err != nil {
			return nil, err
		}
		out, err := c.ListMultipartUploads(in, obs.WithCustomHeader(s.dated()))
		if err != nil {
			return nil, x.fail(ctx, "list uploads", err)
		}
		if out.XMLName.Local == "" {
			return nil, malformed("list uploads")
		}
		for _, u := range out.Uploads {
			name, err := decode(u.Key, out.EncodingType)
			if err != nil {
				return nil, fmt.Errorf("list uploads: %w", err)
			}
			key, ok := strings.CutPrefix(name, s.prefix)
			if !ok || !strings.HasPrefix(key, prefix) || u.UploadId == "" {
				continue
			}
			if uploads = append(uploads, adapters.Upload{Key: key, ID: u.UploadId, Created: u.Initiated.UTC()}); len(uploads) == limit {
				return uploads, nil
			}
		}
		if !out.IsTruncated || out.NextKeyMarker == "" {
			return uploads, nil
		}
		if in.KeyMarker, err = decode(out.NextKeyMarker, out.EncodingType); err != nil {
			return nil, fmt.Errorf("list uploads: %w", err)
		}
		in.UploadIdMarker = out.NextUploadIdMarker
	}
}
