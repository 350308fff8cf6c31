package s3

import "net/http"

func (s *Service) abortMultipartUpload(w http.ResponseWriter, r *request) error {
	b := r.b
	if err := s.catalog.AbortUpload(r.Context(), b, r.key, r.query.Get("uploadId")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
