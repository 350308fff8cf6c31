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
// Any number of processes may serve it at once on the same documents: every answer comes from them, and all that a process remembers by itself (live.go) is
// how long it has seen leases unchanged and what running attempts have done so far. So that these counters are whole, one
// process leads, by lease, and health sends callers there. One that is called all the same does the right thing, only with less recent counters.
//
// Only cmd imports it; other services know proto/dataflowpb.
package dataflow

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/lease"
	"github.com/opensds/gelato/internal/trouble"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// Options tunes the service; the zero value works.
type Options struct {
	Logger       *slog.Logger
	Owner        string        // names this process in the leader's lease; must differ between processes; default one that tells host and process
	LeaderTTL    time.Duration // of the leader's lease; default 10 s
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
	docs docstore.Store

	mu      sync.Mutex
	leading bool
	tell    []func(leading bool)
}

// New makes the service. The clients are asked only whether what a plan names exists.
func New(docs docstore.Store, catalog catalogpb.CatalogClient, backends backendpb.BackendsClient, o Options) (*Service, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.LeaseTTL == 0 {
		o.LeaseTTL = 30 * time.Second
	}
	if o.Owner == "" {
		o.Owner = lease.NewOwner("dataflow")
	}
	if o.LeaderTTL == 0 {
		o.LeaderTTL = lease.DefaultTTL
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
		docs:     docs,
	}, nil
}

// Register serves the service on g. A g that has a method SetLeading(bool), as *rpc.Server has, is told whether this process leads.
func (s *Service) Register(g grpc.ServiceRegistrar) {
	dataflowpb.RegisterDataflowServer(g, s)
	if l, ok := g.(interface{ SetLeading(bool) }); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.tell = append(s.tell, l.SetLeading)
		l.SetLeading(s.leading)
	}
}

const (
	healInterval = time.Minute     // between looks for plans whose job was not stored because a process died in between
	healAgain    = 5 * time.Second // after one that failed, at first
)

// Run leads whenever it has the lease, until ctx ends. The leader keeps state whole.
func (s *Service) Run(ctx context.Context) error {
	o := lease.Options{Owner: s.o.Owner, TTL: s.o.LeaderTTL, Logger: s.log}
	return lease.Run(ctx, s.docs, "dataflow", o, func(ctx context.Context, _ int64) error {
		s.lead(true)
		defer s.lead(false)
		problem := trouble.New(s.log, "plans cannot be looked after")
		for {
			err := s.healPlans(ctx)
			problem.Saw(ctx, err)
			wait := healInterval
			if err != nil {
				wait = problem.Delay(healAgain, healInterval)
			}
			if !trouble.Sleep(ctx, wait) {
				return nil
			}
		}
	})
}

// lead begins or ends leadership. What was remembered under another leader is out of date.
func (s *Service) lead(leading bool) {
	s.live.reset()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leading = leading
	for _, tell := range s.tell {
		tell(leading)
	}
}

// clean returns t as it is stored: UTC, to the millisecond.
func clean(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func now() time.Time { return clean(time.Now()) }
