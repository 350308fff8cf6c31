package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/tagging"
)

func (s *Service) putBucketTagging(w http.ResponseWriter, r *request) error {
	body, err := s.configuration(r)
	if err != nil {
		return err
	}
	set, err := tagging.Parse(body, tagging.Bucket)
	if err != nil {
		return err
	}
	if err := s.putSetting(r.Context(), r.b, settingTagging, set.XML()); err != nil {
		return err
	}
	return sendEmpty(w, http.StatusNoContent)
}
