package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/notify"
)

func (s *Service) getBucketNotificationConfiguration(w http.ResponseWriter, r *request) error {
	config, err := s.notificationOf(r.Context(), r.b)
	if err != nil {
		return err
	}
	if config == nil {
		config = &notify.Config{}
	}
	return sendXML(w, config.XML())
}
