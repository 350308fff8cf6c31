package s3

import (
	"net/http"

	"github.com/opensds/gelato/internal/userid"
)

func (s *Service) putBucketOwnershipControls(w http.ResponseWriter, r *request) error {
	body, _, err := s.document(r, true)
	if err != nil {
		return err
	}
	own, err := parseOwnership(body)
	if err != nil {
		return err
	}
	if own == BucketOwnerEnforced { // access that a list gives to others would silently end
		list, err := s.bucketACL(r.Context(), r.b)
		if err != nil {
			return err
		}
		if !list.Only(userid.Of(r.b.Owner)) {
			return errACLsSet()
		}
	}
	if err := s.putSetting(r.Context(), r.b, ownershipSetting, []byte(own)); err != nil {
		return err
	}
	w.Header()["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusOK)
	return nil
}

func errACLsSet() error {
	return fail("InvalidBucketAclWithObjectOwnership", "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")
}
