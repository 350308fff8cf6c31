package hwobs

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/huaweicloud/huaweicloud-sdk-go-obs/obs"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/adapters/s3shape"
	"github.com/opensds/gelato/internal/errs"
)

// defaultType is what OBS itself says of an object without a content type; the SDK would guess one from the key.
const defaultType = "binary/octet-stream"

// maxTwice is how long a body may be that is read twice, to send its MD5 along.
const maxTwice = httpstore.SpoolPart

// Put implements adapters.Store. A body of unknown size that does not fit one part buffer becomes a multipart upload, one part in memory at a time.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, size int64, o adapters.PutOptions) (adapters.Info, error) {
	name, err := s.writeKey(key)
	if err != nil {
		return adapters.Info{}, err
	}
	if size > maxPutSize {
		return adapters.Info{}, errs.Newf(errs.InvalidArgument, "an object of %d bytes needs a multipart upload", size).Because("EntityTooLarge")
	}
	if err := conditions(o); err != nil {
		return adapters.Info{}, err
	}
	about, x, err := describe(name, o)
	if err != nil {
		return adapters.Info{}, err
	}
	if size < 0 {
		return s.spool.Put(ctx, key, r, o)
	}
	b, err := prepare(ctx, r, size, o.Sums())
	if err != nil {
		return adapters.Info{}, fmt.Errorf("put object: %w", err)
	}
	in := &obs.PutObjectInput{}
	in.ObjectOperationInput, in.HttpHeader = about.object, about.header
	in.Bucket, in.ContentLength, in.ContentMD5, in.Body = s.bucket, size, b.ContentMD5(), b.reader()
	c, err := s.call(ctx, x)
	if err != nil {
		return adapters.Info{}, err
	}
	_, err = c.PutObject(in, obs.WithCustomHeader(s.dated()))
	if err := b.end(ctx, "put object", x, err); err != nil {
		return adapters.Info{}, err
	}
	info := adapters.Info{Key: key, Size: size, ETag: x.etag(), StorageClass: about.class(), Headers: o.Headers, Metadata: o.Metadata}
	if info.MD5, err = b.prove(x); err != nil {
		s.retract(ctx, key, info.ETag)
		return adapters.Info{}, fmt.Errorf("put object: %w", err)
	}
	if info.Verified = info.MD5 != nil; info.Verified {
		info.Proof = s3shape.ProofMD5
	}
	return info, nil
}

// about is what is kept beside an object's bytes, as the SDK takes it.
type about struct {
	object obs.ObjectOperationInput
	header obs.HttpHeader
}

// class is the storage class that the object will have.
func (a about) class() string { return cmp.Or(string(a.object.StorageClass), classStandard) }

// describe prepares what is kept beside the bytes of a native key, and the exchange that carries it.
func describe(name string, o adapters.PutOptions) (about, *exchange, error) {
	class, err := toClass(o.StorageClass)
	if err != nil {
		return about{}, nil, err
	}
	h := o.Headers
	h.ContentType = cmp.Or(strings.TrimSpace(h.ContentType), defaultType) // signed, and trimmed on its way
	for i := range len(h.ContentType) {
		if h.ContentType[i] < ' ' || h.ContentType[i] > '~' {
			return about{}, nil, errs.Newf(errs.InvalidArgument, "the content type is not ASCII").Because("ContentType")
		}
	}
	a := about{
		object: obs.ObjectOperationInput{Key: name, Metadata: httpstore.EncodeMetadata(httpstore.EncodeNames(o.Metadata)), StorageClass: obs.StorageClassType(class)},
		header: obs.HttpHeader{ContentType: h.ContentType, ContentEncoding: h.ContentEncoding, ContentLanguage: h.ContentLanguage,
			ContentDisposition: h.ContentDisposition, CacheControl: h.CacheControl, HttpExpires: h.Expires},
	}
	x := &exchange{want: http.Header{}}
	for name, value := range map[string]string{"Content-Type": h.ContentType, "Content-Encoding": h.ContentEncoding, "Content-Language": h.ContentLanguage,
		"Content-Disposition": h.ContentDisposition, "Cache-Control": h.CacheControl, "Expires": h.Expires} {
		if value != "" {
			x.want[name] = []string{value}
		}
	}
	return a, x, nil
}

// upload is the body of one Put or PutPart.
type upload struct {
	*httpstore.Body
}

// prepare readies a body. One whose MD5 the caller wants compared and has not got, that can be read twice and is not long, is read for its MD5 first.
func prepare(ctx context.Context, r io.Reader, size int64, sums adapters.Sums) (*upload, error) {
	if again, ok := r.(io.Seeker); ok && sums.MD5 == nil && !sums.Unproven && size > 0 && size <= maxTwice {
		start, err := again.Seek(0, io.SeekCurrent)
		if err == nil {
			sum := md5.New()
			n, err := io.Copy(sum, io.LimitReader(r, size))
			if _, serr := again.Seek(start, io.SeekStart); err == nil {
				err = serr
			}
			if err != nil {
				return nil, fmt.Errorf("read body: %w", err)
			}
			if n == size { // a shorter one is refused as it is sent
				sums.MD5 = adapters.KnownMD5(sum.Sum(nil))
			}
		}
	}
	u := &upload{httpstore.NewBody(ctx, r, size, sums, true)}
	if size > 0 {
		return u, nil
	}
	return u, u.Empty()
}

// reader is what the SDK sends; it takes a body without bytes for one of unknown length.
func (u *upload) reader() io.Reader {
	if u.Size() == 0 {
		return nil
	}
	return u.Body
}

// end returns why the call with this body failed, if it did.
func (u *upload) end(ctx context.Context, op string, x *exchange, err error) error {
	if failed := u.Detach(); failed != nil {
		return fmt.Errorf("%s: read body: %w", op, failed)
	}
	if err != nil {
		return x.fail(ctx, op, err)
	}
	if err := u.Taken(); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if x.etag() == "" {
		return malformed(op)
	}
	return nil
}

// prove returns the MD5 that the store computed of the bytes sent, nil when its answer tells none, and DataLoss when it is another one.
func (u *upload) prove(x *exchange) ([]byte, error) {
	stored, sent := s3shape.MD5OfETag(x.etag()), u.MD5()
	switch {
	case bytes.Equal(stored, sent):
		return stored, nil
	case stored == nil || sent == nil || x.encrypted():
		return nil, nil
	}
	return nil, errs.Newf(errs.DataLoss, "the store holds bytes with another MD5 (%s) than those sent", hex.EncodeToString(stored))
}
