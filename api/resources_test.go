package api

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// TestBodies refuses by name what is unknown or not built, before any service hears of it.
func TestBodies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.do(t, "POST", "policies", `{"name":"p","schedule":{"type":"cron","cron":"* * * * *"}}`).into(t, 201, &policyJSON{})
	r.do(t, "POST", "plans", `{"name":"p","mode":"copy"}`).into(t, 201, &planJSON{})
	plan, policy := r.flow.plan, r.flow.policy
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"POST", "backends", `{"name":"x","colour":"red"}`, 400, "colour"},
		{"POST", "backends", `{"name":1}`, 400, "name"},
		{"POST", "backends", `{"name":"x"} {}`, 400, "invalid_argument"},
		{"POST", "backends", `nonsense`, 400, "invalid_argument"},
		{"POST", "backends", ``, 400, "invalid_argument"},
		{"POST", "backends", `{"name":"` + strings.Repeat("x", maxBody) + `"}`, 413, "BodyTooLarge"},
		{"POST", "backends?probe=maybe", `{}`, 400, "probe"},
		{"POST", "policies", `{"name":"x","window":{"from":"22:00"}}`, 501, "window"},
		{"POST", "policies", `{"name":"x","bandwidthLimit":5}`, 501, "bandwidthLimit"},
		{"POST", "policies", `{"name":"x","schedule":{"type":"interval","every":"fast"}}`, 400, "schedule.every"},
		{"POST", "policies", `{"name":"x","schedule":{"kind":"cron"}}`, 400, "kind"},
		{"POST", "policies", `{"name":"x","schedule":{"type":"cron","cron":"bad"}}`, 400, "schedule.cron"},
		{"POST", "plans", `{"name":"x","mode":"sync"}`, 501, "mode"},
		{"POST", "plans", `{"name":"x","mode":"import"}`, 400, "mode"},
		{"POST", "plans", `{"name":"x","filter":{"tags":{"a":"b"}}}`, 501, "filter.tags"},
		{"POST", "plans", `{"name":"x","filter":{"storageClass":"GLACIER"}}`, 501, "filter.storageClass"},
		{"POST", "plans", `{"name":"x","filter":{"metadata":{}}}`, 501, "filter.metadata"},
		{"POST", "plans", `{"name":"x","filter":{"manifest":"m"}}`, 501, "filter.manifest"},
		{"POST", "plans", `{"name":"x","options":{"strict":true}}`, 501, "options.strict"},
		{"POST", "plans", `{"name":"x","options":{"engine":"native"}}`, 501, "options.engine"},
		{"POST", "plans", `{"name":"x","options":{"then":"p2"}}`, 501, "options.then"},
		{"POST", "plans", `{"name":"x","options":{"bandwidthLimit":1}}`, 501, "options.bandwidthLimit"},
		{"POST", "plans", `{"name":"x","options":{"fast":true}}`, 400, "fast"},
		{"PUT", "plans/p", `{"options":{"priority":1}}`, 501, "options.priority"},
		{"PUT", "buckets/photos/placement", `{"default":"a","copies":2}`, 501, "copies"},
		{"PUT", "buckets/photos/placement", `{"default":"a","rules":[]}`, 501, "rules"},
		{"PUT", "buckets/photos/placement", `{"default":"nowhere"}`, 400, "default"},
		{"PUT", "buckets/photos/placement", `{"default":"b"}`, 400, "default"},
		{"PUT", "buckets/photos/placement", `{}`, 400, "default"},
		{"POST", "buckets/photos/import", `{"backend":"nowhere"}`, 400, "backend"},
		{"POST", "buckets/none/import", `{"backend":"a"}`, 404, "NoSuchBucket"},
		{"GET", "jobs?status=lost", ``, 400, "status"},
	} {
		got := r.do(t, c.method, c.path, c.body)
		if p := got.problem(t); p.Status != c.status || p.Code != c.code || p.Detail == "" {
			t.Errorf("%s %s %.60s = %d %q %q, want %d %q", c.method, c.path, c.body, p.Status, p.Code, p.Detail, c.status, c.code)
		}
	}
	if r.flow.plan != plan || r.flow.policy != policy || r.flow.adHoc != nil || r.catalog.placed != "" || r.backends.created != nil {
		t.Error("a refused request changed something")
	}
	if got := r.do(t, "POST", "plans", `{"name":"x","mode":"copy","filter":{"tags":null}}`); got.status != 201 {
		t.Errorf("a field that is not built, set to null: %d %s", got.status, got.body)
	}
}

func TestBackends(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var page list[map[string]any]
	got := r.do(t, "GET", "backends?limit=1", "")
	got.into(t, 200, &page)
	if len(page.Items) != 1 || page.Next != "a" || page.Items[0]["default"] != true || page.Items[0]["state"] != "ready" {
		t.Errorf("page %s", got.body)
	}
	if u := page.Items[0]["usage"].(map[string]any); u["objects"] != 2.0 || u["bytes"] != 10.0 {
		t.Errorf("usage %v", u)
	}
	got = r.do(t, "GET", "backends/b", "")
	if !strings.Contains(got.body, `"stateDetail":"it is away"`) || !strings.Contains(got.body, `"usage":{"objects":0,"bytes":0}`) {
		t.Errorf("b = %s", got.body)
	}
	for _, path := range []string{"backends", "backends/a"} {
		if got := r.do(t, "GET", path, ""); strings.Contains(strings.ToLower(got.body), "securit") || strings.Contains(got.body, "sealed") {
			t.Errorf("%s shows the secret: %s", path, got.body)
		}
	}
	if text, err := json.Marshal(backendJSON{Security: "hush hush"}); err != nil || strings.Contains(string(text), "hush") {
		t.Errorf("a secret goes out: %s, %v", text, err)
	}
	got = r.do(t, "POST", "backends?probe=false", `{"name":"n","type":"posix","bucketName":"/n","security":"hush hush","options":{"a":"b"},"default":true}`)
	if got.status != 201 || got.header.Get("Location") != "/v1/default/backends/be_new" || strings.Contains(got.body, "hush") || strings.Contains(r.log.String(), "hush") {
		t.Errorf("POST = %d %s at %q", got.status, got.body, got.header.Get("Location"))
	}
	if c := r.backends.created; r.open(c.GetSealedSecurity()) != "hush hush" || !c.GetSkipProbe() || !c.GetBackend().GetIsDefault() || c.GetBackend().GetOptions()["a"] != "b" {
		t.Errorf("created %v", c)
	}
	for name, want := range map[string][2]any{"probe": {422, "Probe"}, "taken": {409, "PlaceTaken"}} {
		if p := r.do(t, "POST", "backends", `{"name":"`+name+`"}`).problem(t); p.Status != want[0] || p.Code != want[1] {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if got := r.do(t, "POST", "backends/a/probe", ""); got.status != 200 || strings.TrimSpace(got.body) != `{"ok":true,"steps":[{"name":"open","millis":1.5}]}` {
		t.Errorf("probe a = %d %s", got.status, got.body)
	}
	if p := r.do(t, "POST", "backends/b/probe", "").problem(t); p.Status != 422 || !strings.Contains(p.Detail, `step "open": it is away`) {
		t.Errorf("probe b = %+v", p)
	}
}

// TestBackendMerge sends on only what the body changes.
func TestBackendMerge(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if got := r.do(t, "PUT", "backends/a", `{"region":"r","options":{"k":"","x":"y"}}`); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	u := r.backends.updated
	if u.GetIdOrName() != "be_a" || u.GetRegion() != "r" || u.Name != nil || u.BucketName != nil || u.SealedSecurity != nil || u.IsDefault != nil {
		t.Errorf("updated %v", u)
	}
	if v, there := u.GetOptions()["k"]; !there || v != "" || u.GetOptions()["x"] != "y" {
		t.Errorf("options %v", u.GetOptions())
	}
	if r.do(t, "PUT", "backends/a", `{"security":"hush hush"}`); r.open(r.backends.updated.GetSealedSecurity()) != "hush hush" {
		t.Errorf("updated %v", r.backends.updated)
	}
	if p := r.do(t, "PUT", "backends/a", `{"type":"aws-s3"}`).problem(t); p.Status != 400 || p.Code != "type" {
		t.Errorf("another type: %+v", p)
	}
	// What GET shows may be sent back.
	if got := r.do(t, "PUT", "backends/a", r.do(t, "GET", "backends/a", "").body); got.status != 200 {
		t.Errorf("GET then PUT: %d %s", got.status, got.body)
	}
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var b bucketJSON
	r.do(t, "GET", "buckets/photos", "").into(t, 200, &b)
	if b.Owner != "root" || b.Placement.Default != "a" || len(b.Usage) != 2 || b.Usage[0].Backend != "a" || b.Usage[1].Backend != "be_gone" {
		t.Errorf("bucket %+v", b)
	}
	var page list[bucketJSON]
	r.do(t, "GET", "buckets", "").into(t, 200, &page)
	if len(page.Items) != 1 || page.Items[0].Name != "photos" || page.Next != "" {
		t.Errorf("page %+v", page)
	}
	r.do(t, "PUT", "buckets/photos/placement", `{"default":"a"}`).into(t, 200, &b)
	if r.catalog.placed != "photos on be_a" {
		t.Errorf("placed %q", r.catalog.placed)
	}
	got := r.do(t, "POST", "buckets/photos/import", `{"backend":"be_b","prefix":"p/"}`)
	if got.status != 202 || strings.TrimSpace(got.body) != `{"jobId":"j2"}` || got.header.Get("Location") != "/v1/default/jobs/j2" {
		t.Errorf("import = %d %s", got.status, got.body)
	}
	if p := r.flow.adHoc; p.GetMode() != "import" || p.GetSource().GetBackend() != "b" || p.GetSource().GetPrefix() != "p/" || p.GetDestination().GetBucket() != "photos" {
		t.Errorf("ad-hoc plan %v", p)
	}
}

func TestPoliciesMerge(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var p policyJSON
	r.do(t, "POST", "policies", `{"name":"n","description":"d","schedule":{"type":"cron","cron":"0 3 * * *","timezone":"Europe/Berlin"}}`).into(t, 201, &p)
	r.do(t, "PUT", "policies/n", `{"description":"other"}`).into(t, 200, &p)
	if m := r.flow.policy; m.GetName() != "n" || m.GetDescription() != "other" || m.GetCron() != "0 3 * * *" || m.GetTimezone() != "Europe/Berlin" {
		t.Errorf("merged %v", m)
	}
	r.do(t, "PUT", "policies/n", `{"schedule":{"type":"interval","every":"36h"}}`).into(t, 200, &p)
	if m := r.flow.policy; m.GetScheduleType() != "interval" || m.GetEverySeconds() != 36*3600 || m.GetCron() != "" || m.GetTimezone() != "" || p.Schedule.Every != "36h" {
		t.Errorf("switched %v, shown %+v", m, p)
	}
}

func TestPlansMerge(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	whole := `{"name":"n","description":"d","mode":"relocate","source":{"bucket":"photos","backend":"a"},"destination":{"backend":"b"},
		"filter":{"prefix":"x/","include":["*.jpg"],"exclude":["t*"],"minSize":0,"maxSize":9,"olderThan":"7d","newerThan":"2026-01-02T03:04:05Z"},
		"policyId":"po_1","policyEnabled":true,
		"options":{"overwrite":"always","verify":"full","switchPlacement":false,"releaseSource":true,"concurrency":4}}`
	var p planJSON
	got := r.do(t, "POST", "plans", whole)
	got.into(t, 201, &p)
	if got.header.Get("Location") != "/v1/default/plans/pl_1" {
		t.Errorf("Location %q", got.header.Get("Location"))
	}
	m := r.flow.plan
	if f, o := m.GetFilter(), m.GetOptions(); f.MinSize == nil || f.GetMaxSize() != 9 || f.GetOlderThan() != "7d" || len(f.GetInclude()) != 1 ||
		o.SwitchPlacement == nil || o.GetSwitchPlacement() || o.GetConcurrency() != 4 || !m.GetPolicyEnabled() || m.GetSource().GetBackend() != "a" {
		t.Errorf("plan %v", m)
	}
	before, _ := json.Marshal(p)
	r.do(t, "PUT", "plans/n", `{}`).into(t, 200, &p)
	if after, _ := json.Marshal(p); string(after) != string(before) {
		t.Errorf("an empty merge changed\n%s\nto\n%s", before, after)
	}
	r.do(t, "PUT", "plans/n", `{"filter":{"minSize":5},"options":{"verify":"checksum"},"policyEnabled":false}`).into(t, 200, &p)
	if m := r.flow.plan; m.GetFilter().GetMinSize() != 5 || m.GetFilter().GetMaxSize() != 9 || m.GetOptions().GetVerify() != "checksum" ||
		m.GetOptions().GetOverwrite() != "always" || m.GetPolicyEnabled() || m.GetPolicyId() != "po_1" {
		t.Errorf("merged %v", m)
	}
	if p := r.do(t, "POST", "plans/n/run", "").problem(t); p.Status != 409 || p.Code != "OpenJob" {
		t.Errorf("run with an open job: %+v", p)
	}
}

func TestJobNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		job      *dataflowpb.Job
		progress float64
		eta      int64 // -1: null
	}{
		{"new", &dataflowpb.Job{Status: "pending"}, 0, -1},
		{"by bytes", &dataflowpb.Job{Status: "running", Rate: 10, TotalsFinal: true, Counters: &dataflowpb.Counters{TotalBytes: 200, PassedBytes: 50, TotalCount: 4}}, 25, 15},
		{"totals still grow", &dataflowpb.Job{Status: "running", Rate: 10, Counters: &dataflowpb.Counters{TotalBytes: 200, PassedBytes: 50}}, 25, -1},
		{"stalled", &dataflowpb.Job{Status: "running", TotalsFinal: true, Counters: &dataflowpb.Counters{TotalBytes: 200, PassedBytes: 50}}, 25, -1},
		{"empty objects", &dataflowpb.Job{Status: "running", Counters: &dataflowpb.Counters{TotalCount: 4, PassedCount: 1, SkippedCount: 1, FailedCount: 1}}, 75, -1},
		{"all passed, not over", &dataflowpb.Job{Status: "running", Counters: &dataflowpb.Counters{TotalBytes: 2, PassedBytes: 2}}, 99.9, -1},
		{"nothing to do", &dataflowpb.Job{Status: "succeeded", TotalsFinal: true}, 100, -1},
		{"failed half way", &dataflowpb.Job{Status: "failed", Counters: &dataflowpb.Counters{TotalBytes: 2, PassedBytes: 1}}, 50, -1},
	} {
		got := jobOf(c.job)
		eta := int64(-1)
		if got.ETASeconds != nil {
			eta = *got.ETASeconds
		}
		if got.Progress != c.progress || eta != c.eta {
			t.Errorf("%s: progress %v, eta %d, want %v, %d", c.name, got.Progress, eta, c.progress, c.eta)
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.flow.report = func(s grpc.ServerStreamingServer[dataflowpb.Outcome]) error {
		for i := range 3 {
			o := &dataflowpb.Outcome{Key: strings.Repeat("k", i+1), Bytes: 7, Outcome: "copied", Proof: "read-back",
				Source: &dataflowpb.Copy{Backend: "a", Algorithm: "CRC64NVME", Checksum: "AAA="}}
			if err := s.Send(o); err != nil {
				return err
			}
		}
		return nil
	}
	got := r.do(t, "GET", "jobs/j1/report", "")
	lines := strings.Split(strings.TrimSpace(got.body), "\n")
	want := `{"key":"kk","bytes":7,"outcome":"copied","source":{"backend":"a","algorithm":"CRC64NVME","checksum":"AAA="},"proof":"read-back"}`
	if got.status != 200 || got.header.Get("Content-Type") != "application/x-ndjson" || len(lines) != 3 || lines[1] != want {
		t.Errorf("report = %d %s", got.status, got.body)
	}
	r.flow.report = func(grpc.ServerStreamingServer[dataflowpb.Outcome]) error { return nil }
	if got := r.do(t, "GET", "jobs/j1/failures", ""); got.status != 200 || got.body != "" {
		t.Errorf("no failures = %d %q", got.status, got.body)
	}
	r.flow.report = func(grpc.ServerStreamingServer[dataflowpb.Outcome]) error {
		return errs.Newf(errs.NotFound, "there is no job")
	}
	if p := r.do(t, "GET", "jobs/j1/report", "").problem(t); p.Status != 404 {
		t.Errorf("a failure before the first line: %+v", p)
	}
	// A report that breaks on the way must not look whole.
	r.flow.report = func(s grpc.ServerStreamingServer[dataflowpb.Outcome]) error {
		for range 5000 {
			if err := s.Send(&dataflowpb.Outcome{Key: strings.Repeat("k", 100)}); err != nil {
				return err
			}
		}
		return errors.New("disk on fire")
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", r.url+"/v1/default/jobs/j1/report", nil)
	req.SetBasicAuth(rootAccess, rootSecret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("a report that broke on the way ended well")
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, j := range []*dataflowpb.Job{
		{Id: "j1", Status: "running", Counters: &dataflowpb.Counters{TotalCount: 2, PassedCount: 1}},
		{Id: "j1", Status: "succeeded", Counters: &dataflowpb.Counters{TotalCount: 2, PassedCount: 2}},
	} {
		r.flow.jobs <- j
	}
	got := r.do(t, "GET", "jobs/j1/events", "")
	if got.status != 200 || got.header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", got.status, got.header)
	}
	var statuses []string
	for in := bufio.NewScanner(strings.NewReader(got.body)); in.Scan(); {
		if data, ok := strings.CutPrefix(in.Text(), "data: "); ok {
			var j jobJSON
			if err := json.Unmarshal([]byte(data), &j); err != nil {
				t.Fatal(err)
			}
			statuses = append(statuses, j.Status)
		}
	}
	if s := strings.Join(statuses, " "); s != "running running succeeded" {
		t.Errorf("events %q in %q", s, got.body)
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		seconds duration
		back    string
	}{
		"90s": {90, "90s"}, "24h": {86400, "24h"}, "7d": {7 * 86400, "7d"}, "15m": {900, "15m"}, "1h30m": {5400, "90m"}, "1d2h3m4s": {93784, "93784s"}, "0s": {0, "0s"},
	} {
		got, err := parseDuration(text)
		if err != nil || got != want.seconds || got.String() != want.back {
			t.Errorf("%q = %d %q, %v, want %d %q", text, got, got, err, want.seconds, want.back)
		}
	}
	for _, bad := range []string{"", "5", "s", "1w", "1m1h", "1h1h", "-1s", "1.5h", " 1h", "9223372036854775807d", "99999999999999999999s"} {
		if got, err := parseDuration(bad); !errs.Is(err, errs.InvalidArgument) {
			t.Errorf("%q = %d, %v", bad, got, err)
		}
	}
}

// While the state is away REST answers 503 as a problem, whatever is asked and by whom, and goes on by itself. A wrong secret is not told from a good one then.
func TestStateAway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, on := range []bool{true, false} {
		r.docs.Away(on)
		for _, c := range []struct{ method, path, body string }{{"GET", "keys", ""}, {"POST", "users", `{"name":"u"}`}, {"GET", "users", ""}} {
			a := r.do(t, c.method, c.path, c.body)
			if on && a.problem(t).Status != 503 || !on && a.status/100 != 2 {
				t.Errorf("away %v: %s %s answers %d %s", on, c.method, c.path, a.status, a.body)
			}
		}
		want := map[bool]int{true: 503, false: 401}[on]
		if a := r.as(t, rootAccess, "wrong", "GET", "keys", ""); a.status != want {
			t.Errorf("away %v: a wrong secret gets %d, want %d", on, a.status, want)
		}
	}
}
