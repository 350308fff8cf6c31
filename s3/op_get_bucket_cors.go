package s3

import "net/http"

func (s *Service) getBucketCors(w http.ResponseWriter, r *request) error {
	c, err := settingOf(r.Context(), s, r.b, settingCORS, parseCORS)
	if err != nil {
		return err
	}
	if c == nil {
		return fail("NoSuchCORSConfiguration", "The CORS configuration does not exist")
	}
	return sendXML(w, c.XML())
}
