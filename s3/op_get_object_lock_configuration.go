package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/catalog"
)

func (s *Service) getObjectLockConfiguration(w http.ResponseWriter, r *request) error {
	if !r.b.ObjectLock {
		return fail("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket")
	}
	x := s.page()
	defer s.release(x)
	x.root("ObjectLockConfiguration")
	x.text("ObjectLockEnabled", "Enabled")
	if d := r.b.DefaultRetention; d != (catalog.DefaultRetention{}) {
		x.open("Rule")
		x.open("DefaultRetention")
		x.text("Mode", d.Mode)
		if d.Days > 0 {
			x.number("Days", int64(d.Days))
		} else {
			x.number("Years", int64(d.Years))
		}
		x.close("DefaultRetention")
		x.close("Rule")
	}
	x.close("ObjectLockConfiguration")
	return x.send(w, http.StatusOK)
}
