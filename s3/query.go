package s3

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

const maxKeyBytes = 1024

// parseQuery decodes a query. Unlike url.ParseQuery it takes a semicolon for itself and refuses what is malformed.
func parseQuery(raw string) (url.Values, error) {
	if raw == "" {
		return nil, nil
	}
	values := url.Values{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		n, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil || !utf8.ValidString(n) || !utf8.ValidString(value) {
			return nil, fail("InvalidURI", "Couldn't parse the specified URI.")
		}
		values[n] = append(values[n], value)
	}
	return values, nil
}

// hoisted moves parameters of a presigned query that stand for headers into the headers, where they were signed and not sent. Checksums
// of the body are not among them: S3 ignores them there (aws-sdk-go-v2 issue 2610), and the SDK for JavaScript, which does not know
// the body, writes the checksum of none into every URL that it presigns. It refuses what could not have come in a header: in the text that
// Version 2 signs, a line break would make one header of several.
func hoisted(r *request) error {
	for name, values := range r.query {
		if len(name) < 7 || !strings.EqualFold(name[:6], "x-amz-") {
			continue
		}
		if err := checkHeader(name, values...); err != nil {
			return err
		}
		switch what := strings.ToLower(name[6:]); what {
		case "checksum-algorithm", "checksum-type", "checksum-mode":
		case "algorithm", "credential", "signature", "date", "signedheaders", "expires", "security-token", "content-sha256", "sdk-checksum-algorithm":
			continue
		default:
			if strings.HasPrefix(what, "checksum-") { // of a body that was not there when the request was signed
				continue
			}
		}
		if r.Header.Get(name) == "" && len(values) > 0 {
			r.Header.Set(name, values[0])
		}
	}
	return nil
}

// checkHeader refuses names and values that HTTP has no header for (RFC 9110, 5.5 and 5.6.2).
func checkHeader(name string, values ...string) error {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) >= 0 {
			return fail("InvalidArgument", "The name of a header has a character that headers cannot have")
		}
	}
	for _, v := range values {
		for i := range len(v) {
			if c := v[i]; c < ' ' && c != '\t' || c == 0x7f {
				return fail("InvalidArgument", "The value of %s has a character that headers cannot have", name)
			}
		}
	}
	return nil
}

// sessionToken refuses temporary credentials, which this build does not issue.
func sessionToken(r *request) error {
	if r.Header.Get("X-Amz-Security-Token") != "" || r.query.Get("X-Amz-Security-Token") != "" || r.query.Get("x-amz-security-token") != "" {
		return invalidToken()
	}
	return nil
}

func invalidToken() error {
	return fail("InvalidToken", "The provided token is malformed or otherwise invalid.")
}

func checkKey(key string) error {
	if len(key) > maxKeyBytes {
		return fail("KeyTooLongError", "Your key is too long")
	}
	if !utf8.ValidString(key) || strings.IndexByte(key, 0) >= 0 {
		return fail("InvalidURI", "Couldn't parse the specified URI: a key is UTF-8 without NUL.")
	}
	return nil
}

// intParam reads a whole number of a query, def when it is absent, and cuts it to most.
func intParam(q url.Values, name string, def, most int) (int, error) {
	return number(q.Get(name), name, def, most)
}

// intHeader is intParam of a header, whose name is canonical.
func intHeader(h http.Header, name string, def, most int) (int, error) {
	return number(h.Get(name), strings.ToLower(name), def, most)
}

func number(text, name string, def, most int) (int, error) {
	if text == "" {
		return def, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, fail("InvalidArgument", "Provided %s not an integer or within integer range", name)
	}
	return min(int(n), most), nil
}
