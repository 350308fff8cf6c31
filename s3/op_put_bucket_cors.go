package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/cors"
)

func (s *Service) putBucketCors(w http.ResponseWriter, r *request) error {
	body, err := s.configuration(r)
	if err != nil {
		return err
	}
	c, err := cors.Parse(body)
	if err != nil {
		return err
	}
	if err := s.putSetting(r.Context(), r.b, settingCORS, c.XML()); err != nil {
		return err
	}
	return sendEmpty(w, http.StatusOK)
}
