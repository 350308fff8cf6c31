package s3

import "net/http"

func (s *Service) getBucketVersioning(w http.ResponseWriter, r *request) error {
	x := s.page()
	defer s.release(x)
	x.root("VersioningConfiguration")
	x.optional("Status", r.b.Versioning)
	x.close("VersioningConfiguration")
	return x.send(w, http.StatusOK)
}
