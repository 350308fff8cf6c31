package s3

import "net/http"

func (s *Service) headBucket(w http.ResponseWriter, r *request) error {
	w.Header()["X-Amz-Bucket-Region"] = []string{s.o.Region}
	if _, err := s.bucketOf(r); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}
