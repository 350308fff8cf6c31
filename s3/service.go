// Package s3 is the s3 service: the S3 API over HTTP, in front of the catalog (s3/catalog) and the stores of the backends.
//
// Only cmd imports it. A request is routed by one table (route.go), authenticated (s3/sigv4) before any work, and handled by one function per
// operation (op_<name>.go) that returns an error for one place to render (errors.go). Handlers read, call and write: what is true about buckets and objects is decided by the
// catalog. Bodies stream; a body that fails verification makes its reader fail before the last byte, so that nothing of it becomes visible.
package s3

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/opensds/gelato/internal/httpx"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/identitypb"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/sigv4"
)

// Deps are what the service needs of others.
type Deps struct {
	Catalog  catalog.API
	Places   Places // opens backends for object bytes
	Backends backendpb.BackendsClient
	Identity identitypb.IdentityClient
	Secrets  *seal.Box // opens the secrets of access keys
}

// Options tune the service. The zero Options works.
type Options struct {
	Region       string                // us-east-1 when empty; clients sign with it
	Domain       string                // host names below it name buckets; empty for path style alone
	RootUser     string                // may use every bucket; "root" when empty
	MaxRequests  int                   // served at once, 1,024 when 0; more are told to slow down
	StallTimeout time.Duration         // longest wait for the next bytes of a client, 60 s when 0
	Log          *slog.Logger          // discards when nil
	Metrics      prometheus.Registerer // no metrics when nil
	Now          func() time.Time      // time.Now when nil
}

// Service is the s3 service.
type Service struct {
	catalog  catalog.API
	places   Places
	backends backendpb.BackendsClient
	keys     *keys
	verifier *sigv4.Verifier
	table    []operation
	metrics  *metrics
	slots    chan struct{}
	o        Options

	small  sync.Pool // of *[]byte, smallBody
	large  sync.Pool // of *[]byte, copyBuffer
	frames sync.Pool // of *bufio.Reader for aws-chunked
	pages  sync.Pool // of *document
}

// New makes the service. It serves nothing until its Handler is.
func New(d Deps, o Options) (*Service, error) {
	if d.Catalog == nil || d.Places == nil || d.Backends == nil || d.Identity == nil || d.Secrets == nil {
		return nil, errors.New("s3: a dependency is missing")
	}
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.RootUser == "" {
		o.RootUser = "root"
	}
	if o.MaxRequests <= 0 {
		o.MaxRequests = 1024
	}
	if o.StallTimeout <= 0 {
		o.StallTimeout = time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Domain = strings.ToLower(o.Domain)
	s := &Service{catalog: d.Catalog, places: d.Places, backends: d.Backends, table: operations(), slots: make(chan struct{}, o.MaxRequests), o: o}
	s.keys = newKeys(d.Identity, d.Secrets, o.Now)
	s.verifier = sigv4.New(o.Region, s.keys.lookup, o.Now)
	var err error
	s.metrics, err = newMetrics(o.Metrics)
	return s, err
}

// Handler serves the S3 API.
func (s *Service) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// request is one S3 request.
type request struct {
	*http.Request
	id          string
	bucket, key string
	virtual     bool // the bucket came from the host name
	query       url.Values
	auth        sigv4.Auth
	control     *http.ResponseController
	received    int64 // bytes of the body read
}

// serve is the one way in: route, authenticate, handle, render, log.
func (s *Service) serve(hw http.ResponseWriter, hr *http.Request) {
	start := s.o.Now()
	id := httpx.NewRequestID()
	w := &httpx.Recorder{ResponseWriter: hw}
	r := &request{Request: hr.WithContext(rpc.WithRequestID(hr.Context(), id)), id: id, control: http.NewResponseController(hw)}
	w.Header()["X-Amz-Request-Id"] = []string{id}
	name, err := "Unknown", error(nil)
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				s.finish(w, r, name, start, cmp.Or(err, errAborted))
				panic(p)
			}
			s.o.Log.ErrorContext(hr.Context(), "handler panicked", "request", id, "operation", name, "panic", p, "stack", string(debug.Stack()))
			err = fail("InternalError", "%s", internalMessage)
			if w.Written() {
				s.finish(w, r, name, start, err)
				panic(http.ErrAbortHandler)
			}
			s.writeError(w, r, err)
		}
		s.finish(w, r, name, start, err)
	}()
	name, err = s.dispatch(w, r)
	if err == nil {
		return
	}
	if w.Written() { // too late for another status: a broken connection is the only truth left
		s.o.Log.WarnContext(r.Context(), "answer broken off", "request", id, "operation", name, "err", err)
		panic(http.ErrAbortHandler)
	}
	s.writeError(w, r, err)
}

var errAborted = errors.New("aborted")

// dispatch authenticates and calls the operation. It returns the operation's name for logs and metrics.
func (s *Service) dispatch(w http.ResponseWriter, r *request) (string, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return "Unknown", fail("SlowDown", "Please reduce your request rate.")
	}
	if err := r.control.SetWriteDeadline(s.o.Now().Add(s.o.StallTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return "Unknown", err
	}
	// net/http sends no 100 for an empty body, as nothing will be read; botocore then loses step with the connection and hangs in its next request.
	if r.ContentLength == 0 && r.Header.Get("Expect") != "" {
		w.WriteHeader(http.StatusContinue)
	}
	var err error
	if r.query, err = parseQuery(r.URL.RawQuery); err != nil {
		return "Unknown", err
	}
	r.bucket, r.key, r.virtual = locate(r.Host, r.URL.Path, s.o.Domain)
	if r.auth, err = s.verifier.Verify(r.Request, r.query, sigv4.Resource{Bucket: r.bucket, VirtualHost: r.virtual}); err != nil {
		return "Unknown", err
	}
	if err := sessionToken(r); err != nil {
		return "Unknown", err
	}
	if r.auth.Presigned {
		hoisted(r)
	}
	op, err := route(s.table, r.Method, r.bucket, r.key, r.query, r.Header)
	if err != nil {
		return "Unknown", err
	}
	if err := unbuiltFeature(r.Header); err != nil {
		return op.name, err
	}
	if err := checkKey(r.key); err != nil {
		return op.name, err
	}
	return op.name, op.handler(s, w, r)
}

func (s *Service) finish(w *httpx.Recorder, r *request, operation string, start time.Time, err error) {
	took := s.o.Now().Sub(start)
	s.metrics.observe(operation, w.Status(), took, r.received, w.Bytes)
	if !s.o.Log.Enabled(r.Context(), slog.LevelInfo) {
		return
	}
	attrs := [...]slog.Attr{slog.String("id", r.id), slog.String("operation", operation), slog.String("method", r.Method), slog.String("bucket", r.bucket),
		slog.String("key", r.key), slog.Int("status", w.Status()), slog.Int64("in", r.received), slog.Int64("out", w.Bytes), slog.Duration("took", took),
		slog.String("user", r.auth.User), slog.String("from", r.RemoteAddr), {}}
	n := len(attrs) - 1
	if err != nil {
		_, code, _ := render(err)
		attrs[n] = slog.String("code", code)
		n++
	}
	s.o.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", attrs[:n]...)
}

// writeError answers an error.
func (s *Service) writeError(w http.ResponseWriter, r *request, err error) {
	x := s.page()
	defer s.release(x)
	x.prolog()
	status := s.errorDocument(x, r, err)
	h := w.Header()
	if status == http.StatusNotModified {
		w.WriteHeader(status)
		return
	}
	if r.Method == http.MethodHead {
		h["Content-Type"] = []string{"application/xml"}
		w.WriteHeader(status)
		return
	}
	x.send(w, status)
}

// errorDocument renders an error. Causes that are our fault are logged here, once.
func (s *Service) errorDocument(x *document, r *request, err error) (status int) {
	status, code, message := render(err)
	if status == http.StatusInternalServerError || code == "ServiceUnavailable" {
		s.o.Log.ErrorContext(r.Context(), "request failed", "request", r.id, "bucket", r.bucket, "key", r.key, "err", err)
	}
	x.open("Error")
	x.text("Code", code)
	x.text("Message", message)
	switch code {
	case "AuthorizationHeaderMalformed":
		x.text("Region", s.o.Region)
	case "NoSuchBucket", "BucketAlreadyExists", "BucketAlreadyOwnedByYou", "BucketNotEmpty", "InvalidBucketName":
		x.text("BucketName", r.bucket)
	case "NoSuchKey":
		x.text("Key", printable(r.key))
	}
	x.text("Resource", r.URL.EscapedPath())
	x.text("RequestId", r.id)
	x.close("Error")
	return status
}
