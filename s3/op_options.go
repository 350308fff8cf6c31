package s3

import (
	"net/http"
	"strings"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/cors"
)

// preflight answers a browser that asks what a page may do. Browsers sign nothing here, and whether the request that follows is allowed is decided when it comes.
func (s *Service) preflight(w http.ResponseWriter, r *request) error {
	q := corsRequest(r)
	if q.Origin == "" {
		return fail("BadRequest", "Insufficient information. Origin request header needed.")
	}
	switch asked := r.Header.Get("Access-Control-Request-Method"); asked {
	case http.MethodGet, http.MethodPut, http.MethodHead, http.MethodPost, http.MethodDelete:
	case "":
		return fail("BadRequest", "Invalid Access-Control-Request-Method: null")
	default:
		return fail("BadRequest", "Invalid Access-Control-Request-Method: %s", asked)
	}
	if r.bucket == "" {
		return fail("MethodNotAllowed", "The specified method is not allowed against this resource.")
	}
	c, err := s.corsOf(r)
	switch {
	case errs.ReasonOf(err) == "NoSuchBucket":
		return fail("AccessForbidden", "CORSResponse: Bucket not found")
	case err != nil:
		return err
	case c == nil:
		return fail("AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.")
	}
	setVary(w.Header())
	if !c.Allow(w.Header(), q) {
		return fail("AccessForbidden", "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.")
	}
	return sendEmpty(w, http.StatusOK)
}

// crossOrigin sets what lets a page see the answer to its request, also when the answer is an error. The rules of the bucket decide nothing else, so a bucket that cannot be read
// is left to what comes next.
func (s *Service) crossOrigin(w http.ResponseWriter, r *request) {
	q := corsRequest(r)
	if q.Origin == "" || r.bucket == "" {
		return
	}
	if c, err := s.corsOf(r); err == nil && c != nil {
		setVary(w.Header())
		c.Allow(w.Header(), q)
	}
}

func (s *Service) corsOf(r *request) (*cors.Config, error) {
	b, err := s.catalog.Bucket(r.Context(), r.bucket)
	if err != nil {
		return nil, err
	}
	return settingOf(r.Context(), s, b, settingCORS, parseCORS)
}

// parseCORS reads rules as they are stored.
func parseCORS(text []byte) (*cors.Config, error) { return cors.Parse(text) }

// corsRequest is what a request says of the page behind it. S3 takes what only a preflight should send for what it says in every request.
func corsRequest(r *request) cors.Request {
	q := cors.Request{Origin: r.Header.Get("Origin"), Method: r.Method}
	if q.Origin == "" {
		return q
	}
	if asked := r.Header.Get("Access-Control-Request-Method"); asked != "" {
		q.Method = asked
	}
	for name := range strings.SplitSeq(strings.Join(r.Header["Access-Control-Request-Headers"], ","), ",") {
		if name = strings.TrimSpace(name); name != "" {
			q.Headers = append(q.Headers, name)
		}
	}
	return q
}

// setVary tells caches that the answer depends on the page that asks.
func setVary(h http.Header) {
	h["Vary"] = []string{"Origin, Access-Control-Request-Headers, Access-Control-Request-Method"}
}

// resourceType is what a preflight was about, as S3 says it in errors.
func resourceType(key string) string {
	if key == "" {
		return "BUCKET"
	}
	return "OBJECT"
}
