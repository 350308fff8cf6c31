package s3lite

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// UnsignedPayload stands for the hash of a body that is not signed.
const UnsignedPayload = "UNSIGNED-PAYLOAD"

// Sign adds SigV4 headers to a request (docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html): host and
// every header that begins with x-amz- or is Content-MD5 or Range are signed.
func Sign(req *http.Request, e Endpoint, payloadHash string, now time.Time) {
	stamp := now.UTC().Format("20060102T150405Z")
	req.Header.Set("X-Amz-Date", stamp)
	req.Header.Set("X-Amz-Content-Sha256", payloadHash)

	names := []string{"host"}
	for k := range req.Header {
		if k = strings.ToLower(k); strings.HasPrefix(k, "x-amz-") || k == "content-md5" || k == "range" {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString(req.Method + "\n" + req.URL.EscapedPath() + "\n" + req.URL.RawQuery + "\n")
	for _, n := range names {
		v := req.Header.Get(n)
		if n == "host" {
			v = req.URL.Host
		}
		b.WriteString(n + ":" + strings.TrimSpace(v) + "\n")
	}
	signed := strings.Join(names, ";")
	b.WriteString("\n" + signed + "\n" + payloadHash)

	scope := stamp[:8] + "/" + e.Region + "/s3/aws4_request"
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+e.Access+"/"+scope+", SignedHeaders="+signed+", Signature="+hex.EncodeToString(signature(e, stamp, scope, b.String())))
}

func signature(e Endpoint, stamp, scope, canonical string) []byte {
	sum := sha256.Sum256([]byte(canonical))
	key := []byte("AWS4" + e.Secret)
	for _, part := range []string{stamp[:8], e.Region, "s3", "aws4_request"} {
		key = mac(key, part)
	}
	return mac(key, "AWS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+hex.EncodeToString(sum[:]))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// query encodes sorted by name, as it is signed.
func query(q url.Values) string {
	parts := make([]string, 0, len(q))
	for k, vs := range q {
		for _, v := range vs {
			parts = append(parts, escape(k, false)+"="+escape(v, false))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "&")
}

// escape percent-encodes all but RFC 3986's unreserved characters, and the slash in paths.
func escape(s string, path bool) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~', path && c == '/':
			b.WriteByte(c)
		default:
			b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{c})))
		}
	}
	return b.String()
}

// Presign returns a URL that carries its own signature
// (docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html), good for the given time from now.
func Presign(e Endpoint, method, bucket, key string, lasts time.Duration, now time.Time) string {
	stamp := now.UTC().Format("20060102T150405Z")
	scope := stamp[:8] + "/" + e.Region + "/s3/aws4_request"
	path := escape("/"+bucket+"/"+key, true)
	q := query(url.Values{
		"X-Amz-Algorithm": {"AWS4-HMAC-SHA256"}, "X-Amz-Credential": {e.Access + "/" + scope}, "X-Amz-Date": {stamp},
		"X-Amz-Expires": {strconv.Itoa(int(lasts.Seconds()))}, "X-Amz-SignedHeaders": {"host"},
	})
	host := e.URL[strings.Index(e.URL, "://")+3:]
	canonical := method + "\n" + path + "\n" + q + "\nhost:" + host + "\n\nhost\n" + UnsignedPayload
	return e.URL + path + "?" + q + "&X-Amz-Signature=" + hex.EncodeToString(signature(e, stamp, scope, canonical))
}
