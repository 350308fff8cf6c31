package s3dialect

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/s3shape"
	"github.com/opensds/gelato/internal/errs"
)

// List implements adapters.Store.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (adapters.Page, error) {
	l, err := s3shape.NewListing(s.prefix, prefix, after, limit)
	if err != nil {
		return adapters.Page{}, err
	}
	ask := int32(l.Ask())
	in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: set(l.Prefix()), StartAfter: set(l.After()), MaxKeys: &ask, EncodingType: types.EncodingTypeUrl}
	for {
		out, err := s.client.ListObjectsV2(ctx, in)
		if err != nil {
			return adapters.Page{}, fail(ctx, "list objects", err)
		}
		for _, c := range out.Contents {
			name, err := decodeKey(c.Key, out.EncodingType)
			if err != nil {
				return adapters.Page{}, fmt.Errorf("list objects: %w", err)
			}
			if err := s.listable(ctx, strings.TrimPrefix(name, s.prefix), out.EncodingType); err != nil {
				return adapters.Page{}, err
			}
			info := adapters.Info{ETag: parseETag(c.ETag), StorageClass: s.class(types.StorageClass(c.StorageClass))}
			if c.Size != nil {
				info.Size = *c.Size
			}
			if c.LastModified != nil {
				info.ModTime = c.LastModified.UTC()
			}
			if err := l.Add(name, info); err != nil {
				return adapters.Page{}, fmt.Errorf("list objects: %w", err)
			}
		}
		if page, ok := l.Page(out.IsTruncated != nil && *out.IsTruncated); ok {
			return page, nil
		}
		if out.NextContinuationToken == nil {
			return adapters.Page{}, errs.Newf(errs.Internal, "the store's listing is cut without a way to go on")
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

// listable refuses a key that cannot be the cursor of the next page: XML 1.0 cannot carry every character, and a store that does
// not know encoding-type=url puts U+FFFD in its place.
func (s *Store) listable(ctx context.Context, key string, encoding types.EncodingType) error {
	if encoding == types.EncodingTypeUrl || !strings.ContainsRune(key, utf8.RuneError) {
		return nil
	}
	_, err := s.Head(ctx, key) // the character itself, perhaps
	if errs.Is(err, errs.NotFound) {
		return errs.New(errs.FailedPrecondition, "the store holds a key that its listing cannot show, near "+strconv.Quote(key), nil)
	}
	return err
}

// ListUploads implements adapters.Store.
func (s *Store) ListUploads(ctx context.Context, prefix string, limit int) ([]adapters.Upload, error) {
	if limit < 1 {
		return nil, errs.Newf(errs.InvalidArgument, "the limit must be 1 or more")
	}
	max := int32(min(limit, 1000))
	in := &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: set(s.prefix + prefix), MaxUploads: &max, EncodingType: types.EncodingTypeUrl}
	var uploads []adapters.Upload
	for {
		out, err := s.client.ListMultipartUploads(ctx, in)
		if err != nil {
			return nil, fail(ctx, "list uploads", err)
		}
		for _, u := range out.Uploads {
			name, err := decodeKey(u.Key, out.EncodingType)
			if err != nil {
				return nil, fmt.Errorf("list uploads: %w", err)
			}
			key, ok := strings.CutPrefix(name, s.prefix)
			if !ok || !strings.HasPrefix(key, prefix) || u.UploadId == nil {
				continue
			}
			mark := markPlain
			if u.ChecksumAlgorithm == types.ChecksumAlgorithmCrc64nvme {
				mark = markCRC
			}
			up := adapters.Upload{Key: key, ID: mark + *u.UploadId}
			if u.Initiated != nil {
				up.Created = u.Initiated.UTC()
			}
			if uploads = append(uploads, up); len(uploads) == limit {
				return uploads, nil
			}
		}
		if out.IsTruncated == nil || !*out.IsTruncated || out.NextKeyMarker == nil {
			return uploads, nil
		}
		marker, err := decodeKey(out.NextKeyMarker, out.EncodingType)
		if err != nil {
			return nil, fmt.Errorf("list uploads: %w", err)
		}
		in.KeyMarker, in.UploadIdMarker = &marker, out.NextUploadIdMarker
	}
}

// decodeKey undoes the encoding that was asked for, if the store says that it did it.
func decodeKey(key *string, encoding types.EncodingType) (string, error) {
	if encoding != types.EncodingTypeUrl {
		return deref(key), nil
	}
	name, err := url.QueryUnescape(deref(key))
	if err != nil {
		return "", errs.New(errs.Internal, "the store lists a malformed key", err)
	}
	return name, nil
}
