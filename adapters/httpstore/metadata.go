package httpstore

import (
	"encoding/base64"
	"mime"
	"strings"
)

// Most stores keep user metadata in headers. A value that is not plain visible ASCII travels as an RFC 2047 encoded word, as AWS itself returns
// values that it got as UTF-8; so does a value that would be taken for one.

// EncodeMetadata makes header values of metadata; names stay as they are. No metadata is nil.
func EncodeMetadata(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[k] = EncodeValue(v)
	}
	return out
}

// DecodeMetadata is the reverse, with names in lower case; what is no encoded word stays as it is.
func DecodeMetadata(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[strings.ToLower(k)] = DecodeValue(v)
	}
	return out
}

// EncodeValue makes one header value.
func EncodeValue(v string) string {
	if plain(v) {
		return v
	}
	return "=?UTF-8?B?" + base64.StdEncoding.EncodeToString([]byte(v)) + "?="
}

// DecodeValue is the reverse of EncodeValue.
func DecodeValue(v string) string {
	if strings.HasPrefix(v, "=?") && strings.HasSuffix(v, "?=") {
		if text, err := new(mime.WordDecoder).DecodeHeader(v); err == nil {
			return text
		}
	}
	return v
}

// plain says whether a header carries v unchanged: empty values, outer blanks and runs of blanks get lost in some store or proxy.
func plain(v string) bool {
	if v == "" || v[0] == ' ' || v[len(v)-1] == ' ' || strings.Contains(v, "=?") || strings.Contains(v, "  ") {
		return false
	}
	for i := range len(v) {
		if v[i] < ' ' || v[i] > '~' {
			return false
		}
	}
	return true
}
