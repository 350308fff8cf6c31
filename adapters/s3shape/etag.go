package s3shape

import (
	"crypto/md5"
	"encoding/hex"
	"strings"
)

// ParseETag takes the quotes off.
func ParseETag(header string) string { return strings.Trim(header, `"`) }

// QuoteETag puts them on, for conditions.
func QuoteETag(etag string) string { return `"` + etag + `"` }

// MD5OfETag returns the MD5 that an ETag without quotes may be, nil when it has not the form of one. Whether it is one is another question: it
// is not where the store encrypted with a key of its own.
func MD5OfETag(etag string) []byte {
	sum, err := hex.DecodeString(etag)
	if err != nil || len(sum) != md5.Size {
		return nil
	}
	return sum
}
