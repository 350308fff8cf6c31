package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/acl"
	"github.com/opensds/gelato/s3/catalog"
)

func (s *Service) putObjectACL(w http.ResponseWriter, r *request) error {
	version, err := versionOf(r.query)
	if err != nil {
		return err
	}
	o, err := s.head(r.Context(), r, r.b, r.key, version)
	if err != nil {
		return err
	}
	owner, err := s.ownerOf(r.Context(), r.b, o.Attributes)
	if err != nil {
		return err
	}
	list, err := s.bodyOrHeaders(r, acl.Object, owner)
	if err != nil {
		return err
	}
	stored, err := list.Encode()
	if err != nil {
		return err
	}
	judged := o.Version
	_, err = s.catalog.Amend(r.Context(), r.b, r.key, version, func(o *catalog.Object) error {
		if o.Version != judged { // the caller may not be allowed to give away what is there now
			return fail("OperationAborted", "A conflicting conditional operation is currently in progress against this resource. Try again.")
		}
		o.ACL = stored
		return nil
	})
	if err != nil {
		return err
	}
	w.Header()["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusOK)
	return nil
}
