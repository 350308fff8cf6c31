package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/notify"
)

func (s *Service) putBucketNotificationConfiguration(w http.ResponseWriter, r *request) error {
	body, _, err := s.document(r, true)
	if err != nil {
		return err
	}
	config, err := notify.Parse(body, s.o.Region, func(name string) bool { return s.o.Targets[name] != nil })
	if err != nil {
		return err
	}
	var stored []byte // nil: nobody is told of anything
	if !config.Empty() {
		if err := s.testTargets(r, config); err != nil {
			return err
		}
		stored = config.XML()
	}
	if err := s.putSetting(r.Context(), r.b, settingNotification, stored); err != nil {
		return err
	}
	return sendEmpty(w, http.StatusOK)
}
