package s3dialect

import (
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/opensds/gelato/adapters/s3shape"
)

// formatCRC writes a CRC-64/NVME as S3 does: base64 of 8 bytes, big endian.
func formatCRC(v uint64) *string {
	text := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, v))
	return &text
}

// parseCRC reads the CRC-64/NVME of a whole object or part; nil when there is none, or only one over the checksums of parts.
func parseCRC(text *string, t types.ChecksumType) *uint64 {
	if text == nil || t == types.ChecksumTypeComposite {
		return nil
	}
	raw, err := base64.StdEncoding.DecodeString(*text)
	if err != nil || len(raw) != 8 {
		return nil
	}
	v := binary.BigEndian.Uint64(raw)
	return &v
}

// parseETag takes the quotes off.
func parseETag(etag *string) string {
	if etag == nil {
		return ""
	}
	return strings.Trim(*etag, `"`)
}

func quote(etag string) *string {
	etag = `"` + etag + `"`
	return &etag
}

// etagMD5 returns the MD5 that an ETag may be, or nil: it has the form of one, and the store did not encrypt with a key of its
// own, when the ETag is something else (API reference, "Object", on ETag).
func etagMD5(etag string, sse types.ServerSideEncryption, sseCustomer *string) []byte {
	if sse == types.ServerSideEncryptionAwsKms || sse == types.ServerSideEncryptionAwsKmsDsse || sseCustomer != nil {
		return nil
	}
	return s3shape.MD5OfETag(etag)
}

// set returns nil for "", so that no header is sent.
func set(v string) *string {
	if v == "" {
		return nil
	}
	return &v
}

func deref(v *string) string {
	if v == nil {
		return ""
	}
	return *v
}
