package s3

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/opensds/gelato/s3/catalog"
)

// readConditions judges the conditions of a GET or HEAD by RFC 9110, section 13.2.2. NotModified or PreconditionFailed when they do not hold.
func readConditions(h http.Header, o catalog.Object) error {
	failed, unmodified := conditions(h, "", o)
	switch {
	case failed:
		return fail("PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	case unmodified:
		return fail("NotModified", "Not Modified")
	}
	return nil
}

// copyConditions judges the conditions on the source of a copy, all of which fail with PreconditionFailed.
func copyConditions(h http.Header, o catalog.Object) error {
	if failed, unmodified := conditions(h, "X-Amz-Copy-Source-", o); failed || unmodified {
		return fail("PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	}
	return nil
}

func conditions(h http.Header, prefix string, o catalog.Object) (failed, unmodified bool) {
	modified := o.Modified.Truncate(time.Second) // headers have no finer time
	if v := h.Get(prefix + "If-Match"); v != "" {
		if !matchesETag(v, o.ETag) {
			return true, false
		}
	} else if t, err := http.ParseTime(h.Get(prefix + "If-Unmodified-Since")); err == nil && modified.After(t) {
		return true, false
	}
	if v := h.Get(prefix + "If-None-Match"); v != "" {
		return false, matchesETag(v, o.ETag)
	}
	t, err := http.ParseTime(h.Get(prefix + "If-Modified-Since"))
	return false, err == nil && !modified.After(t)
}

// unchanged judges If-Range, whose value is an ETag or a date.
func unchanged(ifRange string, o catalog.Object) bool {
	if t, err := http.ParseTime(ifRange); err == nil {
		return o.Modified.Truncate(time.Second).Equal(t)
	}
	return bareETag(ifRange) == o.ETag
}

// matchesETag reports whether a list of entity tags has the ETag; quotes may be missing.
func matchesETag(list, etag string) bool {
	for tag := range strings.SplitSeq(list, ",") {
		if tag = bareETag(tag); tag == etag || tag == "*" {
			return true
		}
	}
	return false
}

func bareETag(tag string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimSpace(tag), "W/"), `"`)
}

// writeCondition reads the conditions of a PUT, a CompleteMultipartUpload or a copy's destination. AWS documents If-None-Match: * and If-Match with an ETag; the
// other way round both mean what RFC 9110 says.
func writeCondition(h http.Header) (catalog.Condition, error) {
	var c catalog.Condition
	switch v := bareETag(h.Get("If-None-Match")); {
	case strings.Contains(v, ","):
		return c, notImplemented("If-None-Match with several ETags on a write")
	case v == "*":
		c.IfAbsent = true
	default:
		c.IfNotETag = v
	}
	c.IfETag = bareETag(h.Get("If-Match"))
	if strings.Contains(c.IfETag, ",") {
		return c, notImplemented("If-Match with several ETags on a write")
	}
	if c.IfETag != "" && (c.IfAbsent || c.IfNotETag != "") {
		return c, notImplemented("If-Match together with If-None-Match")
	}
	if h.Get("If-Modified-Since") != "" || h.Get("If-Unmodified-Since") != "" {
		return c, notImplemented("conditions by time on a write")
	}
	return c, nil
}

// byteRange is a run of bytes of an object.
type byteRange struct{ offset, length int64 }

// parseRange reads a Range header for an object of size bytes. ok is false when the header is absent or of a form that S3 answers with the
// whole object: several ranges, another unit, nonsense. InvalidRange when no byte of the object is asked for.
func parseRange(header string, size int64) (r byteRange, ok bool, err error) {
	spec, found := strings.CutPrefix(header, "bytes=")
	if !found {
		return r, false, nil
	}
	first, last, found := strings.Cut(strings.TrimSpace(spec), "-")
	if !found || strings.Contains(spec, ",") {
		return r, false, nil
	}
	unsatisfiable := fail("InvalidRange", "The requested range is not satisfiable")
	if first == "" { // the last n bytes
		n, valid := digits(last)
		if !valid {
			return r, false, nil
		}
		if n == 0 || size == 0 {
			return r, false, unsatisfiable
		}
		n = min(n, size)
		return byteRange{size - n, n}, true, nil
	}
	from, valid := digits(first)
	if !valid {
		return r, false, nil
	}
	to := size - 1
	if last != "" {
		if to, valid = digits(last); !valid || to < from {
			return r, false, nil
		}
	}
	if from >= size {
		return r, false, unsatisfiable
	}
	to = min(to, size-1)
	return byteRange{from, to - from + 1}, true, nil
}

// digits reads a whole number without a sign; one that is too large counts as the largest.
func digits(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, _ := strconv.ParseInt(s, 10, 64) // the only possible error is the range, and then n is the largest number
	return n, true
}
