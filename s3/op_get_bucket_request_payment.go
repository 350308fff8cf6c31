package s3

import "net/http"

func (s *Service) getBucketRequestPayment(w http.ResponseWriter, r *request) error {
	c, err := settingOf(r.Context(), s, r.b, settingRequestPayment, parsePayment)
	if err != nil {
		return err
	}
	if c == nil {
		c = &payment{Payer: payerOwner}
	}
	return sendXML(w, c.xml())
}
