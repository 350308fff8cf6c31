package assemble

import (
	"context"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/adapters/all"
	"github.com/opensds/gelato/adapters/pool"
	"github.com/opensds/gelato/api"
	"github.com/opensds/gelato/backend"
	"github.com/opensds/gelato/dataflow"
	"github.com/opensds/gelato/datamover"
	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/run"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
	"github.com/opensds/gelato/proto/identitypb"
	"github.com/opensds/gelato/s3"
	"github.com/opensds/gelato/s3/accesslog"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/catalogrpc"
	"github.com/opensds/gelato/scheduler"
)

// NewStores makes the pool of opened stores that s3, scheduler and datamover share within a process. It needs Box and Peers.Backend. The caller
// closes it.
func NewStores(d Deps) *pool.Pool {
	return pool.New(backendpb.NewBackendsClient(d.Peers.Backend), d.Box, all.Registry(), pool.Options{Metrics: d.Telemetry.Registry, Logger: d.Telemetry.Log})
}

// Backend builds the backend service. It needs State, Box, Peers.S3 and Peers.Dataflow.
func Backend(ctx context.Context, d Deps, o Options) (*Service, error) {
	log := d.Telemetry.Log.With("service", "backend")
	var s *backend.Service
	err := retry(ctx, log, "waiting for the state", func(ctx context.Context) (err error) {
		s, err = backend.New(ctx, d.State, d.Box, all.Registry(),
			backend.Peers{Catalog: catalogpb.NewCatalogClient(d.Peers.S3), Dataflow: dataflowpb.NewDataflowClient(d.Peers.Dataflow)},
			backend.Options{Logger: log, Region: o.Region})
		return err
	})
	if err != nil {
		return nil, err
	}
	built := &Service{Name: "backend", Register: s.Register, Loops: []run.Part{{Name: "backend", Run: s.Run}}}
	if o.LocalDir != "" {
		built.First = func(ctx context.Context) error { return s.EnsureDefault(ctx, o.LocalDir) }
	}
	return built, nil
}

// API builds REST and identity. It needs State, Box, Peers.Backend, Peers.S3 and Peers.Dataflow.
func API(_ context.Context, d Deps, o Options) (*Service, error) {
	s, err := api.New(d.State, d.Box, api.Peers{Backends: backendpb.NewBackendsClient(d.Peers.Backend), Catalog: catalogpb.NewCatalogClient(d.Peers.S3),
		Dataflow: dataflowpb.NewDataflowClient(d.Peers.Dataflow)}, api.Options{Telemetry: d.Telemetry})
	if err != nil {
		return nil, err
	}
	return &Service{Name: "api", Register: s.Register, Handler: s.Handler(), Streams: []run.Part{{Name: "api", Run: s.Run}},
		First: func(ctx context.Context) error { return s.EnsureRoot(ctx, o.RootAccess, o.RootSecret) }}, nil
}

// S3 builds the S3 front end and the catalog behind it. It needs State, Cluster, Box, Stores, Peers.Backend and Peers.API.
func S3(ctx context.Context, d Deps, o Options) (*Service, error) {
	log := d.Telemetry.Log.With("service", "s3")
	heads, err := catalog.New(d.State, d.Stores, blob.TagOf(d.Cluster), catalog.Options{TTL: o.WriteTTL, SweepInterval: o.SweepInterval,
		GarbageGrace: o.GarbageGrace, LeaseTTL: o.leader(), Log: log})
	if err != nil {
		return nil, err
	}
	told, err := openTargets(ctx, o.NotifyTargets, o.NotifyTokens, d.Telemetry)
	if err != nil {
		return nil, err
	}
	front, err := s3.New(s3.Deps{Catalog: heads, Places: d.Stores, Backends: backendpb.NewBackendsClient(d.Peers.Backend),
		Identity: identitypb.NewIdentityClient(d.Peers.API), Secrets: d.Box},
		s3.Options{Region: o.Region, Domains: o.Domains, Websites: o.Websites, RefuseV2: o.RefuseSigV2, ObjectOwnership: o.ObjectOwnership, Keyring: d.Keyring, DefaultEncryption: o.Encryption.Default,
			PlainCustomerKeys: o.Encryption.Plain, TrustedProxies: o.Encryption.Proxies, AccessLogs: accesslog.Options{Age: o.AccessLogAge}, Targets: told.byName, Log: log, Metrics: d.Telemetry.Registry})
	if err != nil {
		return nil, err
	}
	if n := front.Notifier(heads); n != nil {
		heads.SetNotifier(n)
	}
	return &Service{Name: "s3", Register: func(g grpc.ServiceRegistrar) {
		catalogrpc.New(heads, catalogrpc.Options{Log: log, Encrypts: o.Encryption.Default != ""}).Register(g)
	},
		Handler: front.Handler(), Loops: []run.Part{{Name: "catalog", Run: heads.Run, Drain: Drain}, {Name: "s3", Run: front.Run, Drain: Drain}, told.loop()}}, nil
}

// Dataflow builds the service of plans and jobs. It needs State, Peers.S3 and Peers.Backend.
func Dataflow(_ context.Context, d Deps, o Options) (*Service, error) {
	s, err := dataflow.New(d.State, catalogpb.NewCatalogClient(d.Peers.S3), backendpb.NewBackendsClient(d.Peers.Backend),
		dataflow.Options{Logger: d.Telemetry.Log.With("service", "dataflow"), LeaseTTL: o.LeaseTTL, LeaderTTL: o.leader()})
	if err != nil {
		return nil, err
	}
	return &Service{Name: "dataflow", Register: s.Register, Loops: []run.Part{{Name: "dataflow", Run: s.Run}}}, nil
}

// Scheduler builds the scheduler. It needs State, Queue, Stores, Peers.Dataflow, Peers.S3 and Peers.Backend.
func Scheduler(_ context.Context, d Deps, o Options) (*Service, error) {
	s, err := scheduler.New(scheduler.Deps{Docs: d.State, Queue: d.Queue, Dataflow: dataflowpb.NewDataflowClient(d.Peers.Dataflow),
		Catalog: catalogpb.NewCatalogClient(d.Peers.S3), Backends: backendpb.NewBackendsClient(d.Peers.Backend), Stores: d.Stores},
		scheduler.Options{Logger: d.Telemetry.Log.With("service", "scheduler"), LeaseTTL: o.leader()})
	if err != nil {
		return nil, err
	}
	return &Service{Name: "scheduler", Register: nothing, Loops: []run.Part{{Name: "scheduler", Run: s.Run}}}, nil
}

// Datamover builds a datamover. It needs Queue, Stores, Peers.Dataflow, Peers.S3 and Peers.Backend.
func Datamover(_ context.Context, d Deps, o Options) (*Service, error) {
	s, err := datamover.New(datamover.Deps{Queue: d.Queue, Dataflow: dataflowpb.NewDataflowClient(d.Peers.Dataflow),
		Catalog: catalogpb.NewCatalogClient(d.Peers.S3), Backends: backendpb.NewBackendsClient(d.Peers.Backend), Stores: d.Stores},
		datamover.Options{Logger: d.Telemetry.Log.With("service", "datamover"), Tasks: o.Tasks, Objects: o.Objects, Large: o.Large, Parts: o.Parts})
	if err != nil {
		return nil, err
	}
	return &Service{Name: "datamover", Register: nothing, Loops: []run.Part{{Name: "datamover", Run: s.Run, Drain: Drain}}}, nil
}

// nothing is what a service registers that nobody calls.
func nothing(grpc.ServiceRegistrar) {}
