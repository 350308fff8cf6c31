// Package overwrite decides whether an object is copied over what is at its destination. The scheduler asks while it walks, datamovers ask again
// when the destination changed meanwhile. Any service may import it.
package overwrite

import (
	"strings"
	"time"
)

// Rule is options.overwrite of a plan.
type Rule string

// The rules; their texts are those of REST.
const (
	Never       Rule = "never"
	IfDifferent Rule = "ifDifferent"
	IfNewer     Rule = "ifNewer"
	Always      Rule = "always"
)

// Version is what is known of an object without reading it.
type Version struct {
	Size     int64
	Modified time.Time
	CRC64    *uint64 // CRC-64/NVME of the whole object, nil when unknown
	ETag     string  // S3's or the store's own
}

// Same reports whether two objects seem to have the same bytes, and whether checksums say so. Where there are none to compare,
// objects of one size are the same if the destination was written after the source's last change: for certain, as stores tell times in whole seconds or
// milliseconds, so that a source may have changed once more after it was copied.
func Same(src, dst Version) (same, proven bool) {
	switch {
	case src.Size != dst.Size:
		return false, false
	case src.CRC64 != nil && dst.CRC64 != nil:
		return *src.CRC64 == *dst.CRC64, true
	case isMD5(src.ETag) && isMD5(dst.ETag):
		return strings.EqualFold(src.ETag, dst.ETag), true
	}
	return !dst.Modified.Before(latest(src.Modified)), false
}

// latest is the latest time that a store shows as t. Times that happen to be whole make a copy too many, once.
func latest(t time.Time) time.Time {
	switch ns := t.Nanosecond(); {
	case ns == 0:
		return t.Add(time.Second)
	case ns%int(time.Millisecond) == 0:
		return t.Add(time.Millisecond)
	}
	return t
}

// isMD5 tells the ETag of an object put at once (RFC 1321 in hex) from that of a multipart one and from other stores' own.
func isMD5(etag string) bool {
	if len(etag) != 32 {
		return false
	}
	return strings.Trim(etag, "0123456789abcdefABCDEF") == ""
}

// Decide reports whether src is copied over dst, which exists; if not, why.
func Decide(r Rule, src, dst Version) (copy bool, reason string) {
	switch r {
	case Always:
		return true, ""
	case Never:
		return false, "exists"
	case IfNewer:
		if src.Modified.After(dst.Modified) {
			return true, ""
		}
		return false, "not newer"
	}
	if same, _ := Same(src, dst); same {
		return false, "same"
	}
	return true, ""
}
