package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/acl"
)

func (s *Service) putBucketACL(w http.ResponseWriter, r *request) error {
	list, err := s.bodyOrHeaders(r, acl.Bucket, r.b.Owner)
	if err != nil {
		return err
	}
	stored, err := list.Encode()
	if err != nil {
		return err
	}
	if err := s.putSetting(r.Context(), r.b, aclSetting, stored); err != nil {
		return err
	}
	w.Header()["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusOK)
	return nil
}
