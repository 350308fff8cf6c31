package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/schema"
)

func (s *Service) getPublicAccessBlock(w http.ResponseWriter, r *request) error {
	p, err := settingOf(r.Context(), s, r.b, publicAccessSetting, parsePublicAccess)
	if err != nil {
		return err
	}
	if p == nil {
		return fail("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
	}
	x := s.page()
	defer s.release(x)
	x.b = append(x.b, schema.Encode(p)...)
	return x.send(w, http.StatusOK)
}
