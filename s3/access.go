package s3

import (
	"net/http"

	"github.com/opensds/gelato/internal/userid"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/policy"
)

// access is one thing that a caller wants to do.
type access struct {
	action    string // as IAM names it: s3:GetObject
	bucket    catalog.Bucket
	key       string // empty: the bucket itself
	versionID string // when a version was named

	prefix string // what a listing of keys is asked about, when that is not in the query

	creates bool // it is about the object that the request makes, not about one that is there
}

// admit finds the bucket of a request and checks that the caller may do what the operation does.
func (s *Service) admit(w http.ResponseWriter, r *request) error {
	if r.op.name == "HeadBucket" { // also of refusals
		w.Header()["X-Amz-Bucket-Region"] = []string{s.o.Region}
	}
	if r.bucket == "" || r.op.name == "CreateBucket" {
		if r.auth.Anonymous() {
			return accessDenied()
		}
		return nil
	}
	if r.auth.Anonymous() && signedOnly(r.op.name) {
		return fail("AccessDenied", "Anonymous access is forbidden for this operation")
	}
	var err error
	if r.b, err = s.catalog.Bucket(r.Context(), r.bucket); err != nil {
		return err
	}
	if err := expectedOwner(r.b, r.Header.Get("X-Amz-Expected-Bucket-Owner")); err != nil {
		return err
	}
	if r.op.name != "PostObject" { // whose form says it
		if err := s.pays(w.Header(), r, r.b); err != nil {
			return err
		}
	}
	a := access{action: r.op.action, bucket: r.b, key: r.key, versionID: r.query.Get("versionId")}
	if a.versionID != "" && r.op.version != "" {
		a.action = r.op.version
	}
	if a.action == "" {
		return nil
	}
	return s.authorize(r, a)
}

// signedOnly reports whether S3 takes an operation from nobody without credentials, whatever policies and ACLs allow.
// Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html, API_UploadPartCopy.html, and
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html: an upload needs somebody who began it.
func signedOnly(operation string) bool {
	return operation == "CopyObject" || operation == "UploadPartCopy" || operation == "CreateMultipartUpload"
}

// expectedOwner refuses a bucket that belongs to another one than the client believes. S3's header holds the number of an account; here it is a user's name or canonical id.
func expectedOwner(b catalog.Bucket, expected string) error {
	if expected != "" && expected != b.Owner && expected != userid.Of(b.Owner) {
		return accessDenied()
	}
	return nil
}

// authorize decides whether the caller may do something. It is the one place where that is decided; a handler that does more than its row of
// the operation table says asks again. What the bucket's policy denies is denied to everybody; what remains is allowed to who owns it and to the root user, and
// to others by the policy or by an access control list.
func (s *Service) authorize(r *request, a access) error {
	said, err := s.byPolicy(r, a)
	switch {
	case err != nil:
		return err
	case said == policy.Deny:
		return accessDenied()
	case said == policy.Allow:
		return nil
	}
	may, err := s.byOwnership(r, a)
	if !may && err == nil {
		if may, err = s.byACL(r, a); may {
			r.byACL.Store(true)
		}
	}
	switch {
	case err != nil:
		return err
	case may:
		return nil
	}
	return s.refusal(r, a)
}

func accessDenied() error { return fail("AccessDenied", "Access Denied") }
