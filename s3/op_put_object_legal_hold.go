package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/schema"
)

type legalHoldRequest struct {
	XMLName xml.Name `xml:"LegalHold"`
	Status  string   `xml:"Status"`
}

func (s *Service) putObjectLegalHold(w http.ResponseWriter, r *request) error {
	version, err := versionOf(r.query)
	if err != nil {
		return err
	}
	body, err := s.configuration(r)
	if err != nil {
		return err
	}
	if err := lockable(r.b); err != nil {
		return err
	}
	var in legalHoldRequest
	if err := schema.Decode(body, &in); err != nil {
		return err
	}
	if in.Status != "ON" && in.Status != "OFF" {
		return malformedXML(nil)
	}
	_, err = s.amend(r, version, func(o *catalog.Object) error {
		o.LegalHold = in.Status == "ON"
		return nil
	})
	if err != nil {
		return err
	}
	return sendEmpty(w, http.StatusOK)
}
