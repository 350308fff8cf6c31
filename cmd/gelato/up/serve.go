package up

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/adapters/all"
	"github.com/opensds/gelato/adapters/pool"
	"github.com/opensds/gelato/api"
	"github.com/opensds/gelato/backend"
	"github.com/opensds/gelato/dataflow"
	"github.com/opensds/gelato/datamover"
	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/cluster"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/pebble"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/httpx"
	"github.com/opensds/gelato/internal/queue/embedded"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/internal/run"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/internal/telemetry"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
	"github.com/opensds/gelato/proto/identitypb"
	"github.com/opensds/gelato/s3"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/catalogrpc"
	"github.com/opensds/gelato/scheduler"
)

const drain = 20 * time.Second

// serve runs everything until ctx ends and everything is drained.
func serve(ctx context.Context, s settings, tel *telemetry.Telemetry, out io.Writer) (err error) {
	tuneMemory()
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return errs.New(errs.InvalidArgument, "the data directory cannot be made", err)
	}
	docs, err := pebble.Open(filepath.Join(s.data, "state"), pebble.Options{Logger: tel.Log, Registerer: tel.Registry})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docs.Close()) }()
	box, err := seal.Load(s.masterKeyFile, true)
	if err != nil {
		return err
	}
	access, secret, err := rootCredentials(s, out)
	if err != nil {
		return err
	}
	s3Listener, err := net.Listen("tcp", s.s3Listen)
	if err != nil {
		return errs.New(errs.FailedPrecondition, "cannot listen for S3 on "+s.s3Listen, err)
	}
	defer s3Listener.Close()
	apiListener, err := net.Listen("tcp", s.apiListen)
	if err != nil {
		return errs.New(errs.FailedPrecondition, "cannot listen for REST on "+s.apiListen, err)
	}
	defer apiListener.Close()

	p, err := assemble(ctx, s, tel, docs, box)
	if err != nil {
		return err
	}
	defer p.close()
	defer p.close()
	serving, ready := context.WithCancel(ctx)
	defer ready()
	parts := append(p.parts,
		run.Part{Name: "rest", Run: httpServer(p.rest, apiListener, tel), Drain: drain},
		run.Part{Name: "s3", Run: httpServer(p.s3.Handler(), s3Listener, tel), Drain: drain},
		run.Part{Name: "first start", Run: func(ctx context.Context) error {
			if err := p.firstStart(ctx, s, access, secret); err != nil {
				return err
			}
			fmt.Fprintf(out, "gelato ready s3=http://%s api=http://%s\n", s3Listener.Addr(), apiListener.Addr())
			ready()
			<-ctx.Done()
			return nil
		}})
	tel.Check("start", func(context.Context) error {
		if serving.Err() == nil {
			return errs.Newf(errs.Unavailable, "still starting")
		}
		return nil
	})
	tel.Check("state", func(ctx context.Context) error { _, err := cluster.ID(ctx, docs); return err })
	return run.All(ctx, tel.Log, parts...)
}

// process is the assembled services, not yet running.
type process struct {
	backend *backend.Service
	api     *api.Service
	s3      *s3.Service
	rest    http.Handler
	parts   []run.Part
	conns   []*grpc.ClientConn
	pool    *pool.Pool
}

// assemble makes every service with in-memory connections between them. Each gRPC service has a server of its own, as it would have in a
// process of its own.
func assemble(ctx context.Context, s settings, tel *telemetry.Telemetry, docs docstore.Store, box *seal.Box) (*process, error) {
	p := &process{}
	server := func(name string) (*grpc.Server, *grpc.ClientConn) {
		l, conn := rpc.Pipe()
		g := rpc.NewServer(rpc.ServerOptions{Logger: tel.Log.With("service", name)})
		p.conns = append(p.conns, conn)
		p.parts = append(p.parts, run.Part{Name: name + " rpc", Run: grpcServer(g, l), Drain: drain})
		return g, conn
	}
	backendServer, backendConn := server("backend")
	apiServer, apiConn := server("api")
	catalogServer, catalogConn := server("s3")
	dataflowServer, dataflowConn := server("dataflow")
	backends, identity := backendpb.NewBackendsClient(backendConn), identitypb.NewIdentityClient(apiConn)
	catalogs, flows := catalogpb.NewCatalogClient(catalogConn), dataflowpb.NewDataflowClient(dataflowConn)

	id, err := cluster.ID(ctx, docs)
	if err != nil {
		return nil, err
	}
	types := all.Registry()
	p.pool = pool.New(backends, box, types, pool.Options{Metrics: tel.Registry, Logger: tel.Log})
	if p.backend, err = backend.New(ctx, docs, box, types, backend.Peers{Catalog: catalogs, Dataflow: flows}, backend.Options{Logger: tel.Log.With("service", "backend"), Region: s.region}); err != nil {
		return nil, err
	}
	p.backend.Register(backendServer)
	if p.api, err = api.New(docs, box, api.Peers{Backends: backends, Catalog: catalogs, Dataflow: flows}, api.Options{Telemetry: tel}); err != nil {
		return nil, err
	}
	p.api.Register(apiServer)
	p.rest = p.api.Handler()
	heads, err := catalog.New(docs, p.pool, blob.TagOf(id), catalog.Options{TTL: s.ttl, SweepInterval: s.sweepInterval, GarbageGrace: s.garbageGrace, LeaseTTL: s.ttl, Log: tel.Log.With("service", "s3")})
	if err != nil {
		return nil, err
	}
	catalogrpc.New(heads, catalogrpc.Options{Log: tel.Log.With("service", "s3")}).Register(catalogServer)
	if p.s3, err = s3.New(s3.Deps{Catalog: heads, Places: p.pool, Backends: backends, Identity: identity, Secrets: box},
		s3.Options{Region: s.region, Domain: s.domain, Log: tel.Log.With("service", "s3"), Metrics: tel.Registry}); err != nil {
		return nil, err
	}
	flow, err := dataflow.New(docs, catalogs, backends, dataflow.Options{Logger: tel.Log.With("service", "dataflow"), LeaseTTL: s.ttl})
	if err != nil {
		return nil, err
	}
	flow.Register(dataflowServer)
	work := embedded.New(embedded.Options{})
	leader, err := scheduler.New(scheduler.Deps{Docs: docs, Queue: work, Dataflow: flows, Catalog: catalogs, Backends: backends, Stores: p.pool},
		scheduler.Options{Logger: tel.Log.With("service", "scheduler"), LeaseTTL: min(10*time.Second, s.ttl)})
	if err != nil {
		return nil, err
	}
	mover, err := datamover.New(datamover.Deps{Queue: work, Dataflow: flows, Catalog: catalogs, Backends: backends, Stores: p.pool},
		datamover.Options{Logger: tel.Log.With("service", "datamover")})
	if err != nil {
		return nil, err
	}
	p.parts = append(p.parts,
		run.Part{Name: "queue", Run: func(ctx context.Context) error { <-ctx.Done(); return work.Close() }},
		run.Part{Name: "backend", Run: p.backend.Run},
		run.Part{Name: "catalog", Run: heads.Run, Drain: drain},
		run.Part{Name: "dataflow", Run: flow.Run},
		run.Part{Name: "scheduler", Run: leader.Run},
		run.Part{Name: "datamover", Run: mover.Run, Drain: drain},
		run.Part{Name: "api", Run: p.api.Run})
	return p, nil
}

// firstStart makes sure of the root key and the first backend.
func (p *process) firstStart(ctx context.Context, s settings, access, secret string) error {
	if err := p.api.EnsureRoot(ctx, access, secret); err != nil {
		return fmt.Errorf("ensure root key: %w", err)
	}
	if err := p.backend.EnsureDefault(ctx, filepath.Join(s.data, backend.LocalName)); err != nil {
		return fmt.Errorf("ensure first backend: %w", err)
	}
	return nil
}

func (p *process) close() {
	p.pool.Close()
	for _, c := range p.conns {
		c.Close()
	}
}

func grpcServer(g *grpc.Server, l net.Listener) func(context.Context) error {
	return func(ctx context.Context) error {
		failed := make(chan error, 1)
		go func() { failed <- g.Serve(l) }()
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
			rpc.Stop(g, drain-time.Second)
			return <-failed
		}
	}
}

func httpServer(h http.Handler, l net.Listener, tel *telemetry.Telemetry) func(context.Context) error {
	return func(ctx context.Context) error {
		server := httpx.NewServer(h, tel.Log)
		failed := make(chan error, 1)
		go func() { failed <- server.Serve(l) }()
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain-time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			return errors.Join(err, server.Close())
		}
		return nil
	}
}
