package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/schema"
)

type versioningRequest struct {
	XMLName   xml.Name `xml:"VersioningConfiguration"`
	Status    string   `xml:"Status"`
	MFADelete string   `xml:"MfaDelete"`
}

func (s *Service) putBucketVersioning(w http.ResponseWriter, r *request) error {
	body, _, err := s.document(r, true)
	if err != nil {
		return err
	}
	var v versioningRequest
	if err := schema.Decode(body, &v); err != nil {
		return err
	}
	switch {
	case v.Status != catalog.Enabled && v.Status != catalog.Suspended, v.MFADelete != "" && v.MFADelete != "Enabled" && v.MFADelete != "Disabled":
		return malformedXML(nil)
	case v.MFADelete == "Enabled":
		return notImplemented("MfaDelete")
	}
	if _, err := s.catalog.SetVersioning(r.Context(), r.b, v.Status); err != nil {
		return err
	}
	return sendEmpty(w, http.StatusOK)
}
