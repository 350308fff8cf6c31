package httpstore

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"mime"
	"strings"
)

// Most stores keep user metadata in headers. A value that is not plain visible ASCII travels as an RFC 2047 encoded word, as AWS itself returns
// values that it got as UTF-8; so does a value that would be taken for one.

// EncodeMetadata makes header values of metadata; names stay as they are (see EncodeNames). No metadata is nil.
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

// DecodeMetadata is the reverse, and that of EncodeNames, with names in lower case; what is not encoded stays as it is.
func DecodeMetadata(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[decodeName(strings.ToLower(k))] = DecodeValue(v)
	}
	return out
}

// encodedName is how the name of an entry begins that is not to be sent as it is.
const encodedName = "gelato-n-"

// EncodeNames makes names of letters, digits, hyphens and dots of all others, for stores of which it is not known that they keep what headers may have: Ceph's
// gateway takes an underscore for a hyphen (and so misses a signature of version 2), nginx drops such headers. It may return m itself.
func EncodeNames(m map[string]string) map[string]string {
	plain := true
	for name := range m {
		plain = plain && plainName(name)
	}
	if plain {
		return m
	}
	out := make(map[string]string, len(m))
	for name, v := range m {
		if !plainName(name) {
			name = encodeName(name)
		}
		out[name] = v
	}
	return out
}

func plainName(name string) bool {
	for i := range len(name) {
		if !plainInName(name[i]) && name[i] != '.' {
			return false
		}
	}
	return !strings.HasPrefix(name, encodedName)
}

func plainInName(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' }

// encodeName writes a dot and two hexadecimal digits for each byte that is not plain, a dot among them.
func encodeName(name string) string {
	var b strings.Builder
	b.WriteString(encodedName)
	for i := range len(name) {
		if c := name[i]; plainInName(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, ".%02x", c)
		}
	}
	return b.String()
}

// decodeName is the reverse; a name that encodeName does not make stays as it is.
func decodeName(name string) string {
	rest, ok := strings.CutPrefix(name, encodedName)
	if !ok {
		return name
	}
	var b strings.Builder
	for rest != "" {
		plain, escape, more := strings.Cut(rest, ".")
		b.WriteString(plain)
		if rest = ""; more {
			c, err := hex.DecodeString(escape[:min(2, len(escape))])
			if err != nil || len(c) != 1 {
				return name
			}
			b.WriteByte(c[0])
			rest = escape[2:]
		}
	}
	if encodeName(b.String()) != name {
		return name
	}
	return b.String()
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
