package hwobs

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/huaweicloud/huaweicloud-sdk-go-obs/obs"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/adapters/s3shape"
	"github.com/opensds/gelato/internal/errs"
)

// Get implements adapters.Store. The range goes as a header of its own: the SDK's cannot ask for one byte, nor to the end.
func (s *Store) Get(ctx context.Context, key string, r adapters.Range, ifMatch string) (io.ReadCloser, adapters.Info, error) {
	name, err := s.native(key)
	if err != nil {
		return nil, adapters.Info{}, err
	}
	header, err := httpstore.RangeHeader(r)
	if err != nil {
		return nil, adapters.Info{}, err
	}
	if _, err := s.readKey(key); err != nil {
		return nil, adapters.Info{}, err
	}
	x := &exchange{body: true}
	c, err := s.call(ctx, x)
	if err != nil {
		return nil, adapters.Info{}, err
	}
	in := &obs.GetObjectInput{}
	in.Bucket, in.Key = s.bucket, name
	if ifMatch != "" {
		in.IfMatch = s3shape.QuoteETag(ifMatch)
	}
	out, err := c.GetObject(in, obs.WithCustomHeader("Range", header), obs.WithCustomHeader(s.dated()))
	if err != nil {
		return nil, adapters.Info{}, httpstore.Condition(x.fail(ctx, "get object", err), false)
	}
	info, err := x.info(key, "get object")
	if err == nil {
		length := info.Size
		info.Size, err = httpstore.WholeSize(r, x.header.Get("Content-Range"), length)
		if err == nil && ifMatch != "" && info.ETag != ifMatch { // a store that ignores the condition
			err = errs.Newf(errs.FailedPrecondition, "the object has another ETag").Because("PreconditionFailed")
		}
		if err == nil {
			return httpstore.NewDownload(ctx, out.Body, length), info, nil
		}
		err = fmt.Errorf("get object: %w", err)
	}
	out.Body.Close()
	return nil, adapters.Info{}, err
}

// Head implements adapters.Store.
func (s *Store) Head(ctx context.Context, key string) (adapters.Info, error) {
	name, err := s.readKey(key)
	if err != nil {
		return adapters.Info{}, err
	}
	x := &exchange{}
	c, err := s.call(ctx, x)
	if err != nil {
		return adapters.Info{}, err
	}
	if _, err := c.GetObjectMetadata(&obs.GetObjectMetadataInput{Bucket: s.bucket, Key: name}, obs.WithCustomHeader(s.dated())); err != nil {
		return adapters.Info{}, x.fail(ctx, "head object", err)
	}
	return x.info(key, "head object")
}

// info describes an object by the head of an answer. Size is the length of the answer.
func (x *exchange) info(key, op string) (adapters.Info, error) {
	h := x.header
	info := adapters.Info{Key: key, ETag: x.etag(), StorageClass: fromHeader(x.get("storage-class"))}
	var err1, err2 error
	info.Size, err1 = strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	info.ModTime, err2 = http.ParseTime(h.Get("Last-Modified"))
	if err1 != nil || err2 != nil || info.ETag == "" {
		return adapters.Info{}, malformed(op)
	}
	info.ModTime = info.ModTime.In(time.UTC)
	if !x.encrypted() {
		info.MD5 = s3shape.MD5OfETag(info.ETag)
	}
	info.Headers = adapters.ContentHeaders{ContentType: h.Get("Content-Type"), ContentEncoding: h.Get("Content-Encoding"), ContentLanguage: h.Get("Content-Language"),
		ContentDisposition: h.Get("Content-Disposition"), CacheControl: h.Get("Cache-Control"), Expires: h.Get("Expires")}
	meta := map[string]string{}
	for name, values := range h {
		name = strings.ToLower(name)
		for _, prefix := range []string{obs.HEADER_PREFIX_META_OBS, obs.HEADER_PREFIX_META} {
			if key, ok := strings.CutPrefix(name, prefix); ok {
				meta[key] = values[0]
			}
		}
	}
	info.Metadata = httpstore.DecodeMetadata(meta)
	return info, nil
}
