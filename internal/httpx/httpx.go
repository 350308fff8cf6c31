// Package httpx is what the HTTP edges share: request ids, one access line per request, RFC 9457 problems, strict JSON, and servers with limits.
//
// Services that serve HTTP may import it.
package httpx

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/rpc"
)

// NewServer makes an HTTP server with limits for outsiders: 10 s and 64 KiB for headers, 2 minutes of idling. Bodies have no time
// limit of their own, as objects are large; handlers bound them.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// NewRequestID draws an id of 16 hex digits.
func NewRequestID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return strings.ToUpper(hex.EncodeToString(b[:]))
}

// Access gives each request an id (in its context for rpc, and in the answer's header), and logs one line when it is over.
func Access(header string, log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := NewRequestID()
		w.Header().Set(header, id)
		rec := &Recorder{ResponseWriter: w}
		start := time.Now()
		defer func() {
			log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("id", id), slog.String("method", r.Method), slog.String("path", r.URL.Path),
				slog.Int("status", rec.Status()), slog.Int64("bytes", rec.Bytes), slog.Duration("took", time.Since(start)), slog.String("from", r.RemoteAddr))
		}()
		next.ServeHTTP(rec, r.WithContext(rpc.WithRequestID(r.Context(), id)))
	})
}

// Recorder remembers status and length of an answer. It forwards ReadFrom, so that files go out by sendfile, and Unwrap for
// http.ResponseController.
type Recorder struct {
	http.ResponseWriter
	Bytes  int64
	status int
}

// Status is the status sent, 200 when none was.
func (r *Recorder) Status() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

// Written reports whether the answer has begun.
func (r *Recorder) Written() bool { return r.status != 0 || r.Bytes > 0 }

// WriteHeader implements http.ResponseWriter.
func (r *Recorder) WriteHeader(status int) {
	if status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *Recorder) Write(p []byte) (int, error) {
	n, err := r.ResponseWriter.Write(p)
	r.Bytes += int64(n)
	return n, err
}

// ReadFrom implements io.ReaderFrom.
func (r *Recorder) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(r.ResponseWriter, src)
	r.Bytes += n
	return n, err
}

// Unwrap lets http.ResponseController find the connection.
func (r *Recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Problem is an RFC 9457 problem document.
type Problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Code      string `json:"code"` // the reason, or the code of internal/errs
	Detail    string `json:"detail"`
	RequestID string `json:"requestId,omitempty"`
}

// StatusOf maps codes to HTTP statuses for REST.
func StatusOf(code errs.Code) int {
	switch code {
	case errs.NotFound:
		return http.StatusNotFound
	case errs.AlreadyExists, errs.FailedPrecondition:
		return http.StatusConflict
	case errs.PermissionDenied:
		return http.StatusForbidden
	case errs.Unauthenticated:
		return http.StatusUnauthorized
	case errs.InvalidArgument:
		return http.StatusBadRequest
	case errs.ResourceExhausted:
		return http.StatusTooManyRequests
	case errs.Unavailable:
		return http.StatusServiceUnavailable
	case errs.DeadlineExceeded:
		return http.StatusGatewayTimeout
	case errs.Unimplemented:
		return http.StatusNotImplemented
	case errs.Canceled:
		return 499 // nginx's "client closed request": nobody reads it
	}
	return http.StatusInternalServerError
}

// WriteProblem renders err as a problem with the given status and logs the cause of those that are our fault.
func WriteProblem(w http.ResponseWriter, r *http.Request, log *slog.Logger, status int, err error) {
	id := rpc.RequestID(r.Context())
	if status >= 500 && status != http.StatusNotImplemented {
		log.ErrorContext(r.Context(), "request failed", "request", id, "err", err)
	}
	code := errs.ReasonOf(err)
	if code == "" {
		code = errs.CodeOf(err).String()
	}
	p := Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: errs.Public(err), RequestID: id}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(p)
}

// WriteJSON answers v.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err = w.Write(append(body, '\n'))
	return err
}

// ReasonTooLarge is the reason of InvalidArgument when a body is longer than its limit: HTTP has a status of its own for it.
const ReasonTooLarge = "BodyTooLarge"

// ReadJSON decodes a body of at most limit bytes into v: one value, no unknown fields. InvalidArgument otherwise, naming the field.
func ReadJSON(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); more == io.EOF {
			return nil
		}
		return errs.Newf(errs.InvalidArgument, "the body holds more than one JSON value")
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return errs.Newf(errs.InvalidArgument, "%s must be a JSON %s", e.Field, e.Type).Because(e.Field)
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return errs.Newf(errs.InvalidArgument, "the body is larger than %d bytes", limit).Because(ReasonTooLarge)
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		field = strings.Trim(field, `"`)
		return errs.Newf(errs.InvalidArgument, "unknown field %q", field).Because(field)
	}
	if errors.Is(err, io.EOF) {
		return errs.Newf(errs.InvalidArgument, "the body is empty")
	}
	return errs.New(errs.InvalidArgument, "the body is not valid JSON", err)
}
