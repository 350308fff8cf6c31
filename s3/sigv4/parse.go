package sigv4

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/errs"
)

// scope is a credential: <access key>/<date>/<region>/<service>/aws4_request. text is all but the access key.
type scope struct {
	accessKey, date, region, service, text string
}

type authorization struct {
	scope     scope
	signed    []string // lower case, sorted
	signature string
}

// parseHeader reads "AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...".
func parseHeader(header string) (authorization, error) {
	malformed := func(format string, args ...any) error {
		return refuse(errs.InvalidArgument, "AuthorizationHeaderMalformed", "The authorization header is malformed; "+format, args...)
	}
	var a authorization
	kind, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	if kind != algorithm {
		return a, refuse(errs.InvalidArgument, "InvalidArgument", "Unsupported Authorization Type")
	}
	for len(rest) > 0 {
		var field string
		field, rest, _ = strings.Cut(rest, ",")
		name, value, ok := strings.Cut(strings.TrimSpace(field), "=")
		if !ok || value == "" {
			return a, malformed("the header must have Credential, SignedHeaders and Signature.")
		}
		switch {
		case name == "Credential" && a.scope.text == "":
			if a.scope, ok = parseScope(value); !ok {
				return a, malformed("the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".")
			}
		case name == "SignedHeaders" && a.signed == nil:
			if a.signed, ok = splitSigned(value); !ok {
				return a, malformed("SignedHeaders must be a sorted list of lower case header names that has host.")
			}
		case name == "Signature" && a.signature == "":
			a.signature = value
		default:
			return a, malformed("unexpected or repeated component %q.", name)
		}
	}
	if a.scope.text == "" || a.signed == nil || a.signature == "" {
		return a, malformed("the header must have Credential, SignedHeaders and Signature.")
	}
	return a, nil
}

// parseScope cuts from the right: an access key may hold slashes.
func parseScope(s string) (scope, bool) {
	at := len(s)
	var cut [4]string
	for i := 3; i >= 0; i-- {
		slash := strings.LastIndexByte(s[:at], '/')
		if slash < 0 {
			return scope{}, false
		}
		cut[i] = s[slash+1 : at]
		at = slash
	}
	out := scope{s[:at], cut[0], cut[1], cut[2], s[at+1:]}
	if out.accessKey == "" || cut[3] != terminator || len(out.date) != 8 {
		return scope{}, false
	}
	for _, c := range []byte(out.date) {
		if c < '0' || c > '9' {
			return scope{}, false
		}
	}
	return out, true
}

func (s scope) check(region string) error {
	switch {
	case s.region != region:
		return fmt.Errorf("the region '%s' is wrong; expecting '%s'", s.region, region)
	case s.service != service:
		return fmt.Errorf("incorrect service %q. This endpoint belongs to \"s3\"", s.service)
	}
	return nil
}

// splitSigned reads a list of signed headers: lower case, in order, without repetition, host among them.
func splitSigned(list string) ([]string, bool) {
	names := strings.Split(list, ";")
	for i, n := range names {
		if n == "" || n != strings.ToLower(n) || i > 0 && n <= names[i-1] {
			return nil, false
		}
	}
	return names, slices.Contains(names, "host")
}

// mustSign demands that every x-amz-* header present is signed. Presigned requests may carry an x-amz-content-sha256 of their own,
// which then means nothing.
func mustSign(h http.Header, signed []string, presigned bool) error {
	for name := range h {
		if len(name) < 6 || !strings.EqualFold(name[:6], "x-amz-") {
			continue
		}
		lower := strings.ToLower(name)
		if presigned && lower == "x-amz-content-sha256" {
			continue
		}
		if !slices.Contains(signed, lower) {
			return refuse(errs.PermissionDenied, "AccessDenied", "There were headers present in the request which were not signed")
		}
	}
	return nil
}

// requestDate is the time of X-Amz-Date, or of Date when there is none. A time before 1970 is none.
func requestDate(h http.Header) (time.Time, error) {
	sent := h["X-Amz-Date"]
	if len(sent) == 0 {
		sent = h["Date"]
	}
	for _, layout := range [...]string{iso8601, http.TimeFormat, time.RFC1123Z} {
		if len(sent) == 0 {
			break
		}
		if t, err := time.Parse(layout, sent[0]); err == nil && t.Unix() >= 0 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, refuse(errs.PermissionDenied, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
}

func seconds(s string) (time.Duration, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	return time.Duration(n) * time.Second, err
}
