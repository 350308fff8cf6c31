// Package s3 is the s3 service: the S3 API over HTTP, in front of the catalog (s3/catalog) and the stores of the backends.
//
// Only cmd imports it. A request is routed by one table (route.go), authenticated (s3/sigv4) before any work, and handled by one function per
// operation (op_<name>.go) that returns an error for one place to render (errors.go). Handlers read, call and write: what is true about buckets and objects is decided by the
// catalog. Bodies stream; a body that fails verification makes its reader fail before the last byte, so that nothing of it becomes visible.
package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/httpx"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/internal/trouble"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/identitypb"
	"github.com/opensds/gelato/s3/accesslog"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/keyring"
	"github.com/opensds/gelato/s3/notify"
	"github.com/opensds/gelato/s3/sigv4"
	"github.com/opensds/gelato/s3/sse"
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
	Region          string        // us-east-1 when empty; clients sign with it
	Domains         []string      // host names below them name buckets; empty for path style alone
	Websites        []string      // host names below them name buckets that are shown as websites; empty for none
	RefuseV2        bool          // Signature Version 2 is refused
	RootUser        string        // may use every bucket; "root" when empty
	ObjectOwnership string        // of new buckets whose creator does not say; ObjectWriter when empty
	MaxRequests     int           // served at once, 1,024 when 0; more are told to slow down
	StallTimeout    time.Duration // longest wait for the next bytes of a client, 60 s when 0
	Keyring         *keyring.Ring // of SSE-S3 and SSE-KMS; nil: they are refused
	// DefaultEncryption is what a bucket without an encryption configuration does: AES256, aws:kms, or nothing when empty.
	DefaultEncryption string
	PlainCustomerKeys bool                     // SSE-C over connections that others can read along
	TrustedProxies    []netip.Prefix           // whose X-Forwarded-Proto is believed
	Log               *slog.Logger             // discards when nil
	AccessLogs        accesslog.Options        // of buckets with logging
	Targets           map[string]notify.Target // of notifications, by the names that configurations use
	Events            notify.Options
	Metrics           prometheus.Registerer // no metrics when nil
	Now               func() time.Time      // time.Now when nil
}

// Service is the s3 service.
type Service struct {
	catalog  catalog.API
	places   Places
	backends backendpb.BackendsClient
	keys     *keys
	users    *users
	verifier *sigv4.Verifier
	table    []operation
	metrics  *metrics
	slots    chan struct{}
	o        Options
	keepUp   time.Duration // before a long answer begins; tests make it short

	small  sync.Pool // of *[]byte, smallBuffer
	large  sync.Pool // of *[]byte, copyBuffer
	frames sync.Pool // of *bufio.Reader for aws-chunked
	pages  sync.Pool // of *document

	segments sse.Buffers

	logs       *accesslog.Collector
	logTrouble *trouble.Log

	settings parsedSettings
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
	if o.ObjectOwnership == "" {
		o.ObjectOwnership = ObjectWriter
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
	s := &Service{catalog: d.Catalog, places: d.Places, backends: d.Backends, table: wholeTable(), slots: make(chan struct{}, o.MaxRequests), o: o, keepUp: keepAlive}
	s.keys = newKeys(d.Identity, d.Secrets, o.Now, o.Log)
	s.users = newUsers(d.Identity, o.Now, o.Log)
	s.verifier = sigv4.New(o.Region, s.keys.lookup, sigv4.Options{Now: o.Now, RefuseV2: o.RefuseV2})
	var err error
	if s.metrics, err = newMetrics(o.Metrics); err != nil {
		return nil, err
	}
	s.logTrouble = trouble.New(o.Log, "access logs are not delivered")
	o.AccessLogs.Lost = s.lostRecords
	s.logs = accesslog.New(logDelivery{s}, o.AccessLogs)
	return s, nil
}

// Run writes access logs until ctx ends, and then what is left of them.
func (s *Service) Run(ctx context.Context) error { return s.logs.Run(ctx) }

// Handler serves the S3 API.
func (s *Service) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// request is one S3 request.
type request struct {
	*http.Request
	id          string
	operation   string // its name, Unknown until it is routed
	bucket, key string
	virtual     bool // the bucket came from the host name
	site        bool // of a website
	query       url.Values
	auth        sigv4.Auth
	op          *operation
	b           catalog.Bucket // what bucket names, once the caller was admitted to it
	control     *http.ResponseController
	received    int64 // bytes of the body read
	lastRead    time.Time
	byACL       atomic.Bool // an access control list allowed something
	glance      glance
	read        *readDocument // the document in the body, once it was read
}

// answer is an http.ResponseWriter that remembers what was sent, and gives the client a time limit from the first byte of the answer on.
type answer struct {
	httpx.Recorder
	s     *Service
	r     *request
	first time.Time // when the answer began
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	a.first = a.s.o.Now()
	a.s.patience(a.r)
	a.Recorder.WriteHeader(status)
}

// patience prolongs the time that the client has for reading what is written next. A connection without deadlines has none.
func (s *Service) patience(r *request) {
	r.control.SetWriteDeadline(s.o.Now().Add(s.o.StallTimeout))
}

// serve is the one way in: route, authenticate, handle, render, log.
func (s *Service) serve(hw http.ResponseWriter, hr *http.Request) {
	start := s.o.Now()
	id := httpx.NewRequestID()
	r := &request{Request: hr.WithContext(rpc.WithRequestID(hr.Context(), id)), id: id, operation: "Unknown", control: http.NewResponseController(hw)}
	w := &answer{Recorder: httpx.Recorder{ResponseWriter: hw}, s: s, r: r}
	w.Header()["X-Amz-Request-Id"] = []string{id}
	err := s.dispatch(w, r)
	broken := err != nil && w.Written() // too late for another status: a broken connection is the only truth left
	switch {
	case broken:
		s.o.Log.WarnContext(r.Context(), "answer broken off", "request", id, "operation", r.operation, "err", err)
	case err != nil && r.site:
		s.writeSiteError(w, r, err)
	case err != nil:
		s.writeError(w, r, err)
	}
	s.finish(w, r, start, err)
	switch {
	case broken:
		panic(http.ErrAbortHandler)
	case err != nil:
		s.linger(r)
	}
}

// lingerTime is how long a client that was refused may go on sending, before its connection is reset.
const lingerTime = 2 * time.Second

// linger reads on after a refusal: a client that is still sending its body would find the connection reset, not the answer. aws-sdk-go-v2 sends it
// at once although it asks for 100 Continue.
func (s *Service) linger(r *request) {
	if r.ContentLength == 0 || r.control.Flush() != nil || r.control.SetReadDeadline(s.o.Now().Add(lingerTime)) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // it ends with the body, the connection or the time
}

// dispatch authenticates and calls the operation. A panic becomes an error.
func (s *Service) dispatch(w http.ResponseWriter, r *request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return fail("SlowDown", "Please reduce your request rate.")
	}
	if r.ContentLength != 0 { // also of a body that nobody reads but the server, to be able to use the connection again
		r.control.SetReadDeadline(s.o.Now().Add(s.o.StallTimeout))
	}
	// net/http sends no 100 for an empty body, as nothing will be read; botocore then loses step with the connection and hangs in its next request.
	if r.ContentLength == 0 && r.Header.Get("Expect") != "" {
		w.WriteHeader(http.StatusContinue)
	}
	if r.query, err = parseQuery(r.URL.RawQuery); err != nil {
		return err
	}
	if r.bucket, r.key, r.site = locate(r.Host, r.URL.Path, s.o.Websites); r.site {
		return s.browse(w, r)
	}
	r.bucket, r.key, r.virtual = locate(r.Host, r.URL.Path, s.o.Domains)
	if r.Method == http.MethodOptions {
		r.operation = "OPTIONS"
		return s.preflight(w, r)
	}
	s.crossOrigin(w, r)
	if r.auth, err = s.verifier.Verify(r.Request, r.query, sigv4.Resource{Bucket: r.bucket, VirtualHost: r.virtual}); err != nil {
		return err
	}
	if err := sessionToken(r); err != nil {
		return err
	}
	if r.auth.Presigned {
		if err := hoisted(r); err != nil {
			return err
		}
	}
	op, err := route(s.table, r.Method, r.bucket, r.key, r.query, r.Header)
	if err != nil && r.auth.Anonymous() {
		return accessDenied()
	}
	if err != nil {
		return err
	}
	r.operation, r.op = op.name, op
	if err := unbuiltFeature(r.Header); err != nil {
		return err
	}
	if err := checkKey(r.key); err != nil {
		return err
	}
	if err := s.admit(w, r); err != nil {
		return err
	}
	setCause(r)
	return s.conceal(w, r, op.handler(s, w, r))
}

// panicked makes an error of a panic, while its stack is still there.
func panicked(p any) error {
	return errs.New(errs.Internal, internalMessage, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
}

func (s *Service) finish(w *answer, r *request, start time.Time, err error) {
	took := s.o.Now().Sub(start)
	s.metrics.observe(r.operation, w.Status(), took, r.received, w.Bytes)
	s.logAccess(w, r, took, start, err)
	if !s.o.Log.Enabled(r.Context(), slog.LevelInfo) {
		return
	}
	attrs := [...]slog.Attr{slog.String("id", r.id), slog.String("operation", r.operation), slog.String("method", r.Method), slog.String("bucket", r.bucket),
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

// logFailure logs the cause of an answer that is our fault.
func (s *Service) logFailure(r *request, status int, code string, err error) {
	if status == http.StatusInternalServerError || code == "ServiceUnavailable" {
		s.o.Log.ErrorContext(r.Context(), "request failed", "request", r.id, "bucket", r.bucket, "key", r.key, "err", err)
	}
}

// errorDocument renders an error. Causes that are our fault are logged once.
func (s *Service) errorDocument(x *document, r *request, err error) (status int) {
	status, code, message := render(err)
	s.logFailure(r, status, code, err)
	x.open("Error")
	x.text("Code", code)
	x.text("Message", message)
	switch code {
	case "AuthorizationHeaderMalformed", "AuthorizationQueryParametersError":
		x.text("Region", s.o.Region)
	case "AccessForbidden":
		x.text("Method", r.Header.Get("Access-Control-Request-Method"))
		x.text("ResourceType", resourceType(r.key))
	case "NoSuchCORSConfiguration", "NoSuchLifecycleConfiguration", "NoSuchTagSet", "NoSuchWebsiteConfiguration":
		x.text("BucketName", r.bucket)
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
