package s3

import (
	"context"
	"net/http"
	"strings"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/userid"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/policy"
)

// bucketPolicy is the policy of a bucket, nil when it has none.
func (s *Service) bucketPolicy(ctx context.Context, b catalog.Bucket) (*policy.Policy, error) {
	if _, ok := b.Settings[policySetting]; !ok { // spares the closure
		return nil, nil
	}
	return settingOf(ctx, s, b, policySetting, func(doc []byte) (*policy.Policy, error) { return policy.Parse(doc, b.Name) })
}

// byPolicy is what the bucket's policy says of a request, less what block public access takes from it.
func (s *Service) byPolicy(r *request, a access) (policy.Decision, error) {
	p, err := s.bucketPolicy(r.Context(), a.bucket)
	if err != nil && keepsPolicy(a.action) && s.controls(r, a.bucket) {
		return policy.None, nil // so that a policy that cannot be read can be replaced
	}
	if p == nil || err != nil {
		return policy.None, err
	}
	keys := &conditionKeys{s: s, r: r, a: a}
	d, err := p.Evaluate(&policy.Request{Principal: principal(r), Action: a.action, Bucket: a.bucket.Name, Key: a.key, Context: keys})
	if err != nil {
		return policy.Deny, err
	}
	switch {
	case d == policy.Deny && keepsPolicy(a.action) && s.controls(r, a.bucket):
		return policy.None, nil
	case d != policy.Allow:
		return d, nil
	}
	return s.lessened(r, a, p, keys)
}

// lessened is what is left of a policy's Allow to somebody who does not own the bucket.
func (s *Service) lessened(r *request, a access, p *policy.Policy, keys *conditionKeys) (policy.Decision, error) {
	if keepsPolicy(a.action) && r.auth.Anonymous() { // of the account of the bucket's owner only: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
		return policy.Deny, fail("MethodNotAllowed", "The specified method is not allowed against this resource.")
	}
	if p.Public() && r.auth.Anonymous() { // everybody else is in the account of the bucket's owner
		block, err := s.publicAccess(r.Context(), a.bucket)
		if err != nil {
			return policy.Deny, err
		}
		if block.RestrictPublicBuckets {
			return policy.None, nil
		}
	}
	if !ofObject(a.action) || a.creates {
		return policy.Allow, nil
	}
	// A policy gives away what the owner of the bucket owns, not what others put there.
	o, err := keys.object()
	if err != nil {
		return policy.Deny, err
	}
	owner, err := s.ownerOf(r.Context(), a.bucket, o.Attributes)
	if err != nil {
		return policy.Deny, err
	}
	if owner != a.bucket.Owner {
		return policy.None, nil
	}
	return policy.Allow, nil
}

// ofObject reports whether an action is about an object that is there, rather than about what the bucket gets or loses.
func ofObject(action string) bool {
	return strings.HasPrefix(action, "s3:GetObject") || strings.HasPrefix(action, "s3:PutObject") && action != "s3:PutObject" || action == "s3:RestoreObject" ||
		strings.HasPrefix(action, "s3:DeleteObject") && strings.HasSuffix(action, "Tagging")
}

// controls reports whether the caller is the owner of a bucket, or the root user.
func (s *Service) controls(r *request, b catalog.Bucket) bool {
	return !r.auth.Anonymous() && (r.auth.User == b.Owner || r.auth.User == s.o.RootUser)
}

// keepsPolicy reports whether an action is one that no policy can take from the owner of the bucket and the root user, so that nobody is locked out for good.
func keepsPolicy(action string) bool {
	return action == "s3:GetBucketPolicy" || action == "s3:PutBucketPolicy" || action == "s3:DeleteBucketPolicy"
}

// principal is the caller as policies know callers.
func principal(r *request) policy.Principal {
	if r.auth.Anonymous() {
		return policy.Principal{}
	}
	return policy.Principal{Account: r.auth.Tenant, User: r.auth.User, ID: userid.Of(r.auth.User)}
}

// conceal is what a caller learns of a failure to read: who may not list a bucket does not learn that an object is absent either.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, Permissions.
func (s *Service) conceal(w http.ResponseWriter, r *request, err error) error {
	if err == nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return err
	}
	if err = s.absent(r, access{bucket: r.b, key: r.key}, err); errs.ReasonOf(err) == "AccessDenied" {
		delete(w.Header(), "X-Amz-Delete-Marker")
		delete(w.Header(), "X-Amz-Version-Id")
	}
	return err
}

// absent is the failure of reading an object, as the caller may know it.
func (s *Service) absent(r *request, a access, err error) error {
	if errs.ReasonOf(err) != "NoSuchKey" || a.key == "" || s.mayList(r, a) {
		return err
	}
	return accessDenied()
}

// refusal is the answer to a caller who may not do what a is: that the object is absent, when it is and the caller may list the bucket.
func (s *Service) refusal(r *request, a access) error {
	if a.key != "" && strings.HasPrefix(a.action, "s3:GetObject") && s.mayList(r, a) {
		if _, err := s.look(r, a.bucket, a.key, a.versionID); errs.ReasonOf(err) == "NoSuchKey" {
			return err
		}
	}
	return accessDenied()
}

// mayList reports whether the caller may list the bucket with the key as prefix.
func (s *Service) mayList(r *request, a access) bool {
	return s.controls(r, a.bucket) || s.authorize(r, access{action: "s3:ListBucket", bucket: a.bucket, prefix: a.key}) == nil
}
