package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/go-chi/chi/v5"
)

// TestOpenAPI compares the document with the router: each has every route of the other.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	var doc struct {
		OpenAPI string `yaml:"openapi"`
		Paths   map[string]map[string]yaml.Node
	}
	if err := yaml.Unmarshal([]byte(openAPI), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("openapi: %q", doc.OpenAPI)
	}
	documented := map[string]bool{}
	for path, methods := range doc.Paths {
		for method := range methods {
			if method != "parameters" {
				documented[strings.ToUpper(method)+" "+path] = true
			}
		}
	}
	served := map[string]bool{}
	err := chi.Walk(newRig(t).svc.router(), func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		served[method+" "+path] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(served) < 40 {
		t.Errorf("only %d routes: the test looks at the wrong place", len(served))
	}
	for _, r := range slices.Sorted(maps.Keys(served)) {
		if !documented[r] {
			t.Errorf("%s is served and not in openapi.yaml", r)
		}
	}
	for _, r := range slices.Sorted(maps.Keys(documented)) {
		if !served[r] {
			t.Errorf("%s is in openapi.yaml and not served", r)
		}
	}
}

// TestReferences resolves every $ref of the document.
func TestReferences(t *testing.T) {
	t.Parallel()
	var root any
	if err := yaml.Unmarshal([]byte(openAPI), &root); err != nil {
		t.Fatal(err)
	}
	n := 0
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				n++
				at := root
				for _, name := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
					m, _ := at.(map[string]any)
					at = m[name]
				}
				if at == nil {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(root)
	if n < 50 {
		t.Errorf("only %d references: the test looks at the wrong place", n)
	}
}

func TestOpenEndpoints(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for path, text := range map[string]string{"/healthz": "ok", "/readyz": "{", "/metrics": "", "/openapi.yaml": "openapi: 3.1.0"} {
		if got := r.as(t, "", "", "GET", path, ""); got.status != 200 || !strings.Contains(got.body, text) {
			t.Errorf("%s = %d %.80q", path, got.status, got.body)
		}
	}
}

func TestNowhere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct {
		method, path string
		status       int
		code         string
	}{
		{"GET", "/", 404, "not_found"},
		{"GET", "/v1/default/nothing", 404, "not_found"},
		{"GET", "/v1/other/backends", 404, "NoSuchTenant"},
		{"PATCH", "/v1/default/backends", 405, "method_not_allowed"},
		{"POST", "/v1/login", 501, "login"},
		{"POST", "backends/a/drain", 501, "drain"},
		{"POST", "plans/p/dry-run", 501, "dry-run"},
		{"POST", "jobs/j/pause", 501, "pause"},
		{"POST", "jobs/j/resume", 501, "resume"},
		{"POST", "jobs/j/retry", 501, "retry"},
	} {
		got := r.do(t, c.method, c.path, "")
		if p := got.problem(t); p.Status != c.status || p.Code != c.code {
			t.Errorf("%s %s = %d %q, want %d %q", c.method, c.path, p.Status, p.Code, c.status, c.code)
		}
	}
}
