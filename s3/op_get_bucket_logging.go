package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/accesslog"
)

func (s *Service) getBucketLogging(w http.ResponseWriter, r *request) error {
	status, err := s.loggingOf(r.Context(), r.b)
	if err != nil {
		return err
	}
	if status == nil {
		status = &accesslog.Status{}
	}
	return sendXML(w, status.XML())
}
