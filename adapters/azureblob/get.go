package azureblob

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/internal/errs"
)

// Get implements adapters.Store. The SDK's reader that asks again after a broken connection is not used: the error goes to the caller.
func (s *Store) Get(ctx context.Context, key string, r adapters.Range, ifMatch string) (io.ReadCloser, adapters.Info, error) {
	name, storable, err := s.native(key)
	if err != nil {
		return nil, adapters.Info{}, err
	}
	if _, err := httpstore.RangeHeader(r); err != nil {
		return nil, adapters.Info{}, err
	}
	if storable != nil {
		return nil, adapters.Info{}, notFound(storable)
	}
	out, err := s.client.NewBlobClient(name).DownloadStream(ctx, &blob.DownloadStreamOptions{Range: httpRange(r), AccessConditions: matching(ifMatch)})
	if err != nil {
		err = httpstore.Condition(s.fail(ctx, "get object", err), false)
		if ifMatch != "" && (httpstore.IsPrecondition(err) || errs.ReasonOf(err) == "InvalidRange") {
			// Which of the two a store judges first, and what it says of an absent blob, differs.
			switch head, herr := s.Head(ctx, key); {
			case errs.Is(herr, errs.NotFound):
				return nil, adapters.Info{}, herr
			case herr == nil && head.ETag != ifMatch && !httpstore.IsPrecondition(err):
				return nil, adapters.Info{}, errs.New(errs.FailedPrecondition, "the object has another ETag", err).Because("PreconditionFailed")
			}
		}
		return nil, adapters.Info{}, err
	}
	length := int64(-1)
	if out.ContentLength != nil {
		length = *out.ContentLength
	}
	size, err := httpstore.WholeSize(r, value(out.ContentRange), length)
	if err == nil && r != (adapters.Range{}) && r.Offset >= size { // Azurite takes the end for a start
		err = errs.Newf(errs.InvalidArgument, "the range starts past the end of the object").Because("InvalidRange")
	}
	if err != nil {
		out.Body.Close()
		return nil, adapters.Info{}, fmt.Errorf("get object: %w", err)
	}
	info := adapters.Info{
		Key: key, Size: size, ETag: etag(out.ETag), ModTime: utc(out.LastModified), StorageClass: value(out.AccessTier),
		Headers: headersOf(out.ContentType, out.ContentEncoding, out.ContentLanguage, out.ContentDisposition, out.CacheControl),
	}
	if mine := undescribe(&info, out.Metadata); info.StorageClass == "" {
		info.StorageClass = mine[ownClass]
	}
	return httpstore.NewDownload(ctx, out.Body, length), info, nil
}

// httpRange is r as the SDK has it. No blob is as large as the offsets that are cut.
func httpRange(r adapters.Range) blob.HTTPRange {
	const most = math.MaxInt64 / 4
	r.Offset = min(r.Offset, most)
	if r.Length > most {
		r.Length = blob.CountToEnd
	}
	return blob.HTTPRange{Offset: r.Offset, Count: r.Length}
}

// Head implements adapters.Store.
func (s *Store) Head(ctx context.Context, key string) (adapters.Info, error) {
	info, _, err := s.head(ctx, key)
	return info, err
}

// head also returns the adapter's own metadata of the blob.
func (s *Store) head(ctx context.Context, key string) (adapters.Info, map[string]string, error) {
	name, storable, err := s.native(key)
	if err != nil {
		return adapters.Info{}, nil, err
	}
	if storable != nil {
		return adapters.Info{}, nil, notFound(storable)
	}
	out, err := s.client.NewBlobClient(name).GetProperties(ctx, nil)
	if err != nil {
		return adapters.Info{}, nil, s.fail(ctx, "head object", err)
	}
	info := adapters.Info{
		Key: key, Size: value(out.ContentLength), ETag: etag(out.ETag), ModTime: utc(out.LastModified), StorageClass: value(out.AccessTier),
		Headers: headersOf(out.ContentType, out.ContentEncoding, out.ContentLanguage, out.ContentDisposition, out.CacheControl),
	}
	return info, undescribe(&info, out.Metadata), nil
}

func headersOf(contentType, encoding, language, disposition, cache *string) adapters.ContentHeaders {
	return adapters.ContentHeaders{
		ContentType: value(contentType), ContentEncoding: value(encoding), ContentLanguage: value(language),
		ContentDisposition: value(disposition), CacheControl: value(cache),
	}
}

// etag takes the quotes off.
func etag(e *azcore.ETag) string { return strings.Trim(string(value(e)), `"`) }

func utc(t *time.Time) time.Time { return value(t).UTC() }

// Delete implements adapters.Store.
func (s *Store) Delete(ctx context.Context, key, ifMatch string) error {
	name, storable, err := s.native(key)
	if err != nil {
		return err
	}
	if storable != nil {
		return nil // what the store would delete is another object
	}
	_, err = s.client.NewBlobClient(name).Delete(ctx, &blob.DeleteOptions{AccessConditions: matching(ifMatch)})
	if err == nil {
		return nil
	}
	err = s.fail(ctx, "delete object", err)
	if httpstore.IsPrecondition(err) { // an emulator judges the condition of what is absent, too
		if _, herr := s.Head(ctx, key); errs.Is(herr, errs.NotFound) {
			return nil
		}
	}
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	return httpstore.Condition(err, false)
}
