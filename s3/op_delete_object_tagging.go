package s3

import (
	"net/http"

	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/tagging"
)

func (s *Service) deleteObjectTagging(w http.ResponseWriter, r *request) error {
	if err := s.setTags(w, r, nil); err != nil {
		return err
	}
	return sendEmpty(w, http.StatusNoContent)
}

// setTags replaces all tags of the object that a request names.
func (s *Service) setTags(w http.ResponseWriter, r *request, set tagging.Set) error {
	version, err := versionOf(r.query)
	if err != nil {
		return err
	}
	o, err := s.amend(r, version, func(o *catalog.Object) error {
		o.Tags = set
		return nil
	})
	if err != nil {
		return err
	}
	setVersion(w.Header(), r.b, o)
	return nil
}
