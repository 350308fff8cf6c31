package s3

import "net/http"

func (s *Service) getBucketAccelerateConfiguration(w http.ResponseWriter, r *request) error {
	c, err := settingOf(r.Context(), s, r.b, settingAccelerate, parseAcceleration)
	if err != nil {
		return err
	}
	if c == nil {
		c = &acceleration{}
	}
	return sendXML(w, c.xml())
}
