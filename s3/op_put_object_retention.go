package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/schema"
)

type retentionRequest struct {
	XMLName xml.Name `xml:"Retention"`
	Mode    string   `xml:"Mode"`
	Until   string   `xml:"RetainUntilDate"`
}

func (s *Service) putObjectRetention(w http.ResponseWriter, r *request) error {
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
	var in retentionRequest
	if err := schema.Decode(body, &in); err != nil {
		return err
	}
	var to catalog.Retention // an empty document takes it away
	if in.Mode != "" || in.Until != "" {
		if in.Mode != catalog.Governance && in.Mode != catalog.Compliance || in.Until == "" {
			return malformedXML(nil)
		}
		to.Mode = in.Mode
		if to.Until, err = s.future(in.Until); err != nil {
			return err
		}
	}
	bypass := s.bypasses(r, r.key, version)
	_, err = s.amend(r, version, func(o *catalog.Object) error {
		if err := o.Retention.Change(to, s.o.Now(), bypass); err != nil {
			return err
		}
		o.Retention = to
		return nil
	})
	if err != nil {
		return err
	}
	return sendEmpty(w, http.StatusOK)
}
