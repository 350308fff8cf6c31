package s3

import "net/http"

func (s *Service) getObjectRetention(w http.ResponseWriter, r *request) error {
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
	if o.Retention.Mode == "" {
		return fail("NoSuchObjectLockConfiguration", "The specified object does not have a ObjectLock configuration")
	}
	x := s.page()
	defer s.release(x)
	x.root("Retention")
	x.text("Mode", o.Retention.Mode)
	x.time("RetainUntilDate", o.Retention.Until)
	x.close("Retention")
	return x.send(w, http.StatusOK)
}
