// Package telemetry is how a process tells what it does: structured logs, metrics, liveness and readiness.
//
// Every service and cmd may import it. Nothing here is global: a Telemetry is made in main and handed down.
package telemetry

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/opensds/gelato/internal/errs"
)

// Telemetry holds what the parts of a process report to.
type Telemetry struct {
	Log      *slog.Logger
	Registry *prometheus.Registry

	mu     sync.Mutex
	checks []check
}

type check struct {
	name string
	f    func(context.Context) error
}

// New writes logs to w as text or json, from the given level on ("debug", "info", "warn", "error").
func New(w io.Writer, format, level string) (*Telemetry, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, errs.Newf(errs.InvalidArgument, "log level %q is not debug, info, warn or error", level)
	}
	options := &slog.HandlerOptions{Level: l}
	var h slog.Handler
	switch format {
	case "text":
		h = slog.NewTextHandler(w, options)
	case "json":
		h = slog.NewJSONHandler(w, options)
	default:
		return nil, errs.Newf(errs.InvalidArgument, "log format %q is not text or json", format)
	}
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return &Telemetry{Log: slog.New(h), Registry: r}, nil
}

// Check adds a condition of readiness. Readiness depends on a service's own listener and state, never on its peers.
func (t *Telemetry) Check(name string, f func(context.Context) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.checks = append(t.checks, check{name, f})
}

// Healthz answers 200 while the process runs.
func (t *Telemetry) Healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, "ok\n")
}

// Readyz answers 200 when every check passes within 2 s, else 503; the body names each check and its public outcome.
func (t *Telemetry) Readyz(w http.ResponseWriter, r *http.Request) {
	t.mu.Lock()
	checks := t.checks
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	status, outcome := http.StatusOK, map[string]string{}
	for _, c := range checks {
		outcome[c.name] = "ok"
		if err := c.f(ctx); err != nil {
			status, outcome[c.name] = http.StatusServiceUnavailable, errs.Public(err)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(outcome)
}

// Metrics serves the registry in Prometheus' format.
func (t *Telemetry) Metrics() http.Handler {
	return promhttp.HandlerFor(t.Registry, promhttp.HandlerOpts{Registry: t.Registry})
}
