package awss3

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
	"github.com/opensds/gelato/internal/errs"
)

// List implements adapters.Store.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (adapters.Page, error) {
	if limit < 1 || limit > 1000 {
		return adapters.Page{}, errs.Newf(errs.InvalidArgument, "the limit must be 1 to 1000")
	}
	if !utf8.ValidString(prefix) || !utf8.ValidString(after) {
		return adapters.Page{}, errs.Newf(errs.InvalidArgument, "a prefix or start that is not UTF-8")
	}
	ask := int32(min(limit+1, 1000)) // one more, as some stores say at a prefix's end that there is more
	full := s.prefix + prefix
	in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: set(full), MaxKeys: &ask, EncodingType: types.EncodingTypeUrl}
	if after != "" {
		start := s.prefix + after
		in.StartAfter = &start
	}
	for {
		out, err := s.client.ListObjectsV2(ctx, in)
		if err != nil {
			return adapters.Page{}, fail(ctx, "list objects", err)
		}
		page := adapters.Page{Objects: make([]adapters.Info, 0, len(out.Contents)), More: out.IsTruncated != nil && *out.IsTruncated}
		last := after
		for _, c := range out.Contents {
			name, err := decodeKey(c.Key, out.EncodingType)
			if err != nil {
				return adapters.Page{}, fmt.Errorf("list objects: %w", err)
			}
			key, ok := strings.CutPrefix(name, s.prefix)
			if !ok || !strings.HasPrefix(key, prefix) {
				return adapters.Page{}, errs.Newf(errs.Internal, "the store lists keys outside the prefix asked for")
			}
			if key == "" || (after != "" && key <= after) {
				continue // the prefix itself as an object, or a store that does not know start-after
			}
			if err := s.listable(ctx, key, out.EncodingType); err != nil {
				return adapters.Page{}, err
			}
			if key <= last { // a page that goes on from the last key would leave objects out
				return adapters.Page{}, errs.Newf(errs.FailedPrecondition, "the store does not list keys in order of their bytes")
			}
			last = key
			info := adapters.Info{Key: key, ETag: parseETag(c.ETag), StorageClass: string(c.StorageClass)}
			if c.Size != nil {
				info.Size = *c.Size
			}
			if c.LastModified != nil {
				info.ModTime = c.LastModified.UTC()
			}
			page.Objects = append(page.Objects, info)
		}
		if len(page.Objects) > limit {
			page.Objects, page.More = page.Objects[:limit], true
		}
		if len(page.Objects) > 0 || !page.More {
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
