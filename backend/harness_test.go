package backend

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/posix"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/pebble"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"

	"google.golang.org/grpc"
)

const testSecret = "s3cr3t/of+the=store"

// rig is a service on an embedded state, reached through its client.
type rig struct {
	svc    *Service
	client backendpb.BackendsClient
	docs   docstore.Store
	box    *seal.Box
	log    *lockedBuffer
	faults *faults
	peers  *peers
}

// newRig serves a new service on docs, or on an empty state when nil.
func newRig(t *testing.T, docs docstore.Store, o Options) *rig {
	t.Helper()
	if docs == nil {
		p, err := pebble.OpenMemory()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		docs = p
	}
	r := &rig{docs: docs, log: &lockedBuffer{}, faults: &faults{fail: map[string]error{}}, peers: &peers{}}
	var err error
	if r.box, err = seal.New(masterKey()); err != nil {
		t.Fatal(err)
	}
	if o.Notice == 0 {
		o.Notice = time.Millisecond
	}
	o.Logger = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	types := adapters.Registry{"posix": posix.Descriptor(), "faulty": r.faults.descriptor()}
	r.svc, err = New(t.Context(), docs, r.box, types, Peers{Catalog: r.peers, Dataflow: dataflowStub{p: r.peers}}, o)
	if err != nil {
		t.Fatal(err)
	}
	l, conn := rpc.Pipe()
	server := rpc.NewServer(rpc.ServerOptions{Logger: o.Logger})
	r.svc.Register(server)
	var served sync.WaitGroup
	served.Go(func() { server.Serve(l) })
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		served.Wait()
	})
	r.client = backendpb.NewBackendsClient(conn)
	return r
}

// create registers a store of the faulty type in dir.
func (r *rig) create(t *testing.T, name, dir string) *backendpb.Backend {
	t.Helper()
	b, err := r.client.Create(t.Context(), request(name, dir))
	if err != nil {
		t.Fatalf("Create %s: %v", name, err)
	}
	return b
}

func request(name, dir string) *backendpb.CreateRequest {
	return &backendpb.CreateRequest{SealedSecurity: sealed(testSecret), Backend: &backendpb.Backend{Name: name, Type: "faulty", BucketName: dir, Access: "key"}}
}

// sealed seals a secret as the api service does.
func sealed(secret string) []byte {
	box, err := seal.New(masterKey())
	if err != nil {
		panic(err)
	}
	return box.Seal("request/backend", []byte(secret))
}

func masterKey() []byte { return bytes.Repeat([]byte{7}, 32) }

// dump is the whole state, for "nothing changed".
func (r *rig) dump(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, c := range []string{indexCollection, recordCollection, healthCollection} {
		docs, err := r.docs.List(t.Context(), c, docstore.Range{Limit: 10000})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			if c == healthCollection {
				d.Rev, d.Body = "", nil // looked at by time
			}
			fmt.Fprintf(&b, "%s %q %s %q\n", c, d.Key, d.Rev, string(d.Body))
		}
	}
	return b.String()
}

// keysIn lists what Gelato sees in a directory through a fresh posix store, open uploads too.
func keysIn(t *testing.T, dir string) []string {
	t.Helper()
	st, err := posix.Descriptor().Open(t.Context(), adapters.Config{Type: "posix", BucketName: dir}, adapters.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	page, err := st.List(t.Context(), "", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	keys := []string{}
	for _, o := range page.Objects {
		keys = append(keys, o.Key)
	}
	uploads, err := st.ListUploads(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range uploads {
		keys = append(keys, "upload of "+u.Key)
	}
	return keys
}

// markerIn reads the marker of a directory, nil when there is none.
func markerIn(t *testing.T, dir string) *marker {
	t.Helper()
	st, err := posix.Descriptor().Open(t.Context(), adapters.Config{Type: "posix", BucketName: dir}, adapters.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	m, _, err := readMarker(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// want checks the kind of a failure.
func want(t *testing.T, err error, code errs.Code, reason, text string) {
	t.Helper()
	if !errs.Is(err, code) || errs.ReasonOf(err) != reason || !strings.Contains(errs.Public(err), text) {
		t.Errorf("got %v %q %q, want %v %q with %q", errs.CodeOf(err), errs.ReasonOf(err), errs.Public(err), code, reason, text)
	}
}

func mkdir(t *testing.T, path ...string) string {
	t.Helper()
	dir := filepath.Join(path...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// faults makes the operations of a posix store fail on demand. A fault of errHang blocks until the context ends.
type faults struct {
	mu     sync.Mutex
	fail   map[string]error // by operation: open, get, range, put, head, delete, list, create, part, complete
	writes int
}

var errHang = fmt.Errorf("hang")

func (f *faults) set(op string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail[op] = err
}

func (f *faults) hit(ctx context.Context, op string) error {
	f.mu.Lock()
	err := f.fail[op]
	f.mu.Unlock()
	if err == errHang {
		<-ctx.Done()
		return errs.New(errs.Unavailable, "the store went away", ctx.Err())
	}
	return err
}

func (f *faults) descriptor() adapters.Descriptor {
	d := posix.Descriptor()
	d.Fields = append(d.Fields, adapters.Field{Name: "access"}, adapters.Field{Name: "security", Secret: true}, adapters.Field{Name: "endpoint"})
	open := d.Open
	d.Open = func(ctx context.Context, c adapters.Config, deps adapters.Deps) (adapters.Store, error) {
		if err := f.hit(ctx, "open"); err != nil {
			return nil, err
		}
		st, err := open(ctx, adapters.Config{Type: "posix", BucketName: c.BucketName, Prefix: c.Prefix, Options: c.Options}, deps)
		if err != nil {
			return nil, err
		}
		return &faultyStore{st, f}, nil
	}
	return d
}

// peers answers for the catalog and dataflow: nothing is in use until said otherwise.
type peers struct {
	catalogpb.CatalogClient
	mu    sync.Mutex
	inUse string
	plans []*dataflowpb.Plan
	jobs  []*dataflowpb.Job
	asked func() // called when the catalog is asked
}

func (p *peers) BackendInUse(context.Context, *catalogpb.BackendInUseRequest, ...grpc.CallOption) (*catalogpb.BackendInUseResponse, error) {
	if p.asked != nil {
		p.asked()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return &catalogpb.BackendInUseResponse{InUse: p.inUse != "", Why: p.inUse}, nil
}

// dataflowStub is the dataflow side of peers.
type dataflowStub struct {
	dataflowpb.DataflowClient
	p *peers
}

func (d dataflowStub) ListPlans(context.Context, *dataflowpb.Page, ...grpc.CallOption) (*dataflowpb.Plans, error) {
	d.p.mu.Lock()
	defer d.p.mu.Unlock()
	return &dataflowpb.Plans{Plans: d.p.plans}, nil
}

func (d dataflowStub) OpenJobs(context.Context, *dataflowpb.Empty, ...grpc.CallOption) (*dataflowpb.Jobs, error) {
	d.p.mu.Lock()
	defer d.p.mu.Unlock()
	return &dataflowpb.Jobs{Jobs: d.p.jobs}, nil
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
