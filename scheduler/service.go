// Package scheduler is the service that decides what is to be moved, and when. One leader at a time runs plans whose policy is due, walks the
// sources of open jobs in key order and cuts them into tasks, and publishes the ids of tasks that nobody holds.
//
// It owns no state but its leader lease. What it knows of a job is what dataflow tells it (pass, next number, cursor), so a new leader goes on
// where the old one stopped, and a deposed one is refused when it adds a task. It lists stores, and never reads or writes an object.
// Only cmd imports it.
package scheduler

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/lease"
	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/trouble"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// Topic is where ids of tasks are published.
const Topic = "gelato.tasks"

// Stores gives the opened store of a backend by its id; adapters/pool implements it. The result is shared: it is not closed here.
type Stores interface {
	Store(ctx context.Context, backendID string) (adapters.Store, error)
}

// Deps is what the service needs; all of it is required.
type Deps struct {
	Docs     docstore.Store // for the leader lease
	Queue    queue.Queue
	Dataflow dataflowpb.DataflowClient
	Catalog  catalogpb.CatalogClient
	Backends backendpb.BackendsClient
	Stores   Stores
}

// Options tunes the service; the zero value works.
type Options struct {
	Logger   *slog.Logger
	Owner    string        // names this process in the lease; must differ between processes; default one that tells host and process
	LeaseTTL time.Duration // of the leader lease; default 10 s
	Poll     time.Duration // between looks at open jobs; default 250 ms
	Jobs     int           // walked at once; default 16
	Patience time.Duration // how long a job goes on without a step while something does not answer; default 10 m
	Uploads  time.Duration // how long a relocate waits for multipart uploads that were begun before; default 10 m
}

// maxPause bounds the pause after something did not answer.
const maxPause = 5 * time.Second

// Service is the scheduler of one process.
type Service struct {
	Deps
	o   Options
	log *slog.Logger
}

// New makes the service.
func New(d Deps, o Options) (*Service, error) {
	if d.Docs == nil || d.Queue == nil || d.Dataflow == nil || d.Catalog == nil || d.Backends == nil || d.Stores == nil {
		return nil, errs.Newf(errs.InvalidArgument, "the scheduler lacks a dependency")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Owner == "" {
		o.Owner = lease.NewOwner("scheduler")
	}
	if o.LeaseTTL == 0 {
		o.LeaseTTL = lease.DefaultTTL
	}
	if o.Poll == 0 {
		o.Poll = 250 * time.Millisecond
	}
	if o.Jobs == 0 {
		o.Jobs = 16
	}
	if o.Patience == 0 {
		o.Patience = 10 * time.Minute
	}
	if o.Uploads == 0 {
		o.Uploads = 10 * time.Minute
	}
	return &Service{Deps: d, o: o, log: o.Logger}, nil
}

// Run leads whenever it has the lease, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	o := lease.Options{Owner: s.o.Owner, TTL: s.o.LeaseTTL, Logger: s.log}
	return lease.Run(ctx, s.Docs, "scheduler", o, func(ctx context.Context, _ int64) error {
		var wg sync.WaitGroup
		wg.Go(func() { s.watchPlans(ctx) })
		s.watchJobs(ctx)
		wg.Wait()
		return nil
	})
}

// watchJobs has each open job driven by one goroutine, at most o.Jobs of them.
func (s *Service) watchJobs(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	var mu sync.Mutex
	driven := make(map[string]bool)
	problem := trouble.New(s.log, "open jobs cannot be listed")
	for {
		jobs, err := s.Dataflow.OpenJobs(ctx, &dataflowpb.Empty{})
		problem.Saw(ctx, err)
		mu.Lock()
		for _, j := range jobs.GetJobs() {
			if driven[j.GetId()] || len(driven) >= s.o.Jobs {
				continue
			}
			driven[j.GetId()] = true
			wg.Go(func() {
				s.drive(ctx, j)
				mu.Lock()
				defer mu.Unlock()
				delete(driven, j.GetId())
			})
		}
		mu.Unlock()
		if !trouble.Sleep(ctx, problem.Delay(s.o.Poll, maxPause)) {
			return
		}
	}
}

// watchPlans runs the plans whose policy is due.
func (s *Service) watchPlans(ctx context.Context) {
	problem := trouble.New(s.log, "plans that are due cannot be looked for")
	for {
		problem.Saw(ctx, s.runDue(ctx, time.Now()))
		if !trouble.Sleep(ctx, problem.Delay(time.Second, maxPause)) {
			return
		}
	}
}

// runDue runs what is due at t. dataflow sees to it that each fire time runs once at most.
func (s *Service) runDue(ctx context.Context, t time.Time) error {
	for after := ""; ; {
		page, err := s.Dataflow.ListPlans(ctx, &dataflowpb.Page{After: after, Limit: 200})
		if err != nil {
			return err
		}
		for _, p := range page.GetPlans() {
			after = p.GetName()
			due := p.GetNextRunTime()
			if due == nil || due.AsTime().After(t) {
				continue
			}
			j, err := s.Dataflow.RunPlan(ctx, &dataflowpb.RunPlanRequest{IdOrName: p.GetId(), Due: due})
			switch {
			case err == nil:
				s.log.InfoContext(ctx, "plan is due", "plan", p.GetName(), "job", j.GetId(), "due", due.AsTime())
			case errs.ReasonOf(err) == "OpenJob":
				s.log.WarnContext(ctx, "plan is due but its last job is still open: skipped", "plan", p.GetName(), "due", due.AsTime())
			case errs.ReasonOf(err) == "NotDue" || errs.Is(err, errs.NotFound): // another leader, or changed meanwhile
			default:
				s.log.WarnContext(ctx, "plan that is due does not run", "plan", p.GetName(), "err", err)
			}
		}
		if !page.GetMore() || len(page.GetPlans()) == 0 {
			return nil
		}
	}
}
