package scheduler

import (
	"context"
	"fmt"
	"io"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// relocatePass is one pass of a relocate. The first one moves the bucket's placement, and passes repeat until one finds nothing. That one is the last
// if no write was left when it began that had been begun for another backend: what it does not find, nobody can bring any more.
// Where the placement stays, new objects go anywhere, and one pass speaks for all that was there when it began.
func (d *driver) relocatePass(ctx context.Context, j *dataflowpb.Job) (*dataflowpb.Job, error) {
	var leaveOut map[string]bool
	var err error
	quiet, first, switched := false, j.GetPass() == 1, d.switches()
	placed := make(chan error, 1)
	switch {
	case !switched:
		placed <- nil
	case first: // it answers when no gateway knows the former placement any more: time enough to walk
		go func() { placed <- d.place(ctx) }()
	default:
		placed <- nil
		if quiet, err = d.settle(ctx); err != nil {
			return j, err
		}
	}
	if !first && j.GetCounters().GetFailedCount() > 0 {
		if leaveOut, err = d.failures(ctx); err != nil {
			return j, err
		}
	}
	j, err = d.walk(ctx, j, leaveOut)
	if e := <-placed; err == nil {
		err = e
	}
	if err != nil {
		return j, err
	}
	for j.GetOpenTasks() > 0 {
		if !sleep(ctx, wait) {
			return j, ctx.Err()
		}
		if j, err = d.Dataflow.GetJob(ctx, &dataflowpb.ByName{IdOrName: d.id}); err != nil {
			return j, err
		}
		if !isOpen(j) {
			return j, errs.Newf(errs.FailedPrecondition, "the job is over").Because("JobOver")
		}
	}
	last := !switched || j.GetPassFound() == 0 && quiet || j.GetCounters().GetFailedCount() > maxFailures
	return d.finishPass(ctx, j, last)
}

func (d *driver) place(ctx context.Context) error {
	_, err := d.Catalog.SetPlacement(ctx, &catalogpb.SetPlacementRequest{Bucket: d.plan.GetSource().GetBucket(), BackendId: d.dest})
	if err != nil {
		return fmt.Errorf("switch placement: %w", err)
	}
	return nil
}

// settle waits a while until no write is left that began before the placement moved, and reports whether that is so.
func (d *driver) settle(ctx context.Context) (bool, error) {
	const looks = 50
	for range looks {
		if d.quiet { // that stays true
			break
		}
		p, err := d.Catalog.PendingWrites(ctx, &catalogpb.PendingWritesRequest{Bucket: d.plan.GetSource().GetBucket(), BackendId: d.dest})
		if err != nil {
			return false, fmt.Errorf("look for writes under way: %w", err)
		}
		if d.quiet = p.GetCount() == 0; !d.quiet && !sleep(ctx, wait) {
			return false, ctx.Err()
		}
	}
	return d.quiet, nil
}

// switches reports whether the relocate moves the bucket's placement.
func (d *driver) switches() bool {
	if o := d.plan.GetOptions(); o != nil && o.SwitchPlacement != nil {
		return o.GetSwitchPlacement()
	}
	f := d.plan.GetFilter()
	return d.plan.GetSource().GetPrefix() == "" && f.GetPrefix() == "" && len(f.GetInclude()) == 0 && len(f.GetExclude()) == 0 &&
		(f == nil || f.MinSize == nil && f.MaxSize == nil) && f.GetOlderThan() == "" && f.GetNewerThan() == ""
}

// failures names the objects of the job that failed so far.
func (d *driver) failures(ctx context.Context) (map[string]bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := d.Dataflow.Report(ctx, &dataflowpb.ReportRequest{JobId: d.id, FailuresOnly: true})
	if err != nil {
		return nil, fmt.Errorf("read failures: %w", err)
	}
	keys := make(map[string]bool)
	for len(keys) <= maxFailures {
		o, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read failures: %w", err)
		}
		keys[o.GetKey()] = true
	}
	return keys, nil
}
