package s3

import "net/http"

func (s *Service) deleteBucket(w http.ResponseWriter, r *request) error {
	if _, err := s.bucketOf(r); err != nil {
		return err
	}
	if err := s.catalog.DeleteBucket(r.Context(), r.bucket); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
