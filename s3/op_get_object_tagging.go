package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/tagging"
)

func (s *Service) getObjectTagging(w http.ResponseWriter, r *request) error {
	version, err := versionOf(r.query)
	if err != nil {
		return err
	}
	o, err := s.head(r.Context(), r, r.b, r.key, version)
	if o.DeleteMarker {
		setMarker(w.Header(), o, version != "")
	}
	if err != nil {
		return err
	}
	setVersion(w.Header(), r.b, o)
	return sendXML(w, tagging.Set(o.Tags).XML())
}
