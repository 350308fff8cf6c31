package awss3

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// Kinds of uploads in habits.answersCRC.
const (
	kindPart = iota
	kindPut
)

// Proofs that this adapter gives.
const (
	proofCheckedCRC = "store-checked-crc64nvme" // sent along, and the store answered that it has it
	proofStoreCRC   = "store-crc64nvme"         // the store computed it by itself, compared here
	proofMD5        = "store-md5-etag"          // the store's ETag is the MD5 computed here
)

// Put implements adapters.Store. A body of unknown size that does not fit one part buffer becomes a multipart upload, one part in memory at a time.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, size int64, o adapters.PutOptions) (adapters.Info, error) {
	name, err := s.native(key)
	if err != nil {
		return adapters.Info{}, err
	}
	if err := s.writable(); err != nil {
		return adapters.Info{}, err
	}
	if size > maxPutSize {
		return adapters.Info{}, errs.Newf(errs.InvalidArgument, "an object of %d bytes needs a multipart upload", size).Because("EntityTooLarge")
	}
	if err := s.judge(ctx, key, o); err != nil {
		return adapters.Info{}, err
	}
	if size < 0 {
		return s.putUnknown(ctx, key, name, r, o)
	}
	return s.put(ctx, key, name, r, size, o)
}

func (s *Store) put(ctx context.Context, key string, name *string, r io.Reader, size int64, o adapters.PutOptions) (adapters.Info, error) {
	known := o.CRC64 != nil
	b := newBody(r, size, o.CRC64, s.wantMD5(kindPut, known))
	in := &s3.PutObjectInput{
		Bucket: &s.bucket, Key: name, ContentLength: &size,
		ContentType: set(o.Headers.ContentType), ContentEncoding: set(o.Headers.ContentEncoding), ContentLanguage: set(o.Headers.ContentLanguage),
		ContentDisposition: set(o.Headers.ContentDisposition), CacheControl: set(o.Headers.CacheControl),
		Metadata: encodeMetadata(o.Metadata), StorageClass: types.StorageClass(o.StorageClass),
	}
	if size > 0 {
		in.Body = b
	} else if err := b.empty(); err != nil {
		return adapters.Info{}, fmt.Errorf("put object: %w", err)
	}
	if known {
		in.ChecksumCRC64NVME = formatCRC(*o.CRC64)
	}
	if o.IfNoneMatch {
		in.IfNoneMatch = set("*")
	}
	if o.IfMatch != "" {
		in.IfMatch = quote(o.IfMatch)
	}
	out, err := s.client.PutObject(ctx, in, unsigned, expires(o.Headers.Expires))
	if failed := b.detach(); failed != nil {
		return adapters.Info{}, fmt.Errorf("put object: read body: %w", failed)
	}
	if err != nil {
		err = fail(ctx, "put object", err)
		if o.IfMatch != "" && errs.Is(err, errs.NotFound) { // nothing there is no match either
			return adapters.Info{}, errs.New(errs.FailedPrecondition, "there is no object with that ETag", err).Because("PreconditionFailed")
		}
		return adapters.Info{}, condition(err, o.IfNoneMatch)
	}
	info := adapters.Info{Key: key, Size: size, ETag: parseETag(out.ETag), StorageClass: o.StorageClass, Headers: o.Headers, Metadata: o.Metadata}
	info.CRC64 = parseCRC(out.ChecksumCRC64NVME, out.ChecksumType)
	info.MD5 = etagMD5(info.ETag, out.ServerSideEncryption, out.SSECustomerAlgorithm)
	info.Verified, info.Proof, err = s.prove(kindPut, known, b, info.CRC64, info.MD5)
	if err != nil {
		s.retract(ctx, name, info.ETag)
		return adapters.Info{}, fmt.Errorf("put object: %w", err)
	}
	if info.Proof != proofMD5 && !s.habits.md5ETag.Load() {
		info.MD5 = nil // it only looks like one
	}
	return info, nil
}

// wantMD5 says whether MD5 is needed for proof, judging by the store's latest answer of the kind.
func (s *Store) wantMD5(kind int, crcKnown bool) bool {
	return !s.habits.answersCRC[kind][index(crcKnown)].Load()
}

// prove compares what the store answered with what was sent, and remembers what it answers. DataLoss when they differ.
func (s *Store) prove(kind int, crcSent bool, b *body, crc *uint64, md5ETag []byte) (verified bool, proof string, err error) {
	s.habits.answersCRC[kind][index(crcSent)].Store(crc != nil)
	switch {
	case crc != nil && *crc != b.crc.Sum64():
		return false, "", errs.Newf(errs.DataLoss, "the store holds bytes with another CRC-64/NVME than those sent")
	case crc != nil && crcSent:
		return true, proofCheckedCRC, nil
	case crc != nil:
		return true, proofStoreCRC, nil
	case b.md5 == nil || md5ETag == nil:
		return false, "", nil
	case bytes.Equal(b.md5.Sum(nil), md5ETag):
		s.habits.md5ETag.Store(true)
		return true, proofMD5, nil
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
	ctx, cancel := cleanup(ctx)
	defer cancel()
	_ = s.delete(ctx, name, etag) // what is left over is reported as DataLoss all the same
}

// judge refuses early what a condition forbids, for stores that may ignore the headers. Where they are atomic nothing is asked.
func (s *Store) judge(ctx context.Context, key string, o adapters.PutOptions) error {
	if o.IfNoneMatch && o.IfMatch != "" {
		return errs.Newf(errs.InvalidArgument, "IfMatch and IfNoneMatch exclude one another")
	}
	if s.caps.ConditionalPut || (!o.IfNoneMatch && o.IfMatch == "") {
		return nil
	}
	info, err := s.Head(ctx, key)
	absent := errs.Is(err, errs.NotFound)
	switch {
	case err != nil && !absent:
		return err
	case o.IfNoneMatch && !absent:
		return errs.Newf(errs.AlreadyExists, "an object is there already").Because("PreconditionFailed")
	case o.IfMatch != "" && (absent || info.ETag != o.IfMatch):
		return errs.Newf(errs.FailedPrecondition, "the object has another ETag").Because("PreconditionFailed")
	}
	return nil
}

// expires sends the header as given; the SDK has it as a time only.
func expires(v string) func(*s3.Options) {
	return func(o *s3.Options) {
		if v != "" {
			o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue("Expires", v))
		}
	}
}

// Delete implements adapters.Store.
func (s *Store) Delete(ctx context.Context, key, ifMatch string) error {
	name, err := s.native(key)
	if err != nil {
		return err
	}
	if err := s.writable(); err != nil {
		return err
	}
	if ifMatch != "" && !s.caps.ConditionalDelete {
		info, err := s.Head(ctx, key)
		switch {
		case errs.Is(err, errs.NotFound):
			return nil
		case err != nil:
			return fmt.Errorf("delete object: %w", err)
		case info.ETag != ifMatch:
			return errs.Newf(errs.FailedPrecondition, "the object has another ETag").Because("PreconditionFailed")
		}
	}
	return s.delete(ctx, name, ifMatch)
}

// delete sends the condition along wherever the store does not refuse it.
func (s *Store) delete(ctx context.Context, name *string, ifMatch string) error {
	in := &s3.DeleteObjectInput{Bucket: &s.bucket, Key: name}
	if ifMatch != "" && !s.habits.noDeleteCondition.Load() {
		in.IfMatch = quote(ifMatch)
	}
	_, err := s.client.DeleteObject(ctx, in)
	if err == nil {
		return nil
	}
	err = fail(ctx, "delete object", err)
	switch {
	case errs.Is(err, errs.NotFound):
		return nil
	case in.IfMatch != nil && errs.Is(err, errs.Unimplemented) && !s.caps.ConditionalDelete:
		s.habits.noDeleteCondition.Store(true)
		return s.delete(ctx, name, ifMatch)
	case isPrecondition(err):
		if _, headErr := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: name}); headErr != nil && isStatus(headErr, http.StatusNotFound) {
			return nil // absent: AWS may call that a failed condition
		}
		return condition(err, false)
	}
	return err
}

func isStatus(err error, status int) bool {
	re, ok := errors.AsType[*smithyhttp.ResponseError](err)
	return ok && re.HTTPStatusCode() == status
}
