package datamover

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/trouble"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/dataflowpb"
)

const (
	beatInterval = time.Second // at most: for live counters, and so that a cancelled job stops soon
	callLimit    = 5 * time.Second
)

var (
	errLost    = errors.New("the lease is lost")
	errStopped = errors.New("the job was stopped")
	errGiven   = errors.New("a service that the task needs does not answer")
)

// attempt is the work on one task under one lease.
type attempt struct {
	*Service
	task  *dataflowpb.Task
	plan  *dataflowpb.Plan
	epoch int64
	ttl   time.Duration
	slots chan struct{} // of the job; may be nil

	deadline atomic.Pointer[time.Time] // monotonic; of the lease
	lost     atomic.Bool

	source, dest place // of the plan's backends, where it names them

	mu       sync.Mutex
	outcomes []*dataflowpb.Outcome // by entry; nil: not dealt with
	done     *dataflowpb.Counters
	moving   atomic.Int64 // bytes of objects that are under way

	placesMu sync.Mutex
	places   map[string]place
}

// place is a backend.
type place struct {
	id, name string
}

func newAttempt(s *Service, l *dataflowpb.Lease, asked time.Time) *attempt {
	a := &attempt{Service: s, task: l.GetTask(), plan: l.GetPlan(), epoch: l.GetEpoch(), ttl: time.Duration(l.GetTtlMillis()) * time.Millisecond, done: &dataflowpb.Counters{}, places: make(map[string]place)}
	a.outcomes = make([]*dataflowpb.Outcome, len(a.task.GetEntries()))
	a.prolong(asked)
	return a
}

func (a *attempt) prolong(asked time.Time) {
	t := asked.Add(a.ttl)
	a.deadline.Store(&t)
}

// alive fails once the lease is not certainly held. It is asked right before every effect.
func (a *attempt) alive() error {
	if a.lost.Load() || !time.Now().Before(*a.deadline.Load()) {
		return errLost
	}
	return nil
}

// run does the task and reports.
func (a *attempt) run(parent context.Context) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	var leave func()
	a.slots, leave = a.limits.join(a.task.GetJobId(), int(a.plan.GetOptions().GetConcurrency()))
	defer leave()
	beats := make(chan struct{})
	beating, stop := context.WithCancel(context.WithoutCancel(parent))
	go func() {
		defer close(beats)
		a.beat(beating, cancel)
	}()
	if err := a.work(ctx); err != nil {
		cancel(err)
	}
	a.report(parent, context.Cause(ctx))
	stop()
	<-beats
}

// work deals with all entries. An error means that the rest should be tried by somebody else, later.
func (a *attempt) work(ctx context.Context) error {
	if err := a.resolve(ctx); err != nil {
		return a.giveBack(ctx, err)
	}
	switch a.plan.GetMode() {
	case "relocate":
		return a.relocate(ctx)
	case "copy", "move":
		return a.transfer(ctx)
	case "import":
		return a.adopt(ctx)
	}
	for i := range a.task.GetEntries() {
		a.fail(i, errs.Newf(errs.Unimplemented, "this datamover does not know the mode %q", a.plan.GetMode()))
	}
	return nil
}

// giveBack decides about an error that concerns the whole task: what may pass has the task given back after a while; what
// will not fails every entry that is left.
func (a *attempt) giveBack(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errs.Retryable(err) || errs.CodeOf(err) == errs.Canceled {
		a.log.WarnContext(ctx, "a task is given back", "task", a.task.GetId(), "err", err)
		trouble.Sleep(ctx, beatInterval)
		return errGiven
	}
	a.log.ErrorContext(ctx, "a task fails", "task", a.task.GetId(), "err", err)
	for i := range a.outcomes {
		if !a.dealt(i) {
			a.fail(i, err)
		}
	}
	return nil
}

// beat keeps the lease until ctx ends, and cancels the work when it is lost or the job is over.
func (a *attempt) beat(ctx context.Context, cancel context.CancelCauseFunc) {
	lose := func() {
		a.lost.Store(true)
		cancel(errLost)
	}
	problem := trouble.New(a.log, "heartbeats are not heard", "task", a.task.GetId())
	for trouble.Sleep(ctx, min(beatInterval, a.ttl/4)) {
		if a.alive() != nil {
			lose()
			return
		}
		asked := time.Now()
		call, end := context.WithTimeout(ctx, callLimit)
		r, err := a.Dataflow.Heartbeat(call, &dataflowpb.HeartbeatRequest{TaskId: a.task.GetId(), Epoch: a.epoch, Done: a.counters()})
		end()
		problem.Saw(ctx, err)
		switch {
		case err == nil:
			if r.GetTtlMillis() > 0 {
				a.prolong(asked)
			}
			if r.GetStop() {
				cancel(errStopped)
			}
		case ctx.Err() != nil:
			return
		case errs.Is(err, errs.FailedPrecondition), errs.Is(err, errs.NotFound):
			lose()
			return
		}
	}
}

// counters is what this attempt has done so far, with the bytes that are under way.
func (a *attempt) counters() *dataflowpb.Counters {
	a.mu.Lock()
	defer a.mu.Unlock()
	moving := max(0, a.moving.Load())
	return &dataflowpb.Counters{PassedCount: a.done.PassedCount, SkippedCount: a.done.SkippedCount, FailedCount: a.done.FailedCount,
		PassedBytes: a.done.PassedBytes + moving, CopiedBytes: a.done.CopiedBytes + moving}
}

// report tells dataflow what became of the entries, while the lease lasts.
func (a *attempt) report(parent context.Context, cause error) {
	request := &dataflowpb.FinishTaskRequest{TaskId: a.task.GetId(), Epoch: a.epoch}
	a.mu.Lock()
	for _, o := range a.outcomes {
		if o == nil {
			request.Stopped = true
		} else {
			request.Outcomes = append(request.Outcomes, o)
		}
	}
	a.mu.Unlock()
	ctx := context.WithoutCancel(parent)
	if cause == errLost {
		a.log.WarnContext(ctx, "a task is left to another datamover", "task", a.task.GetId(), "epoch", a.epoch)
		a.letGo(parent)
		return
	}
	for backoff := 100 * time.Millisecond; a.alive() == nil; backoff = min(2*backoff, 2*time.Second) {
		call, cancel := context.WithTimeout(ctx, callLimit)
		_, err := a.Dataflow.FinishTask(call, request)
		cancel()
		if err == nil {
			return
		}
		a.log.WarnContext(ctx, "a task was not reported", "task", a.task.GetId(), "err", err)
		if !errs.Retryable(err) || parent.Err() != nil || !trouble.Sleep(parent, backoff) {
			return // when it runs out, the lease goes to somebody else
		}
	}
}

// letGo gives the lease of this epoch back, without any outcome, where nobody has taken it: heartbeats may have gone unheard because the state was away. So
// the task is free again at once, and its holder does not count as one that died of it.
func (a *attempt) letGo(parent context.Context) {
	for since := time.Now(); time.Since(since) < a.ttl; {
		call, cancel := context.WithTimeout(context.WithoutCancel(parent), callLimit)
		_, err := a.Dataflow.FinishTask(call, &dataflowpb.FinishTaskRequest{TaskId: a.task.GetId(), Epoch: a.epoch, Stopped: true})
		cancel()
		if !errs.Retryable(err) || !trouble.Sleep(parent, beatInterval) {
			return
		}
	}
}

// resolve finds the backends that the plan names.
func (a *attempt) resolve(ctx context.Context) error {
	for _, x := range []struct {
		name string
		to   *place
	}{{a.plan.GetSource().GetBackend(), &a.source}, {a.plan.GetDestination().GetBackend(), &a.dest}} {
		if x.name == "" {
			continue
		}
		var err error
		if *x.to, err = a.find(ctx, x.name); err != nil {
			return err
		}
	}
	return nil
}

func (a *attempt) find(ctx context.Context, idOrName string) (place, error) {
	a.placesMu.Lock()
	p, ok := a.places[idOrName]
	a.placesMu.Unlock()
	if ok {
		return p, nil
	}
	b, err := a.Backends.Get(ctx, &backendpb.GetRequest{IdOrName: idOrName})
	if err != nil {
		return place{}, err
	}
	p = place{b.GetId(), b.GetName()}
	a.placesMu.Lock()
	defer a.placesMu.Unlock()
	a.places[idOrName], a.places[p.id] = p, p
	return p, nil
}

// name is a backend's name, or its id when it cannot be found.
func (a *attempt) name(ctx context.Context, id string) string {
	if p, err := a.find(ctx, id); err == nil {
		return p.name
	}
	return id
}
