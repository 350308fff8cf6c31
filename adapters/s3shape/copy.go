package s3shape

import (
	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// CheckSource checks what Head says of the source of a Copy: its ETag, when ifMatch names one, its size, and its CRC-64/NVME, when both are known.
func CheckSource(src adapters.Info, ifMatch string, maxSize int64, crc64 *uint64) error {
	switch {
	case ifMatch != "" && src.ETag != ifMatch:
		return errs.Newf(errs.FailedPrecondition, "the source has another ETag").Because("PreconditionFailed")
	case src.Size > maxSize:
		return errs.Newf(errs.InvalidArgument, "a source of %d bytes is more than %d", src.Size, maxSize).Because("EntityTooLarge")
	case src.CRC64 != nil && crc64 != nil && *src.CRC64 != *crc64:
		return errs.Newf(errs.DataLoss, "the source does not have the CRC-64/NVME that was announced")
	}
	return nil
}
