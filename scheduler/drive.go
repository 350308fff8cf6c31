package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/trouble"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/dataflowpb"
)

const (
	wait        = 100 * time.Millisecond // between looks at what movers do
	maxBackoff  = 10 * time.Second       // a state that is back should not be waited for much longer
	maxFailures = 100_000                // of one job, before further passes are given up
)

// errElsewhere says that another leader moved the job on: read it again.
var errElsewhere = errors.New("the job stands elsewhere")

// driver takes one job from where it stands to its end.
type driver struct {
	*Service
	id     string
	plan   *dataflowpb.Plan
	source string // backend id of plan.source.backend, if any
	dest   string // backend id of plan.destination.backend, if any
	pub    publisher
	quiet  bool // no write is left that began before the placement moved

	uploadsSince time.Time // when uploads were first waited for; zero: not yet
	uploads      int64     // that are still open elsewhere
	mu           sync.Mutex
	names        map[string]string // of backends, by id
}

// drive returns when the job is over, or ctx ends. What fails is tried again, from what dataflow knows.
func (s *Service) drive(ctx context.Context, j *dataflowpb.Job) {
	ctx, cancel := context.WithCancel(ctx)
	d := &driver{Service: s, id: j.GetId(), plan: j.GetPlan(), names: make(map[string]string)}
	d.pub = publisher{queue: s.Queue}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { d.republish(ctx) })

	problem := trouble.New(s.log, "a job does not advance", "job", d.id, "plan", d.plan.GetName())
	var since time.Time // of the first failure without a step in between
	for {
		before := d.position(j)
		var err error
		j, err = d.advance(ctx)
		switch {
		case ctx.Err() != nil || err == nil:
			return
		case errs.ReasonOf(err) == "JobOver" || errs.Is(err, errs.NotFound) && errs.ReasonOf(err) == "job":
			return
		case err == errElsewhere:
			problem.Saw(ctx, nil)
			since = time.Time{}
			continue
		}
		if d.position(j) != before {
			problem.Saw(ctx, nil)
			since = time.Time{}
		}
		switch {
		case errs.Retryable(err) && d.open(ctx) != nil: // dataflow is away, or its state: that says nothing of the job
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		}
		problem.Saw(ctx, err)
		if hopeless(err) || !since.IsZero() && time.Since(since) >= s.o.Patience {
			if _, err := s.Dataflow.FailJob(ctx, &dataflowpb.FailJobRequest{JobId: d.id, Error: errs.Public(err)}); err == nil {
				return
			}
		}
		if !trouble.Sleep(ctx, problem.Delay(wait, maxBackoff)) {
			return
		}
	}
}

func (d *driver) position(j *dataflowpb.Job) string {
	return fmt.Sprint(j.GetPass(), " ", j.GetNextSeq(), " ", j.GetCursor())
}

// hopeless reports whether trying again cannot help.
func hopeless(err error) bool {
	if errs.ReasonOf(err) == openUploads {
		return true
	}
	switch errs.CodeOf(err) {
	case errs.NotFound, errs.PermissionDenied, errs.Unauthenticated, errs.InvalidArgument, errs.Unimplemented:
		return true
	}
	return false
}

// advance takes the job from where it stands to its end. With an error comes where the job stood then.
func (d *driver) advance(ctx context.Context) (*dataflowpb.Job, error) {
	j, err := d.Dataflow.StartJob(ctx, &dataflowpb.StartJobRequest{JobId: d.id})
	if err != nil {
		return nil, err
	}
	if err := d.resolve(ctx); err != nil {
		return j, err
	}
	for !j.GetTotalsFinal() {
		if j, err = d.pass(ctx, j); err != nil {
			return j, err
		}
	}
	for isOpen(j) {
		if !trouble.Sleep(ctx, wait) {
			return j, ctx.Err()
		}
		if j, err = d.Dataflow.GetJob(ctx, &dataflowpb.ByName{IdOrName: d.id}); err != nil {
			return j, err
		}
	}
	d.log.InfoContext(ctx, "job is over", "job", d.id, "plan", d.plan.GetName(), "status", j.GetStatus())
	return j, nil
}

func isOpen(j *dataflowpb.Job) bool { return j.GetStatus() == "running" || j.GetStatus() == "pending" }

// resolve finds the ids of the backends that the plan names.
func (d *driver) resolve(ctx context.Context) error {
	for _, x := range []struct {
		name string
		id   *string
	}{{d.plan.GetSource().GetBackend(), &d.source}, {d.plan.GetDestination().GetBackend(), &d.dest}} {
		if x.name == "" || *x.id != "" {
			continue
		}
		b, err := d.Backends.Get(ctx, &backendpb.GetRequest{IdOrName: x.name})
		if err != nil {
			return fmt.Errorf("find backend: %w", err)
		}
		*x.id = b.GetId()
		d.learn(b)
	}
	return nil
}

func (d *driver) learn(b *backendpb.Backend) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names[b.GetId()] = b.GetName()
}

// name gives the name of a backend for the report; its id when it cannot be found.
func (d *driver) name(ctx context.Context, id string) string {
	d.mu.Lock()
	name := d.names[id]
	d.mu.Unlock()
	if name != "" || id == "" {
		return name
	}
	b, err := d.Backends.Get(ctx, &backendpb.GetRequest{IdOrName: id})
	if err != nil {
		return id
	}
	d.learn(b)
	return b.GetName()
}

// pass walks the source once, from the job's cursor on, and says what the pass came to.
func (d *driver) pass(ctx context.Context, j *dataflowpb.Job) (*dataflowpb.Job, error) {
	if d.plan.GetMode() == "relocate" {
		return d.relocatePass(ctx, j)
	}
	j, err := d.walk(ctx, j, nil)
	if err != nil {
		return j, err
	}
	return d.finishPass(ctx, j, true)
}

func (d *driver) finishPass(ctx context.Context, j *dataflowpb.Job, last bool) (*dataflowpb.Job, error) {
	done, err := d.Dataflow.FinishPass(ctx, &dataflowpb.FinishPassRequest{JobId: d.id, Pass: j.GetPass(), NextSeq: j.GetNextSeq(), Last: last})
	if errs.ReasonOf(err) == "Stale" || errs.Retryable(err) { // or it was done and the answer lost: look where the job stands
		return j, errElsewhere
	}
	return done, err
}
