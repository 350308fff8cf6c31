package s3

import (
	"net/http"
	"strconv"

	"github.com/opensds/gelato/internal/errs"
)

// getBucketPolicy answers the document as it was put.
func (s *Service) getBucketPolicy(w http.ResponseWriter, r *request) error {
	if _, ok := r.b.Settings[policySetting]; !ok {
		return noSuchPolicy()
	}
	doc, err := s.catalog.Setting(r.Context(), r.b, policySetting)
	if errs.ReasonOf(err) == "NoSuchSetting" {
		return fail("OperationAborted", "A conflicting conditional operation is currently in progress against this resource. Please try again.")
	}
	if err != nil {
		return err
	}
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(doc))}
	w.WriteHeader(http.StatusOK)
	if _, err := w.Write(doc); err != nil {
		return clientGone(err)
	}
	return nil
}

func noSuchPolicy() error { return fail("NoSuchBucketPolicy", "The bucket policy does not exist") }
