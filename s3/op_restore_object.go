package s3

import (
	"encoding/xml"
	"net/http"

	"github.com/opensds/gelato/adapters"
)

type restoreRequest struct {
	XMLName xml.Name `xml:"RestoreRequest"`
	Days    *int     `xml:"Days"`
}

// restoreObject would bring an object back from an archive. What is in none has nothing to restore, which S3 calls an invalid state; from the archives of
// backends no adapter can restore.
func (s *Service) restoreObject(_ http.ResponseWriter, r *request) error {
	version, err := versionOf(r.query)
	if err != nil {
		return err
	}
	body, _, err := s.document(r, true)
	if err != nil {
		return err
	}
	var in restoreRequest
	if err := decodeXML(body, &in); err != nil {
		return err
	}
	if in.Days != nil && *in.Days < 1 {
		return fail("InvalidArgument", "Days must be a positive integer")
	}
	o, err := s.head(r.Context(), r, r.b, r.key, version)
	if err != nil {
		return err
	}
	store, err := s.places.Store(r.Context(), o.Location.BackendID)
	if err != nil {
		return storeFailed(err)
	}
	if !adapters.Archived(store.Capabilities().S3Class(o.StorageClass)) {
		return fail("InvalidObjectState", "Restore is not allowed for the object's current storage class")
	}
	return notImplemented("RestoreObject from the archive of a backend")
}
