package sigv4

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/errs"
)

// Resource is what a request is about, as Version 2 signs it.
type Resource struct {
	Bucket      string
	VirtualHost bool // the bucket came from the host name
}

// subResources are the query parameters that Version 2 signs.
var subResources = []string{"acl", "accelerate", "analytics", "cors", "defaultObjectAcl", "delete", "encryption", "inventory", "lifecycle", "location", "logging", "metrics",
	"notification", "object-lock", "partNumber", "policy", "policyStatus", "publicAccessBlock", "replication", "requestPayment", "response-cache-control",
	"response-content-disposition", "response-content-encoding", "response-content-language", "response-content-type", "response-expires", "restore", "retention",
	"legal-hold", "select", "select-type", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website"}

// presignedV2 verifies ?AWSAccessKeyId=&Expires=&Signature=. Its Expires is a Unix time; as Version 4 does, at most a week is accepted.
func (v *Verifier) presignedV2(r *http.Request, query url.Values, resource Resource) (Auth, error) {
	signature, expires := query.Get("Signature"), query.Get("Expires")
	if signature == "" || expires == "" {
		return Auth{}, refuse(errs.PermissionDenied, "AccessDenied", "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters")
	}
	unix, err := strconv.ParseInt(expires, 10, 64)
	if err != nil {
		return Auth{}, refuse(errs.PermissionDenied, "AccessDenied", "Invalid date (should be seconds since epoch): %s", expires)
	}
	left := time.Unix(unix, 0).Sub(v.now())
	if left < 0 {
		return Auth{}, refuse(errs.PermissionDenied, "AccessDenied", "Request has expired")
	}
	if left > maxExpires+maxSkew {
		return Auth{}, refuse(errs.PermissionDenied, "AccessDenied", "Expires must be less than a week ahead")
	}
	a := Auth{AccessKey: query.Get("AWSAccessKeyId"), Payload: Unsigned, Presigned: true}
	if err := v.identify(r.Context(), &a); err != nil {
		return Auth{}, err
	}
	given, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return Auth{}, errMismatch()
	}
	for _, path := range v2Paths(r.URL, resource) {
		h := hmac.New(sha1.New, []byte(a.Secret))
		h.Write([]byte(textV2(r, query, path, expires)))
		if subtle.ConstantTimeCompare(h.Sum(nil), given) == 1 {
			return a, nil
		}
	}
	return Auth{}, errMismatch()
}

// v2Paths are the paths that clients sign: as sent, encoded anew, and for a bucket also with the slash that botocore adds.
func v2Paths(u *url.URL, resource Resource) []string {
	paths := []string{u.EscapedPath(), encodePath(u.Path)}
	for i, p := range paths {
		if resource.VirtualHost {
			paths[i] = "/" + resource.Bucket + p
		}
	}
	if resource.Bucket != "" && !resource.VirtualHost && strings.Count(u.Path, "/") == 1 {
		paths = append(paths, u.EscapedPath()+"/")
	}
	return slices.Compact(paths)
}

func textV2(r *http.Request, query url.Values, path, expires string) string {
	var b strings.Builder
	for _, line := range []string{r.Method, r.Header.Get("Content-Md5"), r.Header.Get("Content-Type"), expires} {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	var amz []string
	for name, values := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") {
			amz = append(amz, lower+":"+strings.TrimSpace(strings.Join(values, ","))+"\n")
		}
	}
	for name, values := range query { // parameters hoisted from headers
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") {
			amz = append(amz, lower+":"+strings.TrimSpace(strings.Join(values, ","))+"\n")
		}
	}
	slices.Sort(amz)
	b.WriteString(strings.Join(amz, ""))
	b.WriteString(path)
	mark := byte('?')
	names := make([]string, 0, len(query))
	for name := range query {
		if slices.Contains(subResources, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		b.WriteByte(mark)
		b.WriteString(name)
		if value := query.Get(name); value != "" {
			b.WriteByte('=')
			b.WriteString(value)
		}
		mark = '&'
	}
	return b.String()
}
