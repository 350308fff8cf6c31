package s3

import "net/http"

func (s *Service) getBucketACL(w http.ResponseWriter, r *request) error {
	list, err := s.bucketACL(r.Context(), r.b)
	if err != nil {
		return err
	}
	return s.writeACL(w, r, r.b.Owner, list)
}
