package azureblob

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/internal/errs"
)

// Proofs that this adapter gives.
const (
	proofCheckedCRC = "store-checked-crc64nvme" // sent along to a store that refuses wrong ones
	proofStoreCRC   = "store-crc64nvme"         // the store computed it by itself, compared here
	proofMD5        = "store-md5"               // the store computed it by itself, compared here
)

// Kinds of bodies in habits.answers.
const (
	kindPut = iota
	kindPart
)

// Values of habits.answers; 0 is not known.
const (
	answerCRC = 1 + iota
	answerMD5
	answerNone
)

// Put implements adapters.Store.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, size int64, o adapters.PutOptions) (adapters.Info, error) {
	name, storable, err := s.native(key)
	if err != nil {
		return adapters.Info{}, err
	}
	if storable != nil {
		return adapters.Info{}, storable
	}
	if size > maxPutSize {
		return adapters.Info{}, errs.Newf(errs.InvalidArgument, "an object of %d bytes needs a multipart upload", size).Because("EntityTooLarge")
	}
	conditions, err := writeConditions(o)
	if err != nil {
		return adapters.Info{}, err
	}
	if o.StorageClass, err = s.tierOf(o.StorageClass); err != nil {
		return adapters.Info{}, err
	}
	headers, meta, err := describe(o, nil)
	if err != nil {
		return adapters.Info{}, err
	}
	if size < 0 {
		info, err := s.spool.Put(ctx, key, r, o)
		if errs.ReasonOf(err) == reasonDisturbed { // two such bodies at once: the other one was whole first
			return adapters.Info{}, errs.New(errs.Unavailable, "another write of the key came between", err)
		}
		return info, err
	}
	b := s.body(ctx, kindPut, r, size, o.Sums())
	if size == 0 {
		if err := b.Empty(); err != nil {
			return adapters.Info{}, fmt.Errorf("put object: read body: %w", err)
		}
	}
	check, checked := s.validation(ctx, size, o.CRC64)
	out, err := s.client.NewBlockBlobClient(name).Upload(ctx, b, &blockblob.UploadOptions{
		HTTPHeaders: headers, Metadata: meta, Tier: tier(o.StorageClass), AccessConditions: conditions, TransactionalValidation: check,
	})
	if failed := b.Detach(); failed != nil {
		return adapters.Info{}, fmt.Errorf("put object: read body: %w", failed)
	}
	if err != nil {
		return adapters.Info{}, httpstore.Condition(s.fail(ctx, "put object", err), o.IfNoneMatch)
	}
	info := adapters.Info{
		Key: key, Size: size, ETag: etag(out.ETag), ModTime: utc(out.LastModified),
		StorageClass: o.StorageClass, Headers: o.Headers, Metadata: o.Metadata,
	}
	info.Verified, info.Proof, err = s.prove(kindPut, b, checked, out.ContentCRC64, out.ContentMD5)
	if err != nil {
		s.retract(ctx, key, info.ETag)
		return adapters.Info{}, fmt.Errorf("put object: %w", err)
	}
	switch info.Proof {
	case proofCheckedCRC, proofStoreCRC:
		crc := b.CRC64()
		info.CRC64 = &crc
	case proofMD5:
		info.MD5 = b.MD5()
	}
	return info, nil
}

// maxMD5 is the largest body whose MD5 is computed here, in bytes. Azure answers with CRC64, which costs next to nothing; only Azurite has MD5 alone, and for
// a large body that takes more of the processor than all else that is done here. Those whose MD5 the caller has not got either stay unproven: jobs read them back.
const maxMD5 = 256 << 10

// body prepares the body of a request. MD5 is computed, or asked of the caller, only while it is what the store answers with.
func (s *Store) body(ctx context.Context, kind int, r io.Reader, size int64, sums adapters.Sums) *stream {
	answer := s.habits.answers[kind].Load()
	return &stream{Body: httpstore.NewBody(ctx, r, size, sums, (size <= maxMD5 || sums.MD5 != nil) && (answer == 0 || answer == answerMD5))}
}

// prove compares what the store answered with what was sent. Unavailable when it cannot have had all of it, DataLoss when it had something else.
func (s *Store) prove(kind int, b *stream, checked bool, crc64, md5 []byte) (verified bool, proof string, err error) {
	if b.Size() > 0 {
		if err := b.Taken(); err != nil {
			return false, "", err
		}
	}
	answer := int32(answerNone)
	switch {
	case len(crc64) == 8:
		answer = answerCRC
	case len(md5) > 0:
		answer = answerMD5
	}
	s.habits.answers[kind].Store(answer)
	switch {
	case len(crc64) == 8 && binary.LittleEndian.Uint64(crc64) != b.CRC64():
		return false, "", errs.Newf(errs.DataLoss, "the store holds bytes with another CRC-64/NVME than those sent")
	case checked:
		return true, proofCheckedCRC, nil
	case len(crc64) == 8:
		return true, proofStoreCRC, nil
	case len(md5) == 0 || b.MD5() == nil:
		return false, "", nil
	case !bytes.Equal(md5, b.MD5()):
		return false, "", errs.Newf(errs.DataLoss, "the store holds bytes with another MD5 than those sent")
	}
	return true, proofMD5, nil
}

// retract takes back an object that the store accepted with wrong bytes, unless it is another one by now.
func (s *Store) retract(ctx context.Context, key, etag string) {
	ctx, cancel := httpstore.Cleanup(ctx)
	defer cancel()
	_ = s.Delete(ctx, key, etag) // what is left over is reported as an error all the same
}

// writeConditions makes Azure's conditions of o, nil for none.
func writeConditions(o adapters.PutOptions) (*blob.AccessConditions, error) {
	switch {
	case o.IfNoneMatch && o.IfMatch != "":
		return nil, errs.Newf(errs.InvalidArgument, "IfMatch and IfNoneMatch exclude one another")
	case o.IfNoneMatch:
		absent := azcore.ETagAny
		return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: &absent}}, nil
	}
	return matching(o.IfMatch), nil
}

// matching is the condition that a blob has an ETag, nil for "".
func matching(ifMatch string) *blob.AccessConditions {
	if ifMatch == "" {
		return nil
	}
	quoted := azcore.ETag(`"` + ifMatch + `"`)
	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &quoted}}
}

// tierOf returns Azure's name of a storage class, "" for the account's default.
func (s *Store) tierOf(class string) (string, error) {
	if name, ok := s.caps.S3Classes[class]; ok {
		return name, nil
	}
	if class != "" && !slices.Contains(s.caps.StorageClasses, class) {
		return "", errs.Newf(errs.InvalidArgument, "there is no storage class %q; there are %q", class, s.caps.StorageClasses).Because("InvalidStorageClass")
	}
	return class, nil
}

func tier(class string) *blob.AccessTier {
	if class == "" {
		return nil // the account's default
	}
	t := blob.AccessTier(class)
	return &t
}
