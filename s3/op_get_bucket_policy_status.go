package s3

import (
	"net/http"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/acl"
)

// getBucketPolicyStatus says whether the bucket is public, by its policy or its ACL.
func (s *Service) getBucketPolicyStatus(w http.ResponseWriter, r *request) error {
	p, err := s.bucketPolicy(r.Context(), r.b)
	if err != nil {
		return err
	}
	public := p != nil && p.Public()
	if !public {
		if public, err = s.publicByACL(r); err != nil {
			return err
		}
	}
	x := s.page()
	defer s.release(x)
	x.root("PolicyStatus")
	x.truth("IsPublic", public)
	x.close("PolicyStatus")
	return x.send(w, http.StatusOK)
}

func (s *Service) publicByACL(r *request) (bool, error) {
	if _, ok := r.b.Settings[aclSetting]; !ok {
		return false, nil
	}
	stored, err := s.catalog.Setting(r.Context(), r.b, aclSetting)
	if errs.ReasonOf(err) == "NoSuchSetting" { // changed meanwhile: as if asked later
		return false, nil
	}
	if err != nil {
		return false, err
	}
	list, err := acl.Decode(stored)
	if err != nil {
		return false, errs.New(errs.DataLoss, "the ACL of the bucket cannot be read", err)
	}
	return list.Public(), nil
}
