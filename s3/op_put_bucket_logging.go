package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/accesslog"
)

func (s *Service) putBucketLogging(w http.ResponseWriter, r *request) error {
	body, _, err := s.document(r, true)
	if err != nil {
		return err
	}
	status, err := accesslog.Parse(body)
	if err != nil {
		return err
	}
	if status.Enabled == nil {
		err = s.putSetting(r.Context(), r.b, settingLogging, nil)
	} else if err = s.checkLogTarget(r.Context(), r.b, status); err == nil {
		err = s.putSetting(r.Context(), r.b, settingLogging, status.XML())
	}
	if err != nil {
		return err
	}
	return sendEmpty(w, http.StatusOK)
}
