package s3

import (
	"context"
	"net/http"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/userid"
	"github.com/opensds/gelato/proto/identitypb"
	"github.com/opensds/gelato/s3/acl"
	"github.com/opensds/gelato/s3/catalog"
)

// bucketACL is the access control list that counts for a bucket.
func (s *Service) bucketACL(ctx context.Context, b catalog.Bucket) (acl.List, error) {
	stored, err := settingOf(ctx, s, b, aclSetting, func(stored []byte) (*acl.List, error) {
		list, err := acl.Decode(stored)
		return &list, err
	})
	if err != nil {
		return nil, err
	}
	var list acl.List
	if stored != nil {
		list = *stored
	}
	return s.counts(ctx, b, list, b.Owner)
}

// objectACL is the access control list that counts for an object.
func (s *Service) objectACL(ctx context.Context, b catalog.Bucket, o *catalog.Object) (acl.List, error) {
	list, err := acl.Decode(o.ACL)
	if err != nil {
		return nil, errs.New(errs.DataLoss, "the access control list of the object cannot be read", err)
	}
	owner, err := s.ownerOf(ctx, b, o.Attributes)
	if err != nil {
		return nil, err
	}
	return s.counts(ctx, b, list, owner)
}

// counts is what counts of a stored list: the owner's full control when there is none, or when the lists of the bucket do not count.
func (s *Service) counts(ctx context.Context, b catalog.Bucket, list acl.List, owner string) (acl.List, error) {
	enforced, err := s.enforced(ctx, b)
	if err != nil {
		return nil, err
	}
	if list == nil || enforced {
		return acl.Canned("private", acl.Object, userid.Of(owner), userid.Of(b.Owner))
	}
	return list, nil
}

// askedList is the list that a request asks for in its headers, checked against what the bucket allows. owner will own the target.
func (s *Service) askedList(r *request, asked acl.Asked, target acl.Target, owner string) (acl.List, error) {
	if asked.Canned != "" {
		if asked.Canned == acl.BucketOwnerFullControl && target == acl.Object {
			return acl.Canned(asked.Canned, target, userid.Of(owner), userid.Of(r.b.Owner)) // also where lists do not count
		}
		list, err := acl.Canned(asked.Canned, target, userid.Of(owner), userid.Of(r.b.Owner))
		if err != nil {
			return nil, err
		}
		if enforced, err := s.enforced(r.Context(), r.b); enforced || err != nil {
			return nil, orElse(err, errACLsDisabled())
		}
		return list, s.publicAllowed(r, list)
	}
	return s.grantedList(r, asked.Grants)
}

// grantedList is the list of grants that a request asks for, checked against what the bucket allows.
func (s *Service) grantedList(r *request, grants []acl.Grant) (acl.List, error) {
	list, err := acl.Resolve(grants, func(g acl.Grantee) (string, error) { return s.grantee(r.Context(), g) })
	if err != nil {
		return nil, err
	}
	enforced, err := s.enforced(r.Context(), r.b)
	if err != nil {
		return nil, err
	}
	if enforced && !list.Only(userid.Of(r.b.Owner)) {
		return nil, errACLsDisabled()
	}
	return list, s.publicAllowed(r, list)
}

// grantee finds the canonical id of a user who is named by id or address.
func (s *Service) grantee(ctx context.Context, g acl.Grantee) (string, error) {
	var found *identitypb.User
	var err error
	if g.Kind == acl.Email {
		found, err = s.users.find(ctx, byEmail, g.Name)
	} else {
		found, err = s.users.find(ctx, byID, g.Name)
	}
	if err != nil {
		return "", err
	}
	return found.CanonicalId, nil
}

// publicAllowed refuses a public list where the bucket blocks them.
func (s *Service) publicAllowed(r *request, list acl.List) error {
	if !list.Public() {
		return nil
	}
	block, err := s.publicAccess(r.Context(), r.b)
	if err == nil && block.BlockPublicAcls {
		err = accessDenied()
	}
	return err
}

func errACLsDisabled() error {
	return fail("AccessControlListNotSupported", "The bucket does not allow ACLs")
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// bodyOrHeaders is the list that PutBucketAcl or PutObjectAcl asks for: in the body or in headers, not in both.
func (s *Service) bodyOrHeaders(r *request, target acl.Target, owner string) (acl.List, error) {
	asked, err := acl.Headers(r.Header)
	if err != nil {
		return nil, err
	}
	body, _, err := s.document(r, true)
	switch {
	case err != nil:
		return nil, err
	case !asked.None() && len(body) > 0:
		return nil, fail("UnexpectedContent", "This request does not support content")
	case !asked.None():
		return s.askedList(r, asked, target, owner)
	case len(body) == 0:
		return nil, fail("MissingSecurityHeader", "Your request was missing a required header")
	}
	id, grants, err := acl.Parse(body)
	if err != nil {
		return nil, err
	}
	list, err := s.grantedList(r, grants)
	if err == nil && id != userid.Of(owner) { // a list cannot give the target to another one
		err = accessDenied()
	}
	return list, err
}

// writeACL answers a list.
func (s *Service) writeACL(w http.ResponseWriter, r *request, ownerName string, list acl.List) error {
	x := s.page()
	defer s.release(x)
	x.root("AccessControlPolicy")
	x.owner("Owner", s.users.shown(r.Context(), ownerName))
	x.open("AccessControlList")
	for _, g := range list {
		x.open("Grant")
		kind := "Group"
		if g.Grantee.Kind == acl.User {
			kind = "CanonicalUser"
		}
		x.b = append(x.b, `<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="`+kind+`">`...)
		if g.Grantee.Kind == acl.User {
			who, err := s.users.shownID(r.Context(), g.Grantee.Name)
			if err != nil {
				return err
			}
			x.text("ID", who.id)
			x.optional("DisplayName", who.display)
		} else {
			x.text("URI", g.Grantee.Kind.URI())
		}
		x.close("Grantee")
		x.text("Permission", g.Permission.String())
		x.close("Grant")
	}
	x.close("AccessControlList")
	x.close("AccessControlPolicy")
	return x.send(w, http.StatusOK)
}
