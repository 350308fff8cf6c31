package s3

import "net/http"

func (s *Service) getObjectACL(w http.ResponseWriter, r *request) error {
	version, err := versionOf(r.query)
	if err != nil {
		return err
	}
	o, err := s.head(r.Context(), r, r.b, r.key, version)
	if err != nil {
		return err
	}
	list, err := s.objectACL(r.Context(), r.b, &o)
	if err != nil {
		return err
	}
	owner, err := s.ownerOf(r.Context(), r.b, o.Attributes)
	if err != nil {
		return err
	}
	return s.writeACL(w, r, owner, list)
}
