package s3

import (
	"net/http"
	"strconv"

	"github.com/opensds/gelato/s3/catalog"
)

// Names of the settings of a bucket that hold configurations.
const (
	settingTagging        = "tagging"
	settingCORS           = "cors"
	settingLifecycle      = "lifecycle"
	settingWebsite        = "website"
	settingRequestPayment = "requestPayment"
	settingAccelerate     = "accelerate"
)

// configuration reads the document of a request that changes one of the sub-resources for which S3 demands a checksum.
func (s *Service) configuration(r *request) ([]byte, error) {
	body, p, err := s.document(r, true)
	if err != nil {
		return nil, err
	}
	if p.wantMD5 == nil && p.claim.algorithm == "" {
		return nil, fail("InvalidRequest", "Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
	}
	return body, nil
}

// setConfigured sets what the configurations of the bucket have to say of an object.
func (s *Service) setConfigured(h http.Header, r *request, o catalog.Object) {
	s.setTagCount(h, r, o)
	if r.query.Get("versionId") == "" {
		s.setExpiration(h, r, o)
	}
	if o.Redirect != "" {
		h["X-Amz-Website-Redirect-Location"] = []string{o.Redirect}
	}
	if _, ok := r.b.Settings[settingCORS]; ok { // also for those who come from no page: caches must not give their answer to a page
		setVary(h)
	}
}

// sendXML answers with a document that is there already.
func sendXML(w http.ResponseWriter, text []byte) error {
	h := w.Header()
	h["Content-Type"] = []string{"application/xml"}
	h["Content-Length"] = []string{strconv.Itoa(len(text))}
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(text)
	return err
}

// sendEmpty answers without a body.
func sendEmpty(w http.ResponseWriter, status int) error {
	if status != http.StatusNoContent {
		w.Header()["Content-Length"] = []string{"0"}
	}
	w.WriteHeader(status)
	return nil
}

// removeSetting is the handler of every operation that deletes a configuration; to delete none is no error.
func removeSetting(name string) func(*Service, http.ResponseWriter, *request) error {
	return func(s *Service, w http.ResponseWriter, r *request) error {
		if err := s.putSetting(r.Context(), r.b, name, nil); err != nil {
			return err
		}
		return sendEmpty(w, http.StatusNoContent)
	}
}
