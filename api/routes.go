package api

import (
	_ "embed"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/httpx"
)

const (
	maxBody     = 1 << 20
	bodyTime    = 30 * time.Second // to send a body
	answerTime  = 2 * time.Minute  // to take an answer; streams prolong it as they go
	tenant      = "default"
	tenantRoute = "/v1/{tenant}"
)

//go:embed openapi.yaml
var openAPI string

// handler does one request. An error is rendered as a problem; nothing must have been written then.
type handler func(w http.ResponseWriter, r *http.Request) error

// route is one line of REST, under /v1/{tenant}.
type route struct {
	method, path string
	do           handler
}

func (s *Service) table() []route {
	return []route{
		{"GET", "/types", s.listTypes},

		{"GET", "/backends", s.listBackends},
		{"POST", "/backends", s.createBackend},
		{"GET", "/backends/{id}", s.getBackend},
		{"PUT", "/backends/{id}", s.updateBackend},
		{"DELETE", "/backends/{id}", s.deleteBackend},
		{"POST", "/backends/{id}/probe", s.probeBackend},
		{"POST", "/backends/{id}/drain", notBuilt("drain")},

		{"GET", "/buckets", s.listBuckets},
		{"GET", "/buckets/{id}", s.getBucket},
		{"PUT", "/buckets/{id}/placement", s.placeBucket},
		{"POST", "/buckets/{id}/import", s.importBucket},

		{"GET", "/policies", s.listPolicies},
		{"POST", "/policies", s.createPolicy},
		{"GET", "/policies/{id}", s.getPolicy},
		{"PUT", "/policies/{id}", s.updatePolicy},
		{"DELETE", "/policies/{id}", s.deletePolicy},

		{"GET", "/plans", s.listPlans},
		{"POST", "/plans", s.createPlan},
		{"GET", "/plans/{id}", s.getPlan},
		{"PUT", "/plans/{id}", s.updatePlan},
		{"DELETE", "/plans/{id}", s.deletePlan},
		{"POST", "/plans/{id}/run", s.runPlan},
		{"POST", "/plans/{id}/dry-run", notBuilt("dry-run")},

		{"GET", "/jobs", s.listJobs},
		{"GET", "/jobs/{id}", s.getJob},
		{"POST", "/jobs/{id}/cancel", s.cancelJob},
		{"POST", "/jobs/{id}/pause", notBuilt("pause")},
		{"POST", "/jobs/{id}/resume", notBuilt("resume")},
		{"POST", "/jobs/{id}/retry", notBuilt("retry")},
		{"GET", "/jobs/{id}/report", s.jobReport},
		{"GET", "/jobs/{id}/failures", s.jobFailures},
		{"GET", "/jobs/{id}/events", s.jobEvents},

		{"GET", "/users", s.listUsers},
		{"POST", "/users", s.createUser},
		{"GET", "/users/{id}", s.getUser},
		{"PUT", "/users/{id}", s.updateUser},
		{"DELETE", "/users/{id}", s.deleteUser},

		{"GET", "/keys", s.listKeys},
		{"POST", "/keys", s.createKey},
		{"GET", "/keys/{id}", s.getKey},
		{"PUT", "/keys/{id}", s.updateKey},
		{"DELETE", "/keys/{id}", s.deleteKey},
	}
}

func (s *Service) router() chi.Router {
	r := chi.NewRouter()
	r.NotFound(s.handle(func(_ http.ResponseWriter, r *http.Request) error {
		return errs.Newf(errs.NotFound, "there is nothing at %s", strings.ToValidUTF8(r.URL.Path, "?"))
	}))
	r.MethodNotAllowed(func(w http.ResponseWriter, req *http.Request) {
		httpx.WriteProblem(w, req, s.log, http.StatusMethodNotAllowed,
			errs.Newf(errs.Unimplemented, "%s is not allowed here", req.Method).Because("method_not_allowed"))
	})
	r.Get("/healthz", s.o.Telemetry.Healthz)
	r.Get("/readyz", s.o.Telemetry.Readyz)
	r.Method("GET", "/metrics", s.o.Telemetry.Metrics())
	r.Get("/openapi.yaml", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		io.WriteString(w, openAPI)
	})
	r.Post("/v1/login", s.handle(notBuilt("login")))
	for _, t := range s.table() {
		r.Method(t.method, tenantRoute+t.path, s.handle(s.authenticated(t.do)))
	}
	return r
}

// handle runs do within the time limits of a connection, and is the one place where errors become problems.
func (s *Service) handle(do handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w) // a recorder of the tests has no deadlines
		c.SetReadDeadline(time.Now().Add(bodyTime))
		c.SetWriteDeadline(time.Now().Add(answerTime))
		if err := do(w, r); err != nil {
			httpx.WriteProblem(w, r, s.log, statusOf(err), err)
		}
	}
}

// statusOf is the mapping of errors to statuses: httpx's, and what REST says otherwise about single reasons.
func statusOf(err error) int {
	switch errs.ReasonOf(err) {
	case reasonProbe:
		return http.StatusUnprocessableEntity
	case httpx.ReasonTooLarge:
		return http.StatusRequestEntityTooLarge
	}
	return httpx.StatusOf(errs.CodeOf(err))
}

// notBuilt answers for a part of the contract that comes later.
func notBuilt(what string) handler {
	return func(http.ResponseWriter, *http.Request) error {
		return errs.Newf(errs.Unimplemented, "%s is not built yet", what).Because(what)
	}
}

// param returns a path parameter as the caller meant it: chi matches the escaped path when there is one.
func param(r *http.Request, name string) string {
	v := chi.URLParam(r, name)
	if r.URL.RawPath != "" {
		if u, err := url.PathUnescape(v); err == nil {
			return u
		}
	}
	return v
}
