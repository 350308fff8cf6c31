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

// SignedV2 reports whether Version 2 signs a query parameter. Whatever makes another operation of a request must be among them, or whoever was
// given a presigned URL could make of it what he likes.
func SignedV2(parameter string) bool {
	switch parameter {
	case "abac", "annotation", "annotations", "append", "attributes", "encryption", "encryption-type", "intelligent-tiering", "legal-hold", "metadataAnnotationTable", "metadataConfiguration",
		"metadataInventoryTable", "metadataJournalTable", "metadataTable", "ownershipControls", "policyStatus", "publicAccessBlock", "renameObject", "retention", "session":
		return true
	}
	return classicV2(parameter)
}

// classicV2 reports whether a parameter is among those that clients sign which stopped following S3 when Version 4 came, botocore for one.
func classicV2(parameter string) bool {
	switch parameter {
	case "acl", "accelerate", "analytics", "cors", "defaultObjectAcl", "delete", "inventory", "lifecycle", "location", "logging", "metrics", "notification", "object-lock", "partNumber",
		"policy", "replication", "requestPayment", "response-cache-control", "response-content-disposition", "response-content-encoding", "response-content-language",
		"response-content-type", "response-expires", "restore", "select", "select-type", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website":
		return true
	}
	return false
}

// headerV2 verifies "Authorization: AWS <access key>:<signature>"; credentials is what follows "AWS ". It covers the date of the request, but nothing of its body.
func (v *Verifier) headerV2(r *http.Request, query url.Values, credentials string, resource Resource) (Auth, error) {
	if !v.v2 {
		return Auth{}, errOldVersion()
	}
	at := strings.LastIndexByte(credentials, ':') // never in base64
	if at <= 0 || at == len(credentials)-1 {
		return Auth{}, refuse(errs.InvalidArgument, "InvalidArgument", "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature")
	}
	date, err := requestDate(r.Header)
	if err != nil {
		return Auth{}, err
	}
	if err := v.skewed(date); err != nil {
		return Auth{}, err
	}
	a := Auth{AccessKey: strings.TrimSpace(credentials[:at])}
	if err := a.setPayloadV2(r.Header); err != nil {
		return Auth{}, err
	}
	line := r.Header.Get("Date")
	if r.Header["X-Amz-Date"] != nil {
		line = ""
	}
	if err := v.identify(r.Context(), &a); err != nil {
		return Auth{}, err
	}
	if !a.signedV2(r, query, nil, line, credentials[at+1:], resource, SignedV2) && !a.signedV2(r, query, nil, line, credentials[at+1:], resource, classicV2) {
		return Auth{}, errMismatch()
	}
	return a, nil
}

// presignedV2 verifies ?AWSAccessKeyId=&Expires=&Signature=. Its Expires is a Unix time; as Version 4 does, at most a week is accepted.
func (v *Verifier) presignedV2(r *http.Request, query url.Values, resource Resource) (Auth, error) {
	if !v.v2 {
		return Auth{}, errOldVersion()
	}
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
	a := Auth{AccessKey: query.Get("AWSAccessKeyId"), Presigned: true}
	if err := a.setPayloadV2(r.Header); err != nil {
		return Auth{}, err
	}
	if err := v.identify(r.Context(), &a); err != nil {
		return Auth{}, err
	}
	if !a.signedV2(r, query, query, expires, signature, resource, SignedV2) {
		return Auth{}, errMismatch()
	}
	return a, nil
}

func errOldVersion() error {
	return refuse(errs.InvalidArgument, "InvalidRequest", "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.")
}

// setPayloadV2 says what the body is. Version 2 covers nothing of it; SDKs of today send a checksum behind it all the same, over TLS as an aws-chunked trailer.
func (a *Auth) setPayloadV2(h http.Header) error {
	if claimed := h.Get("X-Amz-Content-Sha256"); claimed != "" {
		if err := a.setPayload(claimed); err != nil {
			return err
		}
		if a.Payload == StreamSigned || a.Payload == StreamSignedTrailer {
			return refuse(errs.InvalidArgument, "InvalidRequest", "A signed aws-chunked body needs Signature Version 4")
		}
		return nil
	}
	a.Payload = Unsigned
	if h.Get("X-Amz-Decoded-Content-Length") != "" && strings.Contains(h.Get("Content-Encoding"), "aws-chunked") {
		a.Payload = StreamUnsignedTrailer
	}
	return nil
}

// signedV2 compares the signature, in base64, in constant time. hoisted are query parameters that stand for headers; date is the line of the date, or of
// the time of expiry; counts says which parameters are signed.
func (a *Auth) signedV2(r *http.Request, query, hoisted url.Values, date, signature string, resource Resource, counts func(string) bool) bool {
	given, err := base64.StdEncoding.DecodeString(strings.TrimSpace(signature))
	if err != nil {
		return false
	}
	right := 0
	for _, path := range v2Paths(r.URL, resource) {
		right |= subtle.ConstantTimeCompare(sumV2(a.Secret, textV2(r, query, hoisted, path, date, counts)), given)
	}
	return right == 1
}

func sumV2(secret, text string) []byte {
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(text))
	return h.Sum(nil)
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

// textV2 is the string to sign.
func textV2(r *http.Request, query, hoisted url.Values, path, date string, counts func(string) bool) string {
	var b strings.Builder
	for _, line := range []string{r.Method, r.Header.Get("Content-Md5"), r.Header.Get("Content-Type"), date} {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	var amz []string
	for _, from := range [...]map[string][]string{r.Header, hoisted} {
		for name, values := range from {
			if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") {
				amz = append(amz, lower+":"+strings.TrimSpace(strings.Join(values, ","))+"\n")
			}
		}
	}
	slices.Sort(amz)
	b.WriteString(strings.Join(amz, ""))
	b.WriteString(path)
	mark := byte('?')
	names := make([]string, 0, len(query))
	for name := range query {
		if counts(name) {
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
