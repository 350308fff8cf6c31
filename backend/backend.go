// Package backend is the service that owns the physical places: their configuration, their sealed credentials, their probes and
// their health. It is the only writer of the collections "backends", "backend_index" and "backend_health".
//
// It serves backendpb. Rules:
//   - A name, a place and the default are unique because one document, the index, says so by compare-and-set. Records beside it never change
//     and are swapped by the index; a crash leaves at most records that nothing names, which Run removes.
//   - No secret leaves in clear: not in answers, errors or logs. Others open the sealed form with the same master key.
//   - A place is ours when its marker says so. It is written under a condition after the index has claimed the place, and a
//     registration becomes visible only then.
//
// Only cmd imports it; services reach it through backendpb.
package backend

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/cluster"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// Reasons of refusals, beside the field names of InvalidArgument.
const (
	ReasonProbe         = "Probe"         // FailedPrecondition: a step of the probe failed
	ReasonPlaceTaken    = "PlaceTaken"    // AlreadyExists: this place or an overlapping one is registered
	ReasonForeignMarker = "ForeignMarker" // AlreadyExists: the place belongs to another cluster
	ReasonInUse         = "InUse"         // FailedPrecondition: something refers to the backend
)

// States of a backend.
const (
	stateReady       = "ready"
	stateUnreachable = "unreachable"
	stateDraining    = "draining" // takes no new buckets
)

// Options tunes a Service; the zero value works.
type Options struct {
	Logger         *slog.Logger
	Region         string        // the gateway's own region, which no backend may be named like
	ProbeTimeout   time.Duration // of all steps of a probe; default 15 s
	HealthInterval time.Duration // default 30 s
	HealthTimeout  time.Duration // of one look at one backend; default 10 s
	HealthParallel int           // looks at the same time; default 8
	Notice         time.Duration // between the mark of a backend that is to be removed and the last look whether it is in use: more than others go by what they were told; default 3 s
}

// Service implements backendpb.BackendsServer.
type Service struct {
	backendpb.UnimplementedBackendsServer
	o       Options
	cluster string
	types   adapters.Registry
	box     *seal.Box
	peers   Peers
	index   docstore.Collection[index]
	records docstore.Collection[record]
	health  docstore.Collection[health]
	now     func() time.Time // the clock of registrations, for tests
	kick    chan struct{}    // something was registered unprobed: look now
}

var _ backendpb.BackendsServer = (*Service)(nil)

// Peers are asked whether a backend is in use.
type Peers struct {
	Catalog  catalogpb.CatalogClient
	Dataflow dataflowpb.DataflowClient
}

// New makes the service on its state, for the types of stores that it is given.
func New(ctx context.Context, docs docstore.Store, box *seal.Box, types adapters.Registry, peers Peers, o Options) (*Service, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.ProbeTimeout == 0 {
		o.ProbeTimeout = 15 * time.Second
	}
	if o.HealthInterval == 0 {
		o.HealthInterval = 30 * time.Second
	}
	if o.HealthTimeout == 0 {
		o.HealthTimeout = 10 * time.Second
	}
	if o.HealthParallel == 0 {
		o.HealthParallel = 8
	}
	if o.Notice == 0 {
		o.Notice = 3 * time.Second
	}
	id, err := cluster.ID(ctx, docs)
	if err != nil {
		return nil, err
	}
	return &Service{
		o: o, cluster: id, types: types, box: box, peers: peers,
		index:   docstore.NewCollection[index](docs, indexCollection),
		records: docstore.NewCollection[record](docs, recordCollection),
		health:  docstore.NewCollection[health](docs, healthCollection),
		now:     time.Now,
		kick:    make(chan struct{}, 1),
	}, nil
}

// Register makes server serve the service.
func (s *Service) Register(server grpc.ServiceRegistrar) { backendpb.RegisterBackendsServer(server, s) }
