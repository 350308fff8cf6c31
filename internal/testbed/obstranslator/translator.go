package obstranslator

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// Credentials and domain that clients of a Server use.
const (
	Access = "OBSTRANSLATORACCESS"
	Secret = "obstranslatorsecret0123456789"
	// Domain is the name below which hosts are buckets, as in "bucket.obs.test".
	Domain = "obs.test"
)

// maxSkew is how far the date of a request may be off (API reference of OBS, Date).
const maxSkew = 15 * time.Minute

// Server is a running translator.
type Server struct {
	Endpoint string // "http://127.0.0.1:PORT"

	upstream s3lite.Endpoint
	proxy    *httputil.ReverseProxy
	served   atomic.Int64
	refused  atomic.Int64
}

// Start runs a translator in front of an S3 server until the test ends.
func Start(t testing.TB, upstream s3lite.Endpoint) *Server {
	t.Helper()
	base, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true, WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10}
	s := &Server{upstream: upstream}
	s.proxy = &httputil.ReverseProxy{
		Transport:      transport,
		Rewrite:        func(r *httputil.ProxyRequest) { s.rewrite(r, base) },
		ModifyResponse: translateAnswer,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			answerError(w, r, http.StatusBadGateway, "InternalError", err.Error())
		},
		ErrorLog: log.New(io.Discard, "", 0), // clients that go away are part of the tests
	}
	srv := httptest.NewUnstartedServer(s)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	s.Endpoint = srv.URL
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		transport.CloseIdleConnections()
	})
	return s
}

// Served returns how many requests had a right signature.
func (s *Server) Served() int64 { return s.served.Load() }

// Refused returns how many requests were refused here.
func (s *Server) Refused() int64 { return s.refused.Load() }

// Dial connects to the translator whatever address is asked for, in place of a name server that knows Domain.
func (s *Server) Dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(s.Endpoint, "http://"))
}

// place is where a request goes.
type place struct {
	path     string // "/bucket/key", escaped as it was sent
	resource string // the same as it is signed
}

func placeOf(r *http.Request) place {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	host, _, _ := strings.Cut(r.Host, ":")
	if bucket, ok := strings.CutSuffix(host, "."+Domain); ok {
		path = "/" + bucket + path
	}
	p := place{path: path, resource: path}
	if len(path) > 1 && strings.IndexByte(path[1:], '/') < 0 { // a bucket alone
		p.resource += "/"
	}
	return p
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := placeOf(r)
	if code, why := s.verify(r, p); code != "" {
		s.refused.Add(1)
		answerError(w, r, http.StatusForbidden, code, why)
		return
	}
	s.served.Add(1)
	s.proxy.ServeHTTP(w, r)
}

// verify returns the error code of OBS for a request that is not signed as it must be.
func (s *Server) verify(r *http.Request, p place) (code, why string) {
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Amz-") {
			return "InvalidRequest", "a request of OBS has no header " + name
		}
	}
	got, ok := strings.CutPrefix(r.Header.Get("Authorization"), "OBS "+Access+":")
	if !ok {
		return "AccessDenied", "Authorization is not that of OBS, or of another access key"
	}
	date := r.Header.Get("x-obs-date")
	if date == "" {
		date = r.Header.Get("Date")
	}
	when, err := time.Parse(time.RFC1123, date)
	if err != nil {
		return "AccessDenied", fmt.Sprintf("the date %q is not one of RFC 1123", date)
	}
	if time.Since(when).Abs() > maxSkew {
		return "RequestTimeTooSkewed", "the date is too far off"
	}
	text := stringToSign(r.Method, r.Header, p.resource, r.URL.RawQuery)
	if got != signature(Secret, text) {
		return "SignatureDoesNotMatch", fmt.Sprintf("what is signed here: %q", text)
	}
	return "", ""
}

// rewrite makes a request of S3 of a verified one.
func (s *Server) rewrite(r *httputil.ProxyRequest, base *url.URL) {
	p := placeOf(r.In)
	u := *base
	u.RawPath = p.path
	u.Path, _ = url.PathUnescape(p.path)
	// SigV4 signs the query in this form.
	u.RawQuery = strings.ReplaceAll(r.In.URL.Query().Encode(), "+", "%20")
	r.Out.URL, r.Out.Host = &u, ""
	toS3(r.Out.Header)
	s3lite.Sign(r.Out, s.upstream, s3lite.UnsignedPayload, time.Now())
}

// obsError is the body of an error.
type obsError struct {
	XMLName   xml.Name `xml:"Error"`
	Code      string
	Message   string
	RequestID string `xml:"RequestId"`
	HostID    string `xml:"HostId"`
}

func answerError(w http.ResponseWriter, r *http.Request, status int, code, why string) {
	w.Header().Set("x-obs-request-id", "translator")
	if r.Method == http.MethodHead {
		w.Header().Set("x-obs-error-code", code)
		w.WriteHeader(status)
		return
	}
	b, err := xml.Marshal(obsError{Code: code, Message: why, RequestID: "translator"})
	if err != nil {
		panic(err) // a struct of strings
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = w.Write(append([]byte(xml.Header), b...))
}
