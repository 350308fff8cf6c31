package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/opensds/gelato/internal/docstore/docstoretest"
	"github.com/opensds/gelato/internal/docstore/pebble"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/httpx"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/internal/telemetry"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
	"github.com/opensds/gelato/proto/identitypb"
)

const (
	rootAccess = "ROOTACCESS"
	rootSecret = "root-secret-of-the-test"
)

// rig is the service over HTTP, its peers played by scripted servers behind real gRPC.
type rig struct {
	svc      *Service
	url      string
	docs     *docstoretest.Faulty
	log      *lockedBuffer
	identity identitypb.IdentityClient
	flow     *flow
	backends *backends
	catalog  *catalog
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{log: &lockedBuffer{}, flow: newFlow(), backends: &backends{}, catalog: &catalog{}}
	docs, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { docs.Close() })
	r.docs = docstoretest.NewFaulty(docs, docstoretest.Faults{})
	box, err := seal.New(bytes.Repeat([]byte{9}, 32))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	l, conn := rpc.Pipe()
	server := rpc.NewServer(rpc.ServerOptions{Logger: log})
	r.svc, err = New(r.docs, box, Peers{backendpb.NewBackendsClient(conn), catalogpb.NewCatalogClient(conn), dataflowpb.NewDataflowClient(conn)},
		Options{Telemetry: &telemetry.Telemetry{Log: log, Registry: prometheus.NewRegistry()}, EventInterval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	backendpb.RegisterBackendsServer(server, r.backends)
	catalogpb.RegisterCatalogServer(server, r.catalog)
	dataflowpb.RegisterDataflowServer(server, r.flow)
	r.svc.Register(server)
	r.identity = identitypb.NewIdentityClient(conn)
	var served sync.WaitGroup
	served.Go(func() { server.Serve(l) })
	front := httptest.NewServer(r.svc.Handler())
	r.url = front.URL
	t.Cleanup(func() {
		front.Close()
		conn.Close()
		server.Stop()
		served.Wait()
	})
	if err := r.svc.EnsureRoot(t.Context(), rootAccess, rootSecret); err != nil {
		t.Fatal(err)
	}
	return r
}

// open opens a secret as the backend service does.
func (r *rig) open(sealed []byte) string {
	secret, err := r.svc.box.Open("request/backend", sealed)
	if err != nil {
		return err.Error()
	}
	return string(secret)
}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

// problem decodes the body of a refusal.
func (a answer) problem(t *testing.T) httpx.Problem {
	t.Helper()
	var p httpx.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.header.Get("Content-Type") != "application/problem+json" || p.Status != a.status || p.RequestID == "" {
		t.Errorf("%d %q is no problem document: %v", a.status, a.body, err)
	}
	return p
}

// into decodes the body of a good answer.
func (a answer) into(t *testing.T, status int, v any) {
	t.Helper()
	if a.status != status {
		t.Fatalf("got %d %s, want %d", a.status, a.body, status)
	}
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatal(err)
	}
}

// do asks as root; path is under /v1/default unless it begins with "/".
func (r *rig) do(t *testing.T, method, path, body string) answer {
	t.Helper()
	return r.as(t, rootAccess, rootSecret, method, path, body)
}

func (r *rig) as(t *testing.T, access, secret, method, path, body string) answer {
	t.Helper()
	if !strings.HasPrefix(path, "/") {
		path = "/v1/default/" + path
	}
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if access != "" {
		req.SetBasicAuth(access, secret)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// backends plays the backend service with two backends.
type backends struct {
	backendpb.UnimplementedBackendsServer
	mu      sync.Mutex
	calls   int
	created *backendpb.CreateRequest
	updated *backendpb.UpdateRequest
}

func twoBackends() []*backendpb.Backend {
	return []*backendpb.Backend{
		{Id: "be_a", Name: "a", Type: "posix", BucketName: "/a", SealedSecurity: []byte("sealed bytes"), IsDefault: true, State: "ready", Options: map[string]string{"k": "v"}},
		{Id: "be_b", Name: "b", Type: "posix", BucketName: "/b", Options: map[string]string{"readOnly": "true"}, State: "unreachable", StateDetail: "it is away"},
	}
}

func (b *backends) called() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
}

func (b *backends) Get(_ context.Context, r *backendpb.GetRequest) (*backendpb.Backend, error) {
	b.called()
	for _, x := range twoBackends() {
		if x.Id == r.IdOrName || x.Name == r.IdOrName {
			return x, nil
		}
	}
	return nil, errs.Newf(errs.NotFound, "there is no backend %q", r.IdOrName).Because("NoSuchBackend")
}

func (b *backends) List(_ context.Context, r *backendpb.ListRequest) (*backendpb.ListResponse, error) {
	b.called()
	out := &backendpb.ListResponse{}
	for _, x := range twoBackends() {
		if x.Name > r.After {
			out.Backends = append(out.Backends, x)
		}
	}
	out.More = len(out.Backends) > int(r.Limit)
	out.Backends = out.Backends[:min(int(r.Limit), len(out.Backends))]
	return out, nil
}

func (b *backends) Create(_ context.Context, r *backendpb.CreateRequest) (*backendpb.Backend, error) {
	b.called()
	b.mu.Lock()
	b.created = r
	b.mu.Unlock()
	switch r.Backend.Name {
	case "probe":
		return nil, errs.Newf(errs.FailedPrecondition, `the probe failed at step "write": access denied`).Because("Probe")
	case "taken":
		return nil, errs.Newf(errs.AlreadyExists, "taken").Because("PlaceTaken")
	}
	out := r.Backend
	out.Id, out.SealedSecurity = "be_new", []byte("sealed")
	return out, nil
}

func (b *backends) Update(_ context.Context, r *backendpb.UpdateRequest) (*backendpb.Backend, error) {
	b.mu.Lock()
	b.updated = r
	b.mu.Unlock()
	return twoBackends()[0], nil
}

func (b *backends) Probe(_ context.Context, r *backendpb.ProbeRequest) (*backendpb.ProbeResponse, error) {
	if r.IdOrName == "b" {
		return &backendpb.ProbeResponse{FailedStep: "open", Detail: "it is away"}, nil
	}
	return &backendpb.ProbeResponse{Ok: true, Steps: []*backendpb.ProbeResponse_Step{{Name: "open", Micros: 1500}}}, nil
}

// catalog plays the s3 service with one bucket.
type catalog struct {
	catalogpb.UnimplementedCatalogServer
	mu     sync.Mutex
	placed string
}

func theBucket() *catalogpb.Bucket {
	return &catalogpb.Bucket{Name: "photos", Id: "bk1", Owner: "root", BackendId: "be_a",
		Usage: []*catalogpb.Usage{{BackendId: "be_a", Objects: 2, Bytes: 10}, {BackendId: "be_gone", Objects: 1, Bytes: 5}}}
}

func (c *catalog) GetBucket(_ context.Context, r *catalogpb.GetBucketRequest) (*catalogpb.Bucket, error) {
	if r.Name != "photos" {
		return nil, errs.Newf(errs.NotFound, "there is no bucket %q", r.Name).Because("NoSuchBucket")
	}
	return theBucket(), nil
}

func (c *catalog) ListBuckets(context.Context, *catalogpb.ListBucketsRequest) (*catalogpb.ListBucketsResponse, error) {
	return &catalogpb.ListBucketsResponse{Buckets: []*catalogpb.Bucket{theBucket()}}, nil
}

func (c *catalog) SetPlacement(_ context.Context, r *catalogpb.SetPlacementRequest) (*catalogpb.Bucket, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.placed = r.Bucket + " on " + r.BackendId
	return theBucket(), nil
}

// flow plays dataflow: it keeps one policy and one plan, and runs no jobs.
type flow struct {
	dataflowpb.UnimplementedDataflowServer
	mu     sync.Mutex
	policy *dataflowpb.Policy
	plan   *dataflowpb.Plan
	adHoc  *dataflowpb.Plan
	jobs   chan *dataflowpb.Job // what GetJob answers next, after the first
	job    *dataflowpb.Job
	report func(grpc.ServerStreamingServer[dataflowpb.Outcome]) error
}

func newFlow() *flow {
	return &flow{jobs: make(chan *dataflowpb.Job, 10), job: &dataflowpb.Job{Id: "j1", Status: "running", Counters: &dataflowpb.Counters{}}}
}

func (f *flow) CreatePolicy(_ context.Context, p *dataflowpb.Policy) (*dataflowpb.Policy, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.Cron == "bad" {
		return nil, errs.Newf(errs.InvalidArgument, "schedule.cron has 1 field, not 5").Because("schedule.cron")
	}
	p.Id = "po_1"
	f.policy = p
	return p, nil
}

func (f *flow) GetPolicy(context.Context, *dataflowpb.ByName) (*dataflowpb.Policy, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.policy, nil
}

func (f *flow) UpdatePolicy(_ context.Context, r *dataflowpb.UpdatePolicyRequest) (*dataflowpb.Policy, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.policy = r.Policy
	f.policy.Id = r.IdOrName
	return f.policy, nil
}

func (f *flow) CreatePlan(_ context.Context, p *dataflowpb.Plan) (*dataflowpb.Plan, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.Id = "pl_1"
	f.plan = p
	return p, nil
}

func (f *flow) GetPlan(context.Context, *dataflowpb.ByName) (*dataflowpb.Plan, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.plan, nil
}

func (f *flow) UpdatePlan(_ context.Context, r *dataflowpb.UpdatePlanRequest) (*dataflowpb.Plan, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan = r.Plan
	f.plan.Id = r.IdOrName
	return f.plan, nil
}

func (f *flow) RunPlan(context.Context, *dataflowpb.RunPlanRequest) (*dataflowpb.Job, error) {
	return nil, errs.Newf(errs.AlreadyExists, "the plan has the open job j1").Because("OpenJob")
}

func (f *flow) RunAdHoc(_ context.Context, p *dataflowpb.Plan) (*dataflowpb.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.adHoc = p
	return &dataflowpb.Job{Id: "j2"}, nil
}

func (f *flow) GetJob(context.Context, *dataflowpb.ByName) (*dataflowpb.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.job
	select {
	case f.job = <-f.jobs:
	default:
	}
	return now, nil
}

func (f *flow) Report(_ *dataflowpb.ReportRequest, s grpc.ServerStreamingServer[dataflowpb.Outcome]) error {
	return f.report(s)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
