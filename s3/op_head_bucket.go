package s3

import "net/http"

func (s *Service) headBucket(w http.ResponseWriter, r *request) error {
	w.WriteHeader(http.StatusOK)
	return nil
}
