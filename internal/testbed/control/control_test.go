package control

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/s3/catalog"
)

func posix(dir string) object { return object{"name": "files", "type": "posix", "bucketName": dir} }

// TestPosix walks through the life of a backend over REST.
func TestPosix(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	dir := t.TempDir()
	status, text := s.do(t, "POST", "backends", posix(dir))
	if status != 201 || !strings.Contains(text, `"state":"ready"`) || !strings.Contains(text, `"default":true`) {
		t.Fatalf("POST = %d %s", status, text)
	}
	if status, text := s.do(t, "POST", "backends/files/probe", nil); status != 200 || !strings.Contains(text, `"name":"multipart"`) {
		t.Errorf("probe = %d %s", status, text)
	}
	if status, text := s.do(t, "PUT", "backends/files", object{"name": "renamed"}); status != 200 || !strings.Contains(text, `"name":"renamed"`) {
		t.Errorf("PUT = %d %s", status, text)
	}
	if status, text := s.do(t, "DELETE", "backends/renamed", nil); status != 204 {
		t.Errorf("DELETE = %d %s", status, text)
	}
}

// TestInUseByPlan keeps a backend that a plan names.
func TestInUseByPlan(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	root := t.TempDir()
	for _, name := range []string{"a", "b"} {
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if status, text := s.do(t, "POST", "backends", object{"name": name, "type": "posix", "bucketName": dir}); status != 201 {
			t.Fatalf("POST = %d %s", status, text)
		}
	}
	plan := object{"name": "p", "mode": "copy", "source": object{"backend": "a"}, "destination": object{"backend": "b"}}
	if status, text := s.do(t, "POST", "plans", plan); status != 201 {
		t.Fatalf("plan = %d %s", status, text)
	}
	if p := s.problem(t, "DELETE", "backends/b", nil); p.Status != 409 || p.Code != "InUse" || !strings.Contains(p.Detail, `plan "p"`) {
		t.Errorf("DELETE = %+v", p)
	}
	if p := s.problem(t, "PUT", "backends/b", object{"name": "c"}); p.Status != 409 || p.Code != "InUse" {
		t.Errorf("rename = %+v", p)
	}
	if status, text := s.do(t, "DELETE", "plans/p", nil); status != 204 {
		t.Fatalf("DELETE plan = %d %s", status, text)
	}
	if status, text := s.do(t, "DELETE", "backends/b", nil); status != 204 {
		t.Errorf("DELETE = %d %s", status, text)
	}
}

// TestBuckets places and imports, and sees that a backend that a bucket needs stays.
func TestBuckets(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	root, ids := t.TempDir(), map[string]string{}
	for _, name := range []string{"a", "b"} {
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		status, text := s.do(t, "POST", "backends", object{"name": name, "type": "posix", "bucketName": dir})
		var b struct{ ID string }
		if err := json.Unmarshal([]byte(text), &b); err != nil || status != 201 {
			t.Fatalf("POST = %d %s", status, text)
		}
		ids[name] = b.ID
	}
	if _, err := s.catalog.CreateBucket(t.Context(), catalog.Bucket{Name: "photos", Owner: "root", BackendID: ids["a"]}, nil); err != nil {
		t.Fatal(err)
	}
	placed := func(on string) {
		t.Helper()
		if _, text := s.do(t, "GET", "buckets/photos", nil); !strings.Contains(text, `"placement":{"default":"`+on+`"}`) {
			t.Errorf("bucket is %s, want it on %s", text, on)
		}
	}
	placed("a")
	if p := s.problem(t, "PUT", "buckets/photos/placement", object{"default": "nowhere"}); p.Status != 400 || p.Code != "default" {
		t.Errorf("unknown backend: %+v", p)
	}
	if p := s.problem(t, "PUT", "buckets/absent/placement", object{"default": "b"}); p.Status != 404 || p.Code != "NoSuchBucket" || !strings.Contains(p.Detail, "absent") {
		t.Errorf("unknown bucket: %+v", p)
	}
	placed("a")
	if status, text := s.do(t, "PUT", "buckets/photos/placement", object{"default": "b"}); status != 200 {
		t.Errorf("PUT = %d %s", status, text)
	}
	placed("b")
	if p := s.problem(t, "DELETE", "backends/b", nil); p.Status != 409 || p.Code != "InUse" && p.Code != "Default" || !strings.Contains(p.Detail, "photos") {
		t.Errorf("DELETE of the placement = %+v", p)
	}
	before := s.state(t)
	if p := s.problem(t, "POST", "buckets/absent/import", object{"backend": "a"}); p.Status != 404 {
		t.Errorf("import into no bucket: %+v", p)
	}
	if after := s.state(t); after != before {
		t.Errorf("the state changed from\n%s\nto\n%s", before, after)
	}
	status, text := s.do(t, "POST", "buckets/photos/import", object{"backend": "a", "prefix": "p/"})
	var run struct{ JobID string }
	if err := json.Unmarshal([]byte(text), &run); err != nil || status != 202 {
		t.Fatalf("import = %d %s", status, text)
	}
	if _, text := s.do(t, "GET", "jobs/"+run.JobID, nil); !strings.Contains(text, `"mode":"import"`) || !strings.Contains(text, `"status":"pending"`) {
		t.Errorf("job = %s", text)
	}
	if p := s.problem(t, "PUT", "backends/a", object{"name": "c"}); p.Code != "InUse" || !strings.Contains(p.Detail, run.JobID) {
		t.Errorf("rename under a job = %+v", p)
	}
	if status, text := s.do(t, "POST", "jobs/"+run.JobID+"/cancel", nil); status != 200 {
		t.Errorf("cancel = %d %s", status, text)
	}
	if p := s.problem(t, "POST", "jobs/"+run.JobID+"/cancel", nil); p.Status != 409 {
		t.Errorf("cancel again = %+v", p)
	}
}

// TestBadBackends registers what must be refused, and looks whether anything changed.
func TestBadBackends(t *testing.T) {
	t.Parallel()
	if testbed.Short() {
		t.Skip("needs versitygw")
	}
	s := newStage(t)
	store := testbed.Versity(t, testbed.VersityOptions{Secret: "very-secret-store-key"})
	store.CreateBucket("taken")
	store.CreateBucket("free")
	s3 := func(more object) object {
		o := object{"name": "new", "type": "aws-s3", "endpoint": store.Endpoint, "region": store.Region, "bucketName": "free",
			"access": store.Access, "security": store.Secret, "options": object{"pathStyle": "true"}}
		for k, v := range more {
			o[k] = v
		}
		return o
	}
	if status, text := s.do(t, "POST", "backends", s3(object{"name": "store", "bucketName": "taken", "prefix": "in/"})); status != 201 {
		t.Fatalf("POST = %d %s", status, text)
	}
	alias := strings.Replace(store.Endpoint, "127.0.0.1", "localhost", 1)
	for _, c := range []struct {
		name   string
		in     object
		status int
		code   string
		detail string
	}{
		{"unknown type", s3(object{"type": "floppy"}), 400, "type", "floppy"},
		{"unknown field", s3(object{"colour": "red"}), 400, "colour", "colour"},
		{"unknown option", s3(object{"options": object{"speed": "9"}}), 400, "options.speed", "speed"},
		{"name taken", s3(object{"name": "store"}), 409, "NameTaken", "store"},
		{"same place", s3(object{"bucketName": "taken", "prefix": "in/"}), 409, "PlaceTaken", "store"},
		{"same place, another spelling", s3(object{"bucketName": "taken", "prefix": "in/", "endpoint": store.Endpoint + "/"}), 409, "PlaceTaken", "store"},
		{"same place, another host name", s3(object{"bucketName": "taken", "prefix": "in/", "endpoint": alias}), 409, "PlaceTaken", "store"},
		{"overlapping prefix", s3(object{"bucketName": "taken", "prefix": "in/ner/"}), 409, "PlaceTaken", "store"},
		{"whole bucket", s3(object{"bucketName": "taken"}), 409, "PlaceTaken", "store"},
		{"wrong secret", s3(object{"security": "a-wrong-secret"}), 422, "Probe", `step "open"`},
		{"wrong access", s3(object{"access": "nobody"}), 422, "Probe", `step "open"`},
		{"absent bucket", s3(object{"bucketName": "absent"}), 422, "Probe", `step "open"`},
		{"nobody listens", s3(object{"endpoint": "http://127.0.0.1:1"}), 422, "Probe", `step "open"`},
		{"no answer", s3(object{"endpoint": silent(t)}), 422, "Probe", "did not answer within 3s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, began := s.state(t), time.Now()
			p := s.problem(t, "POST", "backends", c.in)
			if p.Status != c.status || p.Code != c.code || !strings.Contains(p.Detail, c.detail) {
				t.Errorf("got %d %q %q, want %d %q with %q", p.Status, p.Code, p.Detail, c.status, c.code, c.detail)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("told after %v", took)
			}
			if after := s.state(t); after != before {
				t.Errorf("the state changed from\n%s\nto\n%s", before, after)
			}
			for o, err := range store.Client().List(t.Context(), "free", "") {
				t.Errorf("left %s, %v", o.Key, err)
			}
		})
	}
	for where, text := range map[string]string{"state": s.state(t), "log": s.log.String()} {
		for _, hush := range []string{store.Secret, "a-wrong-secret", secret} {
			if strings.Contains(text, hush) {
				t.Errorf("%q is in the %s", hush, where)
			}
		}
	}
}

// TestStoreGoesAway sees the state change over REST.
func TestStoreGoesAway(t *testing.T) {
	t.Parallel()
	if testbed.Short() {
		t.Skip("needs versitygw")
	}
	s := newStage(t)
	store := testbed.Versity(t, testbed.VersityOptions{})
	store.CreateBucket("native")
	in := object{"name": "store", "type": "aws-s3", "endpoint": store.Endpoint, "region": store.Region, "bucketName": "native",
		"access": store.Access, "security": store.Secret, "options": object{"pathStyle": "true"}}
	if status, text := s.do(t, "POST", "backends", in); status != 201 {
		t.Fatalf("POST = %d %s", status, text)
	}
	store.Stop()
	if p := s.problem(t, "POST", "backends/store/probe", nil); p.Status != 422 || p.Code != "Probe" {
		t.Errorf("probe = %+v", p)
	}
	var b struct{ State, StateDetail string }
	_, text := s.do(t, "GET", "backends/store", nil)
	if err := json.Unmarshal([]byte(text), &b); err != nil || b.State != "unreachable" || b.StateDetail == "" {
		t.Errorf("GET = %s, %v", text, err)
	}
}
