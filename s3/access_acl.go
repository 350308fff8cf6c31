package s3

import (
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/acl"
	"github.com/opensds/gelato/s3/catalog"
)

// byOwnership reports whether the caller may do something as the owner of what it is about, or as the root user. The owner of a bucket may do everything with it
// and what is in it, but read and change objects that others wrote and own; those belong to their writers.
func (s *Service) byOwnership(r *request, a access) (bool, error) {
	switch {
	case a.creates && a.action == "s3:PutObjectAcl": // who makes an object says what its list is
		return true, nil
	case r.auth.Anonymous():
		return false, nil
	case r.auth.User == s.o.RootUser:
		return true, nil
	case !ofObject(a.action) || a.creates:
		return r.auth.User == a.bucket.Owner, nil
	}
	o, err := s.about(r, a)
	if err != nil || o == nil {
		return err == nil && r.auth.User == a.bucket.Owner, err
	}
	owner, err := s.ownerOf(r.Context(), a.bucket, o.Attributes)
	return err == nil && r.auth.User == owner, err
}

// byACL reports whether an access control list lets the caller do something.
func (s *Service) byACL(r *request, a access) (bool, error) {
	switch a.action {
	case "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts":
		return s.initiated(r, a)
	case "s3:DeleteObject":
		return s.mayDelete(r, a)
	}
	target, permission, ok := acl.Needed(a.action)
	if a.creates { // tags and the like of a new object: who may write it may describe it
		target, permission, ok = acl.Bucket, acl.Write, true
	}
	if !ok {
		return false, nil
	}
	if target == acl.Bucket {
		list, err := s.bucketACL(r.Context(), a.bucket)
		if err != nil {
			return false, err
		}
		return s.grants(r, a.bucket, list, permission)
	}
	o, err := s.about(r, a)
	if o == nil {
		return false, err
	}
	list, err := s.objectACL(r.Context(), a.bucket, o)
	if err != nil {
		return false, err
	}
	return s.grants(r, a.bucket, list, permission)
}

// grants reports whether a list grants the caller a permission, where public grants may be ignored.
func (s *Service) grants(r *request, b catalog.Bucket, list acl.List, p acl.Permission) (bool, error) {
	if list.Public() {
		block, err := s.publicAccess(r.Context(), b)
		if err != nil {
			return false, err
		}
		if block.IgnorePublicAcls {
			list = list.Closed()
		}
	}
	return list.Allows(r.callerID(), p), nil
}

// initiated reports whether the caller began the upload that a request names: who did may list its parts and abort it.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html, "Multipart upload API and permissions".
func (s *Service) initiated(r *request, a access) (bool, error) {
	if r.auth.Anonymous() {
		return false, nil
	}
	u, err := s.catalog.Upload(r.Context(), a.bucket, a.key, r.query.Get("uploadId"))
	if errs.Is(err, errs.NotFound) {
		return false, nil
	}
	return err == nil && u.Initiator == r.auth.User, err
}

// mayDelete reports whether the caller may delete an object that is in the bucket of another: one's own, with the permission to write to the bucket.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html, "What permissions can I grant?".
func (s *Service) mayDelete(r *request, a access) (bool, error) {
	if r.auth.Anonymous() {
		return false, nil
	}
	list, err := s.bucketACL(r.Context(), a.bucket)
	if err != nil {
		return false, err
	}
	writes, err := s.grants(r, a.bucket, list, acl.Write)
	if !writes || err != nil {
		return false, err
	}
	o, err := s.about(r, a)
	if o == nil {
		return false, err
	}
	owner, err := s.ownerOf(r.Context(), a.bucket, o.Attributes)
	return err == nil && owner == r.auth.User, err
}

// about is the object that an access is about, nil when there is none.
func (s *Service) about(r *request, a access) (*catalog.Object, error) {
	o, err := s.look(r, a.bucket, a.key, a.versionID)
	if err != nil {
		if c := errs.CodeOf(err); c == errs.NotFound || c == errs.InvalidArgument || c == errs.FailedPrecondition {
			return nil, nil
		}
		return nil, err
	}
	return &o, nil
}
