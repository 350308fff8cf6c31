package badinput

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
)

type object = map[string]any

// restStage is a gelato with one S3 backend "store" and a bucket "target" on it.
func restStage(t *testing.T) (*testbed.Gelato, *testbed.S3Server) {
	if testbed.Short() {
		t.Skip("needs the real process")
	}
	s := testbed.Versity(t, testbed.VersityOptions{})
	s.CreateBucket("native")
	s.CreateBucket("other")
	g := testbed.StartGelato(t, testbed.GelatoOptions{})
	if err := g.RegisterS3(t.Context(), "store", s, "native"); err != nil {
		t.Fatal(err)
	}
	if err := g.Client().CreateBucket(t.Context(), "target", "store"); err != nil {
		t.Fatal(err)
	}
	if err := g.Client().Put(t.Context(), "target", "kept", []byte(kept)); err != nil {
		t.Fatal(err)
	}
	return g, s
}

func TestREST(t *testing.T) {
	t.Parallel()
	g, s := restStage(t)
	posix := func(more object) object {
		o := object{"name": "new", "type": "posix", "bucketName": t.TempDir()}
		for k, v := range more {
			o[k] = v
		}
		return o
	}
	s3 := func(more object) object {
		o := object{"name": "new", "type": "aws-s3", "endpoint": s.Endpoint, "region": s.Region, "bucketName": "other",
			"access": s.Access, "security": s.Secret, "options": object{"pathStyle": "true"}}
		for k, v := range more {
			o[k] = v
		}
		return o
	}
	plan := func(more object) object {
		o := object{"name": "new", "mode": "relocate", "source": object{"bucket": "target"}, "destination": object{"backend": "local"}}
		for k, v := range more {
			o[k] = v
		}
		return o
	}
	for name, tc := range map[string]struct {
		method, path string
		in           any
		status       int
		detail       string // of the message, in lower case
	}{
		"unknown backend":             {"GET", "backends/nowhere", nil, 404, "nowhere"},
		"unknown type":                {"POST", "backends", posix(object{"type": "floppy"}), 400, "floppy"},
		"name taken":                  {"POST", "backends", posix(object{"name": "store"}), 409, "store"},
		"the same place twice":        {"POST", "backends", s3(object{"bucketName": "native"}), 409, "store"},
		"a prefix inside another":     {"POST", "backends", s3(object{"bucketName": "native", "prefix": "a/"}), 409, "store"},
		"unknown field":               {"POST", "backends", posix(object{"colour": "red"}), 400, "colour"},
		"no name":                     {"POST", "backends", posix(object{"name": ""}), 400, "name"},
		"unknown option":              {"POST", "backends", posix(object{"options": object{"speed": "9"}}), 400, "speed"},
		"wrong secret of the store":   {"POST", "backends", s3(object{"security": "wrong"}), 422, "signature"},
		"absent bucket of the store":  {"POST", "backends", s3(object{"bucketName": "absent"}), 422, "open"},
		"nobody listens":              {"POST", "backends", s3(object{"endpoint": "http://127.0.0.1:1"}), 422, "open"},
		"missing field":               {"POST", "backends", s3(object{"bucketName": ""}), 400, "bucketname is required"},
		"malformed endpoint":          {"POST", "backends", s3(object{"endpoint": "gopher://h"}), 400, "endpoint: must be a url"},
		"relative directory":          {"POST", "backends", posix(object{"bucketName": "dir"}), 400, "absolute"},
		"backend in use":              {"DELETE", "backends/store", nil, 409, "target"},
		"absent backend deleted":      {"DELETE", "backends/nowhere", nil, 404, "nowhere"},
		"drain not built":             {"POST", "backends/store/drain", object{"to": "local"}, 501, "drain"},
		"unknown bucket":              {"GET", "buckets/nowhere", nil, 404, "nowhere"},
		"place on an unknown backend": {"PUT", "buckets/target/placement", object{"default": "nowhere"}, 400, "nowhere"},
		"plan of an unknown bucket":   {"POST", "plans", plan(object{"source": object{"bucket": "nowhere"}}), 400, "nowhere"},
		"plan to an unknown backend":  {"POST", "plans", plan(object{"destination": object{"backend": "nowhere"}}), 400, "nowhere"},
		"plan onto itself":            {"POST", "plans", plan(object{"mode": "copy", "destination": object{"bucket": "target"}}), 400, "overlap"},
		"relocate onto itself": {"POST", "plans", plan(object{"source": object{"bucket": "target", "backend": "store"},
			"destination": object{"backend": "store"}}), 400, "same backend"},
		"unknown mode":               {"POST", "plans", plan(object{"mode": "teleport"}), 400, "teleport"},
		"reserved mode":              {"POST", "plans", plan(object{"mode": "verify"}), 501, "verify"},
		"limit not built":            {"POST", "plans", plan(object{"options": object{"bandwidthLimit": 1000}}), 501, "bandwidthlimit"},
		"unknown policy":             {"POST", "plans", plan(object{"policyId": "nope"}), 400, "nope"},
		"unknown plan run":           {"POST", "plans/nope/run", nil, 404, "nope"},
		"bad cron":                   {"POST", "policies", object{"name": "p", "schedule": object{"type": "cron", "cron": "61 * * * *"}}, 400, "cron"},
		"unknown time zone":          {"POST", "policies", object{"name": "p", "schedule": object{"type": "cron", "cron": "1 * * * *", "timezone": "Mars/X"}}, 400, "mars/x"},
		"unknown job":                {"GET", "jobs/nope", nil, 404, "nope"},
		"report of no job":           {"GET", "jobs/nope/report", nil, 404, "nope"},
		"cancel of no job":           {"POST", "jobs/nope/cancel", nil, 404, "nope"},
		"not JSON":                   {"POST", "plans", "{", 400, "json"},
		"two JSON values":            {"POST", "plans", "{} {}", 400, "json"},
		"body of 2 MiB":              {"POST", "plans", `{"name":"` + strings.Repeat("a", 2<<20) + `"}`, 413, "larger"},
		"limit no number":            {"GET", "jobs?limit=many", nil, 400, "limit"},
		"no such resource":           {"GET", "spoons", nil, 404, ""},
		"method not allowed":         {"DELETE", "types", nil, 405, ""},
		"import of a bucket of ours": {"POST", "buckets/nowhere/import", object{"backend": "store"}, 404, "nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, g.REST(t.Context(), tc.method, tc.path, tc.in, nil), tc.status, tc.detail)
		})
	}

	wantUnchanged(t, g.Client())
	var backends struct{ Items []struct{ Name string } }
	if err := g.REST(t.Context(), "GET", "backends", nil, &backends); err != nil || len(backends.Items) != 2 {
		t.Errorf("backends: got %v, %v, want local and store", backends, err)
	}
	for _, path := range []string{"plans", "policies", "jobs"} {
		var list struct{ Items []object }
		if err := g.REST(t.Context(), "GET", path, nil, &list); err != nil || len(list.Items) != 0 {
			t.Errorf("%s: got %v, %v, want none", path, list, err)
		}
	}
	for o, err := range s.Client().List(t.Context(), "other", "") {
		t.Errorf("a refused backend left %s, %v", o.Key, err)
	}
}

// A store that accepts connections and never answers is refused in reasonable time, and one that fell silent later is no reason to hang.
func TestSilentStore(t *testing.T) {
	t.Parallel()
	g, _ := restStage(t)
	silent := testbed.Versity(t, testbed.VersityOptions{})
	silent.CreateBucket("native")
	silent.Pause()
	defer silent.Resume()
	began := time.Now()
	err := g.RegisterS3(t.Context(), "silent", silent, "native")
	wantProblem(t, err, 422, "open")
	if took := time.Since(began); took > time.Minute {
		t.Errorf("refused after %v, want within a minute", took)
	}
	wantProblem(t, g.REST(t.Context(), http.MethodGet, "backends/silent", nil, nil), 404, "silent")
}

func TestRESTAuthentication(t *testing.T) {
	t.Parallel()
	g, _ := restStage(t)
	for name, auth := range map[string]func(r *http.Request){
		"none":           func(*http.Request) {},
		"wrong secret":   func(r *http.Request) { r.SetBasicAuth(g.Access, "wrong") },
		"unknown key":    func(r *http.Request) { r.SetBasicAuth("nobody", g.Secret) },
		"no such token":  func(r *http.Request) { r.Header.Set("Authorization", "Bearer abc") },
		"unknown scheme": func(r *http.Request) { r.Header.Set("Authorization", "Digest abc") },
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.API+"/v1/default/backends", nil)
			if err != nil {
				t.Fatal(err)
			}
			auth(r)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("got %d %s, want 401 and a problem", resp.StatusCode, resp.Header.Get("Content-Type"))
			}
		})
	}
}

func wantProblem(t *testing.T, err error, status int, detail string) {
	t.Helper()
	p, ok := errors.AsType[*testbed.Problem](err)
	if !ok {
		t.Errorf("got %v, want %d and a problem", err, status)
		return
	}
	if p.Status != status || !strings.Contains(strings.ToLower(p.Detail), detail) {
		t.Errorf("got %d %s: %q, want %d and a detail with %q", p.Status, p.Code, p.Detail, status, detail)
	}
	if p.ContentType != "application/problem+json" || p.Title == "" || p.Code == "" || p.RequestID == "" {
		t.Errorf("got %+v, want a problem with title, code and request id", p)
	}
	if strings.Contains(p.Detail, "testsecret") || strings.Contains(p.Detail, "rpc error") {
		t.Errorf("the detail tells what is private: %q", p.Detail)
	}
}
