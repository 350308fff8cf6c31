package control

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/opensds/gelato/adapters/pool"
	"github.com/opensds/gelato/api"
	"github.com/opensds/gelato/backend"
	"github.com/opensds/gelato/dataflow"
	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/cluster"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/pebble"
	"github.com/opensds/gelato/internal/httpx"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/internal/telemetry"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/catalogrpc"
)

const (
	access = "ROOTACCESS"
	secret = "the-root-secret"
)

// stage is the services in one process.
type stage struct {
	url     string
	docs    docstore.Store
	log     *buffer
	backend *backend.Service
	catalog *catalog.Catalog
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{log: &buffer{}}
	docs, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { docs.Close() })
	s.docs = docs
	box, err := seal.New(bytes.Repeat([]byte{3}, 32))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	l, conn := rpc.Pipe()
	backends, buckets, flow := backendpb.NewBackendsClient(conn), catalogpb.NewCatalogClient(conn), dataflowpb.NewDataflowClient(conn)
	s.backend, err = backend.New(t.Context(), docs, box, registry(), backend.Peers{Catalog: buckets, Dataflow: flow},
		backend.Options{Logger: log, ProbeTimeout: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	clusterID, err := cluster.ID(t.Context(), docs)
	if err != nil {
		t.Fatal(err)
	}
	stores := pool.New(backends, box, registry(), pool.Options{Logger: log})
	t.Cleanup(func() { stores.Close() })
	s.catalog, err = catalog.New(docs, stores, blob.TagOf(clusterID), catalog.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	flows, err := dataflow.New(docs, buckets, backends, dataflow.Options{Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	rest, err := api.New(docs, box, api.Peers{Backends: backends, Catalog: buckets, Dataflow: flow},
		api.Options{Telemetry: &telemetry.Telemetry{Log: log, Registry: prometheus.NewRegistry()}})
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer(rpc.ServerOptions{Logger: log})
	s.backend.Register(server)
	flows.Register(server)
	rest.Register(server)
	catalogrpc.New(s.catalog, catalogrpc.Options{Log: log}).Register(server)
	var served sync.WaitGroup
	served.Go(func() { server.Serve(l) })
	front := httptest.NewServer(rest.Handler())
	s.url = front.URL
	t.Cleanup(func() {
		front.Close()
		conn.Close()
		server.Stop()
		served.Wait()
	})
	if err := rest.EnsureRoot(t.Context(), access, secret); err != nil {
		t.Fatal(err)
	}
	return s
}

type object = map[string]any

// do asks REST as root and returns status and body.
func (s *stage) do(t *testing.T, method, path string, in any) (int, string) {
	t.Helper()
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+"/v1/default/"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(access, secret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (s *stage) problem(t *testing.T, method, path string, in any) httpx.Problem {
	t.Helper()
	status, text := s.do(t, method, path, in)
	var p httpx.Problem
	if err := json.Unmarshal([]byte(text), &p); err != nil || p.Status != status || status < 400 {
		t.Errorf("%s %s = %d %s, want a problem", method, path, status, text)
	}
	return p
}

// state is every byte of the documents, health left out as it changes by itself.
func (s *stage) state(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, c := range []string{"backends", "backend_index", "users", "keys", "buckets", "plans", "plan-names", "policies", "jobs", "open-jobs"} {
		docs, err := s.docs.List(t.Context(), c, docstore.Range{Limit: 10000})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			b.WriteString(c + " " + d.Key + " " + string(d.Rev) + " " + string(d.Body) + "\n")
		}
	}
	return b.String()
}

// silent accepts connections and never answers.
func silent(t *testing.T) (endpoint string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		var held []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				for _, c := range held {
					c.Close()
				}
				return
			}
			held = append(held, c)
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return "http://" + l.Addr().String()
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *buffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *buffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
