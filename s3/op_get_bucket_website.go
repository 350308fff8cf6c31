package s3

import "net/http"

func (s *Service) getBucketWebsite(w http.ResponseWriter, r *request) error {
	c, err := settingOf(r.Context(), s, r.b, settingWebsite, parseWebsite)
	if err != nil {
		return err
	}
	if c == nil {
		return noWebsite()
	}
	return sendXML(w, c.XML())
}

func noWebsite() error {
	return fail("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")
}
