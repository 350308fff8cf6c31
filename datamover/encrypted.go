package datamover

import (
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/catalogpb"
)

// Objects that the gateway encrypted move as they lie in their stores, with what the head says of their encryption: no datamover has the keys. Size and checksum of the
// blob are those of the ciphertext; what S3 shows of the object stays.

// blobSize is the number of bytes that an object has in its store.
func blobSize(head *catalogpb.Object) int64 { return max(head.GetSize(), head.GetCipherSize()) }

// encrypted says whether the gateway encrypted an object.
func encrypted(head *catalogpb.Object) bool { return len(head.GetEncryption()) > 0 }

// errSealed refuses an encrypted object where there is no head to keep its encryption.
func errSealed() error {
	return errs.Newf(errs.Unimplemented, "the object is encrypted by the gateway, and outside of a bucket nothing could decrypt it: copy it to a bucket, or read it through S3")
}
