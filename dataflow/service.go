// Package dataflow is the service that owns policies, plans, jobs, tasks with their leases, and reports. It moves no bytes and lists no store:
// the scheduler walks and adds tasks, datamovers lease and finish them, both through proto/dataflowpb.
//
// State, and what is true of it at every moment (a crash may fall between any two writes):
//   - plans and policies lie under their ids, their names under (kind, name). A plan document names its open job, so that
//     one compare-and-set makes it the only one; whoever meets a plan whose job is not stored yet stores it.
//   - open-jobs: the jobs that are not over. A job is entered before it is stored and removed after it is over.
//   - tasks: <job>/<pass>/<number>, immutable: the entries and what the walk skipped. A task exists before the job document counts it;
//     whoever meets it there makes the job count it.
//   - task-leases: under the task's id, everything that changes about it: epoch, holder, state, and the counts of the winning attempt.
//   - reports: <task>/<epoch>, one document per attempt that reported; the lease names the attempt that won.
//   - the job document holds the numbers of its open tasks. A finished task is folded into the counters by the compare-and-set that
//     removes its number: exactly once.
//
// Only cmd imports it; other services know proto/dataflowpb.
package dataflow

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// Options tunes the service; the zero value works.
type Options struct {
	Logger       *slog.Logger
	LeaseTTL     time.Duration // of a task's lease; default 30 s
	MaxOpenTasks int           // of one job, so that cancel acts soon and the job document stays small; default 64
	MaxDeaths    int           // holders of one task that may vanish before it is given up; default 5
}

// Service implements dataflowpb.DataflowServer.
type Service struct {
	dataflowpb.UnimplementedDataflowServer
	o        Options
	log      *slog.Logger
	catalog  catalogpb.CatalogClient
	backends backendpb.BackendsClient

	names    docstore.Collection[nameDoc]
	policies docstore.Collection[policyDoc]
	plans    docstore.Collection[planDoc]
	jobs     docstore.Collection[jobDoc]
	open     docstore.Collection[openDoc]
	tasks    docstore.Collection[taskDoc]
	leases   docstore.Collection[leaseDoc]
	reports  docstore.Collection[reportDoc]

	live *live
}

// New makes the service. The clients are asked only whether what a plan names exists.
func New(docs docstore.Store, catalog catalogpb.CatalogClient, backends backendpb.BackendsClient, o Options) (*Service, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.LeaseTTL == 0 {
		o.LeaseTTL = 30 * time.Second
	}
	if o.MaxOpenTasks == 0 {
		o.MaxOpenTasks = 64
	}
	if o.MaxDeaths == 0 {
		o.MaxDeaths = 5
	}
	if o.LeaseTTL < time.Second || o.MaxOpenTasks < 1 || o.MaxDeaths < 1 {
		return nil, errs.Newf(errs.InvalidArgument, "a lease lasts at least 1s, and the limits of dataflow are positive")
	}
	return &Service{
		o: o, log: o.Logger, catalog: catalog, backends: backends,
		names:    docstore.NewCollection[nameDoc](docs, "plan-names"),
		policies: docstore.NewCollection[policyDoc](docs, "policies"),
		plans:    docstore.NewCollection[planDoc](docs, "plans"),
		jobs:     docstore.NewCollection[jobDoc](docs, "jobs"),
		open:     docstore.NewCollection[openDoc](docs, "open-jobs"),
		tasks:    docstore.NewCollection[taskDoc](docs, "tasks"),
		leases:   docstore.NewCollection[leaseDoc](docs, "task-leases"),
		reports:  docstore.NewCollection[reportDoc](docs, "reports"),
		live:     newLive(),
	}, nil
}

// Register serves the service on s.
func (s *Service) Register(g grpc.ServiceRegistrar) { dataflowpb.RegisterDataflowServer(g, s) }

// healInterval is how often Run looks for plans whose job was not stored because a process died in between.
const healInterval = time.Minute

// Run keeps state whole until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(healInterval)
	defer tick.Stop()
	for {
		if err := s.healPlans(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "cannot look after plans", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// clean returns t as it is stored: UTC, to the millisecond.
func clean(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func now() time.Time { return clean(time.Now()) }
