// Package datamover is the service that copies bytes: it takes the lease of a task, copies and verifies each of its objects, and reports.
//
// It owns no state. Whatever it does may be done twice, by two movers at once, or stop at any point: objects appear by a compare-and-set of the
// catalog (or a conditional write of a raw destination), sources are deleted only if they are still what was read, and nothing is committed or
// deleted once the lease has run out by this process's own monotonic clock, which is what a paused process finds when it wakes.
//
// Bodies stream from store to store; what is in memory is bounded by the numbers in Options. Only cmd imports it.
package datamover

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/lease"
	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/trouble"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// Where tasks are announced, and the group that all datamovers share.
const (
	Topic = "gelato.tasks"
	Group = "datamover"
)

// Stores gives the opened store of a backend by its id; adapters/pool implements it. The result is shared: it is not closed here.
type Stores interface {
	Store(ctx context.Context, backendID string) (adapters.Store, error)
}

// Deps is what the service needs; all of it is required.
type Deps struct {
	Queue    queue.Queue
	Dataflow dataflowpb.DataflowClient
	Catalog  catalogpb.CatalogClient
	Backends backendpb.BackendsClient
	Stores   Stores
}

// Options tunes the service; the zero value works.
type Options struct {
	Logger    *slog.Logger
	Owner     string // names this process in leases; must differ between processes; default one that tells host and process
	Tasks     int    // worked on at once; default 4
	Objects   int    // small objects copied at once; default 32
	Large     int    // large objects copied at once; default 4
	Parts     int    // parts of large objects copied at once; default 8
	Threshold int64  // bytes from which an object is copied in parts; default 64 MiB
	PartSize  int64  // bytes, where the store's limits allow it; default 16 MiB
}

// maxPause bounds the pause after the queue did not answer.
const maxPause = 10 * time.Second

// Service is one datamover.
type Service struct {
	Deps
	o      Options
	log    *slog.Logger
	writes *writes
	small  chan struct{}
	large  chan struct{}
	parts  chan struct{}
	limits jobLimits
}

// New makes the service.
func New(d Deps, o Options) (*Service, error) {
	if d.Queue == nil || d.Dataflow == nil || d.Catalog == nil || d.Backends == nil || d.Stores == nil {
		return nil, errs.Newf(errs.InvalidArgument, "the datamover lacks a dependency")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Owner == "" {
		o.Owner = lease.NewOwner("datamover")
	}
	for _, x := range []struct {
		v        *int
		default_ int
	}{{&o.Tasks, 4}, {&o.Objects, 32}, {&o.Large, 4}, {&o.Parts, 8}} {
		if *x.v == 0 {
			*x.v = x.default_
		}
	}
	if o.Threshold == 0 {
		o.Threshold = 64 << 20
	}
	if o.PartSize == 0 {
		o.PartSize = 16 << 20
	}
	return &Service{
		Deps: d, o: o, log: o.Logger, writes: newWrites(d.Catalog, o.Logger),
		small: make(chan struct{}, o.Objects), large: make(chan struct{}, o.Large), parts: make(chan struct{}, o.Parts),
	}, nil
}

// Run takes tasks until ctx ends; then it gives back what it holds.
func (s *Service) Run(ctx context.Context) error {
	var attempts sync.WaitGroup
	helpers, stop := context.WithCancel(context.WithoutCancel(ctx))
	var writes sync.WaitGroup
	writes.Go(func() { s.writes.run(helpers) })
	defer writes.Wait()
	defer stop()
	defer attempts.Wait()
	slots := make(chan struct{}, s.o.Tasks)
	take := func(_ context.Context, m queue.Message) error {
		if !acquire(ctx, slots) {
			return context.Cause(ctx)
		}
		a, err := s.lease(ctx, string(m.Value))
		if a == nil {
			<-slots
			return err // nil when there is nothing to do: the message is done with
		}
		attempts.Go(func() { // the message is acknowledged once the lease is stored
			defer func() { <-slots }()
			a.run(ctx)
		})
		return nil
	}
	problem := trouble.New(s.log, "tasks cannot be heard of")
	for {
		err := s.Queue.Subscribe(ctx, Topic, Group, s.o.Tasks, take)
		problem.Saw(ctx, err)
		if ctx.Err() != nil || errs.Is(err, errs.InvalidArgument) {
			return err
		}
		trouble.Sleep(ctx, problem.Delay(time.Second, maxPause))
	}
}

// lease takes the lease of a task. No attempt and no error mean that there is nothing to do.
func (s *Service) lease(ctx context.Context, id string) (*attempt, error) {
	asked := time.Now()
	call, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	l, err := s.Dataflow.LeaseTask(call, &dataflowpb.LeaseTaskRequest{TaskId: id, Owner: s.o.Owner})
	switch {
	case errs.Is(err, errs.FailedPrecondition), errs.Is(err, errs.NotFound):
		return nil, nil // held, done, or its job is over
	case err != nil:
		return nil, err
	}
	return newAttempt(s, l, asked), nil
}

// acquire takes a slot and reports whether it got one before ctx ended.
func acquire(ctx context.Context, slots chan struct{}) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// jobLimits holds the slots of jobs whose plan sets options.concurrency, shared by all tasks of the job that are worked on here.
type jobLimits struct {
	mu   sync.Mutex
	jobs map[string]*jobLimit
}

type jobLimit struct {
	slots chan struct{}
	users int
}

// join returns the slots of a job, nil for no limit, and what gives them back.
func (l *jobLimits) join(job string, n int) (slots chan struct{}, leave func()) {
	if n <= 0 {
		return nil, func() {}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.jobs == nil {
		l.jobs = make(map[string]*jobLimit)
	}
	j := l.jobs[job]
	if j == nil {
		j = &jobLimit{slots: make(chan struct{}, n)}
		l.jobs[job] = j
	}
	j.users++
	return j.slots, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if j.users--; j.users == 0 {
			delete(l.jobs, job)
		}
	}
}
