package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/tagging"
)

func (s *Service) putObjectTagging(w http.ResponseWriter, r *request) error {
	body, err := s.configuration(r)
	if err != nil {
		return err
	}
	set, err := tagging.Parse(body, tagging.Object)
	if err != nil {
		return err
	}
	if err := s.setTags(w, r, set); err != nil {
		return err
	}
	return sendEmpty(w, http.StatusOK)
}
