package s3dialect

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// signerV2 signs requests with AWS Signature Version 2 (Amazon S3 developer guide of 2006-03-01, "Signing and authenticating REST requests"), in
// place of the SDK's signer: the SDK has had none for years. It takes the path exactly as it is sent.
type signerV2 struct {
	host string // "/" and the bucket, when that is in the host name; "" when it is in the path
}

var _ s3.HTTPSignerV4 = signerV2{}

// subresources are the parameters of a query that are signed. Only those that this package sends, and their kin, are here.
var subresources = []string{"acl", "delete", "lifecycle", "location", "partNumber", "policy", "tagging", "uploadId", "uploads", "versionId", "versioning", "versions"}

// SignHTTP implements s3.HTTPSignerV4.
func (s signerV2) SignHTTP(_ context.Context, c aws.Credentials, r *http.Request, _, _, _ string, at time.Time, _ ...func(*v4.SignerOptions)) error {
	r.Header.Del("X-Amz-Content-Sha256") // a header of V4
	r.Header.Del("Accept-Encoding")      // as signerV4
	r.Header.Set("Date", at.UTC().Format(http.TimeFormat))
	s.sign(c, r)
	return nil
}

// sign signs a request that has its Date.
func (s signerV2) sign(c aws.Credentials, r *http.Request) {
	mac := hmac.New(sha1.New, []byte(c.SecretAccessKey))
	mac.Write([]byte(s.toSign(r)))
	r.Header.Set("Authorization", "AWS "+c.AccessKeyID+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// toSign is what the signature is of.
func (s signerV2) toSign(r *http.Request) string {
	var b strings.Builder
	for _, part := range []string{r.Method, r.Header.Get("Content-Md5"), r.Header.Get("Content-Type"), r.Header.Get("Date")} {
		b.WriteString(part + "\n")
	}
	var names []string
	values := map[string]string{}
	for name, v := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
			names = append(names, name)
			for i := range v {
				v[i] = fold(v[i])
			}
			values[name] = strings.Join(v, ",")
		}
	}
	slices.Sort(names)
	for _, name := range names {
		b.WriteString(name + ":" + values[name] + "\n")
	}
	b.WriteString(s.host + r.URL.EscapedPath())
	query, sep := r.URL.Query(), "?"
	for _, name := range subresources { // in order already
		if !query.Has(name) {
			continue
		}
		b.WriteString(sep + name)
		if v := query.Get(name); v != "" {
			b.WriteString("=" + v) // not escaped
		}
		sep = "&"
	}
	return b.String()
}

// fold makes one line of a header's value that spans several, and takes outer blanks off, as the transport does.
func fold(v string) string {
	lines := strings.FieldsFunc(v, func(r rune) bool { return r == '\r' || r == '\n' })
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, " ")
}
