package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/schema"
)

func (s *Service) putPublicAccessBlock(w http.ResponseWriter, r *request) error {
	body, _, err := s.document(r, true)
	if err != nil {
		return err
	}
	p, err := parsePublicAccess(body)
	if err != nil {
		return err
	}
	if err := s.putSetting(r.Context(), r.b, publicAccessSetting, schema.Encode(p)); err != nil {
		return err
	}
	w.Header()["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusOK)
	return nil
}
