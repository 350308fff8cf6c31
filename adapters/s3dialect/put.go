package s3dialect

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/adapters/s3shape"
	"github.com/opensds/gelato/internal/errs"
)

// Kinds of uploads in habits.answersCRC.
const (
	kindPart = iota
	kindPut
)

// Values of habits.answersCRC; 0 is not known.
const (
	crcAnswered = 1 + iota
	crcMissing
)

// Put implements adapters.Store. A body of unknown size that does not fit one part buffer becomes a multipart upload, one part in memory at a time.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, size int64, o adapters.PutOptions) (adapters.Info, error) {
	name, err := s.native(key)
	if err != nil {
		return adapters.Info{}, err
	}
	if size > maxPutSize {
		return adapters.Info{}, errs.Newf(errs.InvalidArgument, "an object of %d bytes needs a multipart upload", size).Because("EntityTooLarge")
	}
	if err := s.accepts(o); err != nil {
		return adapters.Info{}, err
	}
	if err := s.storable(ctx, *name); err != nil {
		return adapters.Info{}, err
	}
	if size < 0 {
		return s.spool.Put(ctx, key, r, o)
	}
	return s.put(ctx, key, name, r, size, o)
}

func (s *Store) put(ctx context.Context, key string, name *string, r io.Reader, size int64, o adapters.PutOptions) (adapters.Info, error) {
	withCRC := !s.quirks.PlainBodies
	b, framed, err := s.send(ctx, kindPut, r, size, o.Sums(), withCRC)
	if err != nil {
		return adapters.Info{}, err
	}
	in := &s3.PutObjectInput{
		Bucket: &s.bucket, Key: name, ContentLength: &size,
		ContentType: set(o.Headers.ContentType), ContentEncoding: set(o.Headers.ContentEncoding), ContentLanguage: set(o.Headers.ContentLanguage),
		ContentDisposition: set(o.Headers.ContentDisposition), CacheControl: set(o.Headers.CacheControl),
		Metadata: s.metadata(o.Metadata), StorageClass: types.StorageClass(o.StorageClass),
	}
	how := unsigned
	if framed {
		how = chunked(b, &in.ContentLength)
	}
	if !framed {
		in.ContentMD5 = set(b.ContentMD5())
	}
	if size > 0 {
		in.Body = b
	} else if err := b.Empty(); err != nil {
		return adapters.Info{}, fmt.Errorf("put object: %w", err)
	}
	if o.CRC64 != nil && withCRC {
		in.ChecksumCRC64NVME = formatCRC(*o.CRC64)
	}
	if o.IfNoneMatch {
		in.IfNoneMatch = set("*")
	}
	if o.IfMatch != "" {
		in.IfMatch = s.ifMatch(o.IfMatch)
	}
	out, err := s.client.PutObject(ctx, in, how, expires(o.Headers.Expires))
	if failed := b.Detach(); failed != nil {
		return adapters.Info{}, fmt.Errorf("put object: read body: %w", failed)
	}
	if err != nil {
		err = fail(ctx, "put object", err)
		if o.IfMatch != "" && errs.Is(err, errs.NotFound) { // nothing there is no match either
			return adapters.Info{}, errs.New(errs.FailedPrecondition, "there is no object with that ETag", err).Because("PreconditionFailed")
		}
		return adapters.Info{}, httpstore.Condition(err, o.IfNoneMatch)
	}
	if err := b.Taken(); err != nil {
		s.retract(ctx, name, parseETag(out.ETag))
		return adapters.Info{}, fmt.Errorf("put object: %w", err)
	}
	info := adapters.Info{Key: key, Size: size, ETag: parseETag(out.ETag), StorageClass: s.class(types.StorageClass(o.StorageClass)), Headers: o.Headers, Metadata: o.Metadata}
	info.CRC64 = parseCRC(out.ChecksumCRC64NVME, out.ChecksumType)
	info.MD5 = etagMD5(info.ETag, out.ServerSideEncryption, out.SSECustomerAlgorithm)
	info.Verified, info.Proof, err = s.prove(kindPut, withCRC && (o.CRC64 != nil || framed), b, info.CRC64, info.MD5)
	if err != nil {
		s.retract(ctx, name, info.ETag)
		return adapters.Info{}, fmt.Errorf("put object: %w", err)
	}
	if info.Proof != s3shape.ProofMD5 && !s.habits.md5ETag.Load() {
		info.MD5 = nil // it only looks like one
	}
	return info, nil
}

// send prepares a body, and says whether it is to be framed with a trailer. withCRC says whether a CRC64 may go along at all. MD5 is computed only
// while the store's latest answer of the kind had no CRC64, and the caller has none; of a kind that was not sent before, the other one's answer is taken.
func (s *Store) send(ctx context.Context, kind int, r io.Reader, size int64, sums adapters.Sums, withCRC bool) (b *httpstore.Body, framed bool, err error) {
	if sums.CRC64 == nil && withCRC && size > 0 {
		if framed, err = s.holds(ctx, trailers); err != nil {
			return nil, false, err
		}
	}
	sent := framed || sums.CRC64 != nil && withCRC
	answers := s.habits.answersCRC[kind][index(sent)].Load()
	if answers == 0 {
		answers = s.habits.answersCRC[1-kind][index(sent)].Load()
	}
	return httpstore.NewBody(ctx, r, size, sums, answers != crcAnswered), framed, nil
}

// prove compares what the store answered with what was sent, and remembers what it answers. DataLoss when they differ.
func (s *Store) prove(kind int, crcSent bool, b *httpstore.Body, crc *uint64, md5ETag []byte) (verified bool, proof string, err error) {
	answers := int32(crcMissing)
	if crc != nil {
		answers = crcAnswered
	}
	s.habits.answersCRC[kind][index(crcSent)].Store(answers)
	switch {
	case crc != nil && *crc != b.CRC64():
		return false, "", errs.Newf(errs.DataLoss, "the store holds bytes with another CRC-64/NVME than those sent")
	case crc != nil && crcSent:
		return true, s3shape.ProofCheckedCRC, nil
	case crc != nil:
		return true, s3shape.ProofStoreCRC, nil
	case b.MD5() == nil || md5ETag == nil:
		return false, "", nil
	case bytes.Equal(b.MD5(), md5ETag):
		s.habits.md5ETag.Store(true)
		return true, s3shape.ProofMD5, nil
	case s.habits.md5ETag.Load():
		return false, "", errs.Newf(errs.DataLoss, "the store holds bytes with another MD5 (%s) than those sent", hex.EncodeToString(md5ETag))
	}
	return false, "", nil // an ETag that is no MD5, perhaps
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// retract takes back an object that the store accepted with wrong bytes, unless it is another one by now.
func (s *Store) retract(ctx context.Context, name *string, etag string) {
	ctx, cancel := httpstore.Cleanup(ctx)
	defer cancel()
	_ = s.delete(ctx, name, etag) // what is left over is reported as DataLoss all the same
}

// accepts refuses what the store is not known to have: conditions, storage classes.
func (s *Store) accepts(o adapters.PutOptions) error {
	switch {
	case o.IfNoneMatch && o.IfMatch != "":
		return errs.Newf(errs.InvalidArgument, "IfMatch and IfNoneMatch exclude one another")
	case !s.caps.ConditionalPut && (o.IfNoneMatch || o.IfMatch != ""):
		return errs.Newf(errs.Unimplemented, "the store is not known to enforce conditions on writes")
	case o.StorageClass != "" && !slices.Contains(s.caps.StorageClasses, o.StorageClass):
		return errs.Newf(errs.InvalidArgument, "the store has no such storage class").Because("InvalidStorageClass")
	}
	return nil
}

// ifMatch writes an If-Match for a write.
func (s *Store) ifMatch(etag string) *string {
	if s.quirks.BareIfMatch {
		return &etag
	}
	return quote(etag)
}

// class is the storage class that an answer names; AWS does not name the default one.
func (s *Store) class(answered types.StorageClass) string {
	if answered == "" && len(s.caps.StorageClasses) > 0 {
		return s.caps.StorageClasses[0]
	}
	return string(answered)
}

// expires sends the header as given; the SDK has it as a time only.
func expires(v string) func(*s3.Options) {
	return func(o *s3.Options) {
		if v != "" {
			o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue("Expires", v))
		}
	}
}

// metadata makes headers of metadata.
func (s *Store) metadata(m map[string]string) map[string]string {
	if !s.quirks.ExactNames {
		m = httpstore.EncodeNames(m)
	}
	return httpstore.EncodeMetadata(m)
}
