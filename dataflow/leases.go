package dataflow

import (
	"context"
	"fmt"
	"slices"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// UnheldTasks implements dataflowpb.DataflowServer. On the way it finishes what others left half done: a finished task that is
// not folded, and one whose holders keep dying.
func (s *Service) UnheldTasks(ctx context.Context, r *dataflowpb.UnheldTasksRequest) (*dataflowpb.Tasks, error) {
	j, err := s.job(ctx, r.GetJobId())
	if err != nil {
		return nil, err
	}
	answer := &dataflowpb.Tasks{}
	s.live.keep(r.GetJobId(), &j)
	if j.over() || len(j.Open) == 0 {
		return answer, nil
	}
	ids := make([]taskID, len(j.Open))
	keys := make([]string, len(j.Open))
	for i, seq := range j.Open {
		ids[i] = taskID{r.GetJobId(), j.Pass, seq}
		keys[i] = ids[i].String()
	}
	leases, err := s.leases.GetMany(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i, item := range leases {
		unheld := item.Rev == "" || item.Value.State == free
		switch {
		case item.Value.State == done:
			err = s.fold(ctx, ids[i], item.Value.Result)
		case item.Value.State == held && s.expired(ids[i], item.Rev):
			if item.Value.Deaths+1 >= s.o.MaxDeaths {
				err = s.giveUp(ctx, ids[i], item)
			} else {
				unheld = true
			}
		}
		if err != nil {
			return nil, err
		}
		if unheld && len(answer.Tasks) < int(r.GetLimit()) {
			answer.Tasks = append(answer.Tasks, &dataflowpb.Task{Id: keys[i], JobId: r.GetJobId(), Pass: j.Pass, Seq: ids[i].seq})
		}
	}
	return answer, nil
}

func (s *Service) expired(id taskID, rev docstore.Rev) bool {
	return s.live.unchangedFor(id, rev) >= s.o.LeaseTTL
}

// LeaseTask implements dataflowpb.DataflowServer.
func (s *Service) LeaseTask(ctx context.Context, r *dataflowpb.LeaseTaskRequest) (*dataflowpb.Lease, error) {
	id, err := parseTask(r.GetTaskId())
	if err != nil {
		return nil, err
	}
	j, err := s.job(ctx, id.job)
	if err != nil {
		return nil, err
	}
	if j.over() {
		return nil, jobOver()
	}
	isOver := errs.Newf(errs.FailedPrecondition, "the task is over").Because("Done")
	if j.Pass != id.pass || !slices.Contains(j.Open, id.seq) {
		return nil, isOver
	}
	items, err := s.leases.GetMany(ctx, []string{r.GetTaskId()})
	if err != nil {
		return nil, err
	}
	old := items[0]
	next := leaseDoc{State: held, Owner: r.GetOwner(), Epoch: old.Value.Epoch + 1, Deaths: old.Value.Deaths}
	isHeld := errs.Newf(errs.FailedPrecondition, "the task is held").Because("Held")
	switch {
	case old.Value.State == done:
		if err := s.fold(ctx, id, old.Value.Result); err != nil {
			return nil, err
		}
		return nil, isOver
	case old.Value.State == held && !s.expired(id, old.Rev):
		return nil, isHeld
	case old.Value.State == held:
		next.Deaths++
		s.log.WarnContext(ctx, "a task's holder vanished", "task", r.GetTaskId(), "owner", old.Value.Owner, "epoch", old.Value.Epoch, "times", next.Deaths)
		if next.Deaths >= s.o.MaxDeaths {
			if err := s.giveUp(ctx, id, old); err != nil {
				return nil, err
			}
			return nil, isOver
		}
	}
	// The task is read before the lease is taken: whoever holds it can work.
	doc, _, err := s.tasks.Get(ctx, r.GetTaskId())
	if err != nil {
		return nil, err
	}
	entries, err := unpackEntries(doc.Entries)
	if err != nil {
		return nil, err
	}
	rev, err := s.put(ctx, r.GetTaskId(), old.Rev, next)
	if errs.Is(err, errs.FailedPrecondition) || errs.Is(err, errs.AlreadyExists) {
		return nil, isHeld
	}
	if err != nil {
		return nil, err
	}
	s.live.leased(id, rev)
	return &dataflowpb.Lease{
		Task: &dataflowpb.Task{Id: r.GetTaskId(), JobId: id.job, Pass: id.pass, Seq: id.seq, Entries: entries, EndKey: doc.EndKey,
			State: "open", Epoch: next.Epoch, Owner: next.Owner},
		Plan: j.Plan.proto(), Epoch: next.Epoch, TtlMillis: s.o.LeaseTTL.Milliseconds(),
	}, nil
}

// put inserts or replaces a lease.
func (s *Service) put(ctx context.Context, id string, old docstore.Rev, l leaseDoc) (docstore.Rev, error) {
	if old == "" {
		return s.leases.Insert(ctx, id, l)
	}
	return s.leases.Replace(ctx, id, old, l)
}

// lease reads the lease of an epoch. FailedPrecondition with reason "Stale" when it is not current.
func (s *Service) lease(ctx context.Context, id string, epoch int64) (leaseDoc, docstore.Rev, error) {
	l, rev, err := s.leases.Get(ctx, id)
	if errs.Is(err, errs.NotFound) || err == nil && (l.Epoch != epoch || l.State == free) {
		return l, rev, stale("the lease is not current")
	}
	return l, rev, err
}

// Heartbeat implements dataflowpb.DataflowServer. Only one in three or so is stored, and only those prolong the lease: every observer must be
// able to see it.
func (s *Service) Heartbeat(ctx context.Context, r *dataflowpb.HeartbeatRequest) (*dataflowpb.HeartbeatResponse, error) {
	id, err := parseTask(r.GetTaskId())
	if err != nil {
		return nil, err
	}
	l, rev, err := s.lease(ctx, r.GetTaskId(), r.GetEpoch())
	if err != nil {
		return nil, err
	}
	if l.State == done {
		return nil, stale("the task is over")
	}
	j, err := s.job(ctx, id.job)
	if err != nil {
		return nil, err
	}
	answer := &dataflowpb.HeartbeatResponse{Stop: j.over()}
	if s.live.unchangedFor(id, rev) >= s.o.LeaseTTL/4 {
		l.Beat++
		rev, err = s.leases.Replace(ctx, r.GetTaskId(), rev, l)
		if errs.Is(err, errs.FailedPrecondition) {
			return nil, stale("the lease is not current")
		}
		if err != nil {
			return nil, err
		}
		answer.TtlMillis = s.o.LeaseTTL.Milliseconds()
	}
	c := j.Counters
	s.live.beat(id, rev, countersOf(r.GetDone()))
	c.add(s.live.running(id.job, &j))
	s.live.sample(id.job, c.PassedBytes-c.SkippedBytes)
	return answer, nil
}

// FinishTask implements dataflowpb.DataflowServer: the report first, then the lease that names it, then the fold.
func (s *Service) FinishTask(ctx context.Context, r *dataflowpb.FinishTaskRequest) (*dataflowpb.Empty, error) {
	id, err := parseTask(r.GetTaskId())
	if err != nil {
		return nil, err
	}
	l, rev, err := s.lease(ctx, r.GetTaskId(), r.GetEpoch())
	if err != nil {
		return nil, err
	}
	if l.State == done {
		return &dataflowpb.Empty{}, s.fold(ctx, id, l.Result)
	}
	if r.GetStopped() {
		j, err := s.job(ctx, id.job)
		if err != nil {
			return nil, err
		}
		if !j.over() {
			return &dataflowpb.Empty{}, s.giveBack(ctx, id, rev, l)
		}
	}
	doc, _, err := s.tasks.Get(ctx, r.GetTaskId())
	if err != nil {
		return nil, err
	}
	entries, err := unpackEntries(doc.Entries)
	if err != nil {
		return nil, err
	}
	if err := complete(entries, r.GetOutcomes(), r.GetStopped()); err != nil {
		return nil, err
	}
	return &dataflowpb.Empty{}, s.finish(ctx, id, rev, l, r.GetOutcomes())
}

func (s *Service) giveBack(ctx context.Context, id taskID, rev docstore.Rev, l leaseDoc) error {
	l.State, l.Owner = free, ""
	_, err := s.leases.Replace(ctx, id.String(), rev, l)
	if errs.Is(err, errs.FailedPrecondition) {
		return stale("the lease is not current")
	}
	s.live.finished(id)
	return err
}

// finish stores a report, names it in the lease, and folds.
func (s *Service) finish(ctx context.Context, id taskID, rev docstore.Rev, l leaseDoc, outcomes []*dataflowpb.Outcome) error {
	lines, err := packLines(outcomes)
	if err != nil {
		return err
	}
	if len(lines) > maxDocument {
		return errs.Newf(errs.InvalidArgument, "a report is under 1 MiB")
	}
	_, err = s.reports.Insert(ctx, reportKey(id, l.Epoch), reportDoc{Lines: lines})
	if err != nil && !errs.Is(err, errs.AlreadyExists) { // the same attempt reported before, and its answer was lost
		return err
	}
	l.State, l.Result = done, tally(outcomes)
	_, err = s.leases.Replace(ctx, id.String(), rev, l)
	if errs.Is(err, errs.FailedPrecondition) {
		return stale("the lease is not current")
	}
	if err != nil {
		return err
	}
	return s.fold(ctx, id, l.Result)
}

// giveUp takes the lease of a task whose holders keep dying, and reports every entry as failed. It must hold it first: another one
// may be about to report under the next epoch.
func (s *Service) giveUp(ctx context.Context, id taskID, old docstore.Item[leaseDoc]) error {
	doc, _, err := s.tasks.Get(ctx, id.String())
	if err != nil {
		return err
	}
	entries, err := unpackEntries(doc.Entries)
	if err != nil {
		return err
	}
	reason := fmt.Sprintf("given up: %d datamovers ended while they held the task", s.o.MaxDeaths)
	outcomes := make([]*dataflowpb.Outcome, len(entries))
	for i, e := range entries {
		outcomes[i] = &dataflowpb.Outcome{Key: e.GetKey(), VersionId: e.GetVersionId(), Bytes: e.GetSize(), Outcome: failed, Reason: reason}
	}
	l := old.Value
	l.State, l.Epoch, l.Owner, l.Deaths, l.Beat = held, l.Epoch+1, s.o.Owner, l.Deaths+1, 0
	rev, err := s.leases.Replace(ctx, id.String(), old.Rev, l)
	if errs.Is(err, errs.FailedPrecondition) {
		return nil // its holder lives after all, or somebody else was here
	}
	if err != nil {
		return err
	}
	s.log.ErrorContext(ctx, "a task is given up", "task", id.String(), "deaths", l.Deaths)
	if err := s.finish(ctx, id, rev, l, outcomes); err != nil && errs.ReasonOf(err) != "Stale" {
		return err
	}
	return nil
}

// complete refuses a report that does not say what became of each entry.
func complete(entries []*dataflowpb.Entry, outcomes []*dataflowpb.Outcome, stopped bool) error {
	type version struct{ key, id string }
	left := make(map[version]bool, len(entries))
	for _, e := range entries {
		left[version{e.GetKey(), e.GetVersionId()}] = true
	}
	for _, o := range outcomes {
		if !left[version{o.GetKey(), o.GetVersionId()}] {
			return errs.Newf(errs.InvalidArgument, "a report names a key that the task does not have, or twice")
		}
		delete(left, version{o.GetKey(), o.GetVersionId()})
		switch o.GetOutcome() {
		case copied, skipped, failed:
		default:
			return errs.Newf(errs.InvalidArgument, "an outcome is copied, skipped or failed")
		}
	}
	if len(left) > 0 && !stopped {
		return errs.Newf(errs.InvalidArgument, "%d entries of the task have no outcome", len(left))
	}
	return nil
}
