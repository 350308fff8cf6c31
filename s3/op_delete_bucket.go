package s3

import "net/http"

func (s *Service) deleteBucket(w http.ResponseWriter, r *request) error {
	if err := s.catalog.DeleteBucket(r.Context(), r.bucket); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
