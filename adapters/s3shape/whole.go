package s3shape

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/errs"
)

// MaxParts is how many parts an upload may have (Amazon S3 User Guide, "Amazon S3 multipart upload limits"; OBS has the same).
const MaxParts = 10000

// Proofs of what a store holds.
const (
	ProofCheckedCRC = "store-checked-crc64nvme" // sent along, and the store answered that it has it
	ProofStoreCRC   = "store-crc64nvme"         // the store computed it by itself, compared by the adapter
	ProofMD5        = "store-md5-etag"          // the store's ETag is the MD5 that the adapter computed
)

// Whole is what an object made of parts must look like.
type Whole struct {
	Size     int64
	CRC64    uint64
	ETag     string // as S3 forms it, "" when the parts' ETags are no MD5s
	Verified bool   // all parts are
}

// WholeOf is InvalidArgument unless the parts are 1 to 10,000 and in ascending order of N, and DataLoss unless they have the CRC-64/NVME that was announced,
// where one was.
func WholeOf(parts []adapters.Part, announced *uint64) (Whole, error) {
	w := Whole{Verified: true}
	if err := adapters.CheckParts(parts, MaxParts); err != nil {
		return w, err
	}
	sums, md5s := md5.New(), true
	for _, p := range parts {
		w.CRC64 = checksum.CombineCRC64(w.CRC64, p.CRC64, p.Size)
		w.Size += p.Size
		w.Verified = w.Verified && p.Verified
		sum, err := hex.DecodeString(p.ETag)
		md5s = md5s && err == nil && len(sum) == md5.Size && (p.MD5 == nil || bytes.Equal(p.MD5, sum))
		sums.Write(sum)
	}
	if announced != nil && *announced != w.CRC64 {
		return w, errs.Newf(errs.DataLoss, "the parts do not have the CRC-64/NVME that was announced")
	}
	if md5s {
		w.ETag = hex.EncodeToString(sums.Sum(nil)) + "-" + strconv.Itoa(len(parts))
	}
	return w, nil
}

// Completed checks that the object that Head describes (info, err) is the one made of the parts, and adds how it is proven. refused is what the
// store said when it would not complete, nil when it did; it is the answer when the object is another one, or none.
func (w Whole) Completed(info adapters.Info, err, refused error) (adapters.Info, error) {
	switch {
	case errs.Is(err, errs.NotFound) && refused != nil:
		return adapters.Info{}, fmt.Errorf("complete upload: %w", refused)
	case errs.Is(err, errs.NotFound):
		// Deleted since, or another call is still at completing it.
		return adapters.Info{}, errs.New(errs.Unavailable, "the completed object is not there yet", err)
	case err != nil:
		return adapters.Info{}, fmt.Errorf("complete upload: %w", err)
	}
	sameETag := w.ETag != "" && info.ETag == w.ETag
	sameCRC := info.CRC64 != nil && *info.CRC64 == w.CRC64
	switch {
	case info.Size == w.Size && sameCRC:
		info.Verified, info.Proof = true, ProofCheckedCRC
	case info.Size == w.Size && sameETag && info.CRC64 == nil:
		info.Verified, info.Proof = w.Verified, ProofMD5
	case refused != nil:
		return adapters.Info{}, fmt.Errorf("complete upload: %w", refused)
	case info.CRC64 != nil && sameETag:
		return adapters.Info{}, errs.Newf(errs.DataLoss, "the store holds bytes with another CRC-64/NVME than the parts")
	case info.Size != w.Size || info.CRC64 != nil:
		return adapters.Info{}, errs.Newf(errs.FailedPrecondition, "the object was replaced as soon as it was complete")
	}
	if !info.Verified {
		info.Proof = ""
	}
	return info, nil
}

// Refused sorts the error of a completion. An upload that is gone, or an answer that makes no sense, is returned as refused and no error: the object may be
// complete all the same, which Whole.Completed finds out. isOpen asks whether the store still knows the upload.
func Refused(err error, ifNoneMatch bool, isOpen func() (bool, error)) (refused, failed error) {
	if err == nil {
		return nil, nil
	}
	err = httpstore.Condition(err, ifNoneMatch)
	switch {
	case errs.ReasonOf(err) == "NoSuchUpload", errs.ReasonOf(err) == "MalformedAnswer": // Ceph cuts its answer for long keys
		return err, nil
	case httpstore.IsPrecondition(err), errs.ReasonOf(err) == "InternalError":
		// A store may judge the condition before it finds that the upload is complete, and Ceph calls one that is gone an internal error.
		if open, openErr := isOpen(); openErr != nil || open {
			return nil, cmp.Or(openErr, err)
		}
		if httpstore.IsPrecondition(err) {
			return err, nil
		}
		return errs.New(errs.NotFound, "there is no such upload", err).Because("NoSuchUpload"), nil
	}
	return nil, err
}
