package s3

import "net/http"

// getBucketLocation answers the gateway's region, because clients sign with it.
func (s *Service) getBucketLocation(w http.ResponseWriter, r *request) error {
	x := s.page()
	defer s.release(x)
	x.root("LocationConstraint")
	if s.o.Region != legacyRegion { // which S3 shows as nothing
		x.escape(s.o.Region)
	}
	x.close("LocationConstraint")
	return x.send(w, http.StatusOK)
}
