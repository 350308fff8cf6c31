package sigv4

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// matches computes the signature of the request and compares. Clients sign the path as they sent it; AWS itself
// encodes the decoded path anew, so a client may also have signed that while it sent a looser form.
func (v *Verifier) matches(key [sha256.Size]byte, r *http.Request, query url.Values, signed []string, payload, stamp, scope, signature string) bool {
	buf, _ := v.buffers.Get().(*bytes.Buffer)
	if buf == nil {
		buf = new(bytes.Buffer)
	}
	defer v.buffers.Put(buf)
	raw := r.URL.EscapedPath()
	strict := encodePath(r.URL.Path)
	for _, path := range []string{raw, strict} {
		buf.Reset()
		canonical(buf, r, path, query, signed, payload)
		hashed := sha256.Sum256(buf.Bytes())
		buf.Reset()
		stringToSign(buf, algorithm, stamp, scope, hex.EncodeToString(hashed[:]))
		if sameHex(sum(key[:], buf.Bytes()), signature) {
			return true
		}
		if raw == strict {
			break
		}
	}
	return false
}

func stringToSign(buf *bytes.Buffer, lines ...string) {
	for i, line := range lines {
		if i > 0 {
			buf.WriteByte('\n')
		}
		buf.WriteString(line)
	}
}

// canonical writes the canonical request.
func canonical(buf *bytes.Buffer, r *http.Request, path string, query url.Values, signed []string, payload string) {
	if path == "" {
		path = "/"
	}
	buf.WriteString(r.Method)
	buf.WriteByte('\n')
	buf.WriteString(path)
	buf.WriteByte('\n')
	canonicalQuery(buf, query)
	buf.WriteByte('\n')
	for _, name := range signed {
		buf.WriteString(name)
		buf.WriteByte(':')
		switch name { // net/http takes these out of the headers
		case "host":
			buf.WriteString(r.Host)
		case "content-length":
			if r.ContentLength >= 0 {
				buf.Write(strconv.AppendInt(buf.AvailableBuffer(), r.ContentLength, 10))
			}
		case "transfer-encoding":
			buf.WriteString(strings.Join(r.TransferEncoding, ","))
		default:
			for i, value := range r.Header[http.CanonicalHeaderKey(name)] {
				if i > 0 {
					buf.WriteByte(',')
				}
				collapse(buf, value)
			}
		}
		buf.WriteByte('\n')
	}
	buf.WriteByte('\n')
	for i, name := range signed {
		if i > 0 {
			buf.WriteByte(';')
		}
		buf.WriteString(name)
	}
	buf.WriteByte('\n')
	buf.WriteString(payload)
}

// collapse writes a header value without outer blanks and with single inner ones.
func collapse(buf *bytes.Buffer, value string) {
	value = strings.TrimSpace(value)
	if !strings.Contains(value, "  ") {
		buf.WriteString(value)
		return
	}
	blank := false
	for i := range len(value) {
		if value[i] == ' ' && blank {
			continue
		}
		blank = value[i] == ' '
		buf.WriteByte(value[i])
	}
}

// canonicalQuery writes the parameters in the order of their encoded names and values, the signature left out.
func canonicalQuery(buf *bytes.Buffer, query url.Values) {
	if len(query) == 0 {
		return
	}
	pairs := make([]string, 0, len(query))
	for name, values := range query {
		if name == "X-Amz-Signature" {
			continue
		}
		encoded := encode(name, false)
		for _, value := range values {
			pairs = append(pairs, encoded+"="+encode(value, false))
		}
	}
	slices.SortFunc(pairs, func(a, b string) int { // '=' must not count in the order of names
		an, av, _ := strings.Cut(a, "=")
		bn, bv, _ := strings.Cut(b, "=")
		if c := strings.Compare(an, bn); c != 0 {
			return c
		}
		return strings.Compare(av, bv)
	})
	for i, p := range pairs {
		if i > 0 {
			buf.WriteByte('&')
		}
		buf.WriteString(p)
	}
}

func encodePath(path string) string { return encode(path, true) }

// encode is AWS's UriEncode: everything but unreserved characters, and slashes in paths, as %XX.
func encode(s string, slash bool) string {
	plain := true
	for i := range len(s) {
		if !unreserved(s[i]) && !(slash && s[i] == '/') {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	const hexes = "0123456789ABCDEF"
	out := make([]byte, 0, len(s)+16)
	for i := range len(s) {
		if c := s[i]; unreserved(c) || slash && c == '/' {
			out = append(out, c)
		} else {
			out = append(out, '%', hexes[c>>4], hexes[c&15])
		}
	}
	return string(out)
}

func unreserved(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// Chain verifies the signatures of an aws-chunked body, each of which covers the one before. It is for one body and one goroutine.
type Chain struct {
	key          [sha256.Size]byte
	stamp, scope string
	previous     string
}

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // SHA-256 of nothing

// Chunk reports whether signature is right for the next chunk, whose data has the given SHA-256.
func (c *Chain) Chunk(hashed [sha256.Size]byte, signature string) bool {
	return c.next(signature, "AWS4-HMAC-SHA256-PAYLOAD", c.stamp, c.scope, c.previous, emptyHash, hex.EncodeToString(hashed[:]))
}

// Trailer reports whether signature is right for the trailer, whose canonical text has the given SHA-256.
func (c *Chain) Trailer(hashed [sha256.Size]byte, signature string) bool {
	return c.next(signature, "AWS4-HMAC-SHA256-TRAILER", c.stamp, c.scope, c.previous, hex.EncodeToString(hashed[:]))
}

func (c *Chain) next(signature string, lines ...string) bool {
	h := hmac.New(sha256.New, c.key[:])
	h.Write([]byte(strings.Join(lines, "\n")))
	c.previous = signature
	return sameHex(h.Sum(nil), signature)
}
