package s3

import (
	"github.com/opensds/gelato/internal/userid"
	"github.com/opensds/gelato/s3/acl"
)

// newOwnership adds to the settings of a new bucket its object ownership and its access control list: what the request asks for, else what Options say. The request's own
// bucket is not there yet.
func (s *Service) newOwnership(r *request, settings map[string][]byte) error {
	own := r.Header.Get("X-Amz-Object-Ownership")
	if own != "" && !ValidOwnership(own) {
		return fail("InvalidArgument", "Invalid x-amz-object-ownership header: %s", printable(own))
	}
	if own == "" && s.o.ObjectOwnership != ObjectWriter {
		own = s.o.ObjectOwnership
	}
	if own != "" {
		settings[ownershipSetting] = []byte(own)
	}
	asked, err := acl.Headers(r.Header)
	if err != nil || asked.None() {
		return err
	}
	id := userid.Of(r.auth.User)
	var list acl.List
	if asked.Canned != "" {
		list, err = acl.Canned(asked.Canned, acl.Bucket, id, id)
	} else {
		list, err = acl.Resolve(asked.Grants, func(g acl.Grantee) (string, error) { return s.grantee(r.Context(), g) })
	}
	if err != nil || list.Only(id) {
		return err
	}
	if own == BucketOwnerEnforced {
		return errACLsSet()
	}
	settings[aclSetting], err = list.Encode()
	return err
}
