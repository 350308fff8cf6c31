package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/website"
)

func (s *Service) putBucketWebsite(w http.ResponseWriter, r *request) error {
	body, _, err := s.document(r, true) // S3 demands no checksum here; s3cmd sends none
	if err != nil {
		return err
	}
	c, err := website.Parse(body)
	if err != nil {
		return err
	}
	if err := s.putSetting(r.Context(), r.b, settingWebsite, c.XML()); err != nil {
		return err
	}
	return sendEmpty(w, http.StatusOK)
}

// parseWebsite reads a configuration as it is stored.
func parseWebsite(text []byte) (*website.Config, error) { return website.Parse(text) }
