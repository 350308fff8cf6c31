package assemble

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/httpx"
	"github.com/opensds/gelato/internal/telemetry"
)

// HTTP is a listener that answers from the moment it is made: first with what it was given for the start, and what Serve says from then on.
type HTTP struct {
	Name     string
	listener net.Listener
	server   *http.Server
	handler  atomic.Pointer[http.Handler]
	failed   chan error
}

// Listen takes the address, whose port may be 0, and answers there with starting until Serve is called. flag names the setting in errors.
// The caller closes it.
func Listen(name, flag, address string, starting http.Handler, tel *telemetry.Telemetry) (*HTTP, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, errs.New(errs.FailedPrecondition, "cannot listen on "+address+", which is --"+flag, err)
	}
	h := &HTTP{Name: name, listener: l, failed: make(chan error, 1)}
	h.Serve(starting)
	h.server = httpx.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*h.handler.Load()).ServeHTTP(w, r) }), tel.Log)
	go func() { h.failed <- h.server.Serve(l) }() // ends with the server
	return h, nil
}

// Serve changes what answers.
func (h *HTTP) Serve(handler http.Handler) { h.handler.Store(&handler) }

// Addr is the real address.
func (h *HTTP) Addr() string { return h.listener.Addr().String() }

// Close ends the listener and what is under way.
func (h *HTTP) Close() error { return h.server.Close() }

// run waits for ctx to end, and then for the requests under way.
func (h *HTTP) run(ctx context.Context) error {
	select {
	case err := <-h.failed:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Drain-time.Second)
	defer cancel()
	if err := h.server.Shutdown(ctx); err != nil {
		return errors.Join(err, h.server.Close())
	}
	return nil
}

// Starting answers 503: what a service says over HTTP while it waits for its state.
func Starting(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "still starting", http.StatusServiceUnavailable)
}

// Ops serves /healthz, /readyz and /metrics, and next everything else.
func Ops(tel *telemetry.Telemetry, next http.HandlerFunc) http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /healthz", tel.Healthz)
	m.HandleFunc("GET /readyz", tel.Readyz)
	m.Handle("GET /metrics", tel.Metrics())
	m.HandleFunc("/", next)
	return m
}
