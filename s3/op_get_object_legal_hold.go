package s3

import "net/http"

func (s *Service) getObjectLegalHold(w http.ResponseWriter, r *request) error {
	version, err := versionOf(r.query)
	if err != nil {
		return err
	}
	if err := lockable(r.b); err != nil {
		return err
	}
	o, err := s.catalog.Get(r.Context(), r.b, r.key, version)
	if err != nil {
		return err
	}
	status := "OFF"
	if o.LegalHold {
		status = "ON"
	}
	x := s.page()
	defer s.release(x)
	x.root("LegalHold")
	x.text("Status", status)
	x.close("LegalHold")
	return x.send(w, http.StatusOK)
}
