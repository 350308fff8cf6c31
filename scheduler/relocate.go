package scheduler

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/trouble"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// relocatePass is one pass of a relocate. The first one moves the bucket's placement, and passes repeat until one finds nothing. That one is the last
// if no write and no multipart upload was left when it began that had been begun for another backend: what it does not find, nobody can bring any
// more. Uploads are waited for as long as Options.Uploads says, then the job fails: it must not be called succeeded.
// Where the placement stays, new objects go anywhere, and one pass speaks for all that was there when it began.
func (d *driver) relocatePass(ctx context.Context, j *dataflowpb.Job) (*dataflowpb.Job, error) {
	var leaveOut map[failure]bool
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
		if !trouble.Sleep(ctx, wait) {
			return j, ctx.Err()
		}
		if j, err = d.Dataflow.GetJob(ctx, &dataflowpb.ByName{IdOrName: d.id}); err != nil {
			return j, err
		}
		if !isOpen(j) {
			return j, errs.Newf(errs.FailedPrecondition, "the job is over").Because("JobOver")
		}
	}
	if j.GetPassFound() == 0 && d.quiet && d.uploads > 0 && time.Since(d.uploadsSince) >= d.o.Uploads {
		return j, errs.Newf(errs.FailedPrecondition, "multipart uploads that were begun before are still open on other backends (%d): complete or abort them, and run the plan again",
			d.uploads).Because(openUploads)
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

// openUploads is the reason of a job's failure.
const openUploads = "OpenUploads"

// settle waits until nothing is left that was begun before the placement moved, and reports whether that is so: a while for writes, after which another
// pass brings what they made meanwhile; as long as there is patience for uploads, which bring nothing before they are completed.
func (d *driver) settle(ctx context.Context) (bool, error) {
	const looks = 50
	if d.quiet && d.uploadsSince.IsZero() {
		return true, nil // that stays true
	}
	for look := 1; ; look++ {
		p, err := d.Catalog.PendingWrites(ctx, &catalogpb.PendingWritesRequest{Bucket: d.plan.GetSource().GetBucket(), BackendId: d.dest})
		if err != nil {
			return false, fmt.Errorf("look for writes under way: %w", err)
		}
		d.quiet, d.uploads = p.GetCount() == 0, p.GetUploads()
		pause := wait
		switch {
		case d.quiet && d.uploads == 0:
			d.uploadsSince = time.Time{}
			return true, nil
		case !d.quiet && look >= looks:
			return false, nil
		case d.quiet:
			if d.uploadsSince.IsZero() {
				d.uploadsSince = time.Now()
				d.log.InfoContext(ctx, "waiting for multipart uploads", "job", d.id, "uploads", d.uploads)
			}
			left := d.o.Uploads - time.Since(d.uploadsSince)
			if left <= 0 {
				return false, nil
			}
			pause = min(left, 2*time.Second)
			if err := d.open(ctx); err != nil {
				return false, err
			}
		}
		if !trouble.Sleep(ctx, pause) {
			return false, ctx.Err()
		}
	}
}

// open fails when the job is over.
func (d *driver) open(ctx context.Context) error {
	j, err := d.Dataflow.GetJob(ctx, &dataflowpb.ByName{IdOrName: d.id})
	if err == nil && !isOpen(j) {
		err = errs.Newf(errs.FailedPrecondition, "the job is over").Because("JobOver")
	}
	return err
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

// failure names a version that failed.
type failure struct{ key, id string }

// failures names the versions of the job that failed so far.
func (d *driver) failures(ctx context.Context) (map[failure]bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := d.Dataflow.Report(ctx, &dataflowpb.ReportRequest{JobId: d.id, FailuresOnly: true})
	if err != nil {
		return nil, fmt.Errorf("read failures: %w", err)
	}
	keys := make(map[failure]bool)
	for len(keys) <= maxFailures {
		o, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read failures: %w", err)
		}
		keys[failure{o.GetKey(), o.GetVersionId()}] = true
	}
	return keys, nil
}
