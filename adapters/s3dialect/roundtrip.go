package s3dialect

import (
	"net/http"
	"strings"

	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/adapters/s3shape"
)

// roundTrip is the SDK's HTTP client: the bare transport, which follows no redirect and keeps no cookie.
type roundTrip struct{ t *http.Transport }

func (r roundTrip) Do(req *http.Request) (*http.Response, error) {
	resp, err := r.t.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	xml := answersXML(req)
	if xml || req.Method != http.MethodGet || resp.StatusCode >= 300 {
		httpstore.Bound(resp)
	}
	if xml {
		resp.Body = s3shape.LegalXML(resp.Body)
	}
	return resp, nil
}

// answersXML says that a request is a listing or about an upload, never for the bytes of an object.
func answersXML(req *http.Request) bool {
	q := req.URL.RawQuery
	return req.Method == http.MethodPost || req.Method == http.MethodGet && (strings.Contains(q, "list-type=") || strings.Contains(q, "uploads") || strings.Contains(q, "uploadId="))
}
