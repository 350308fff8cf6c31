package dataflow

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/dataflowpb"
)

var jobForm = regexp.MustCompile(`^[0-9a-f]{24}$`)

// newJobID draws an id: the time counted downwards, so that the newest sorts first, and a nonce.
func newJobID(t time.Time) string {
	var nonce [4]byte
	rand.Read(nonce[:]) // never fails
	return fmt.Sprintf("%016x%s", uint64(math.MaxInt64-t.UnixNano()), hex.EncodeToString(nonce[:]))
}

func jobTime(id string) time.Time {
	n, err := strconv.ParseInt(id[:16], 16, 64)
	if err != nil {
		return time.Time{}
	}
	return clean(time.Unix(0, math.MaxInt64-n))
}

func jobOver() error {
	return errs.Newf(errs.FailedPrecondition, "the job is over").Because("JobOver")
}

func noJob(id string) error { return errs.Newf(errs.NotFound, "there is no job %q", id).Because("job") }

func (s *Service) job(ctx context.Context, id string) (jobDoc, error) {
	if !jobForm.MatchString(id) {
		return jobDoc{}, noJob(id)
	}
	j, _, err := s.jobs.Get(ctx, id)
	if errs.Is(err, errs.NotFound) {
		return j, noJob(id)
	}
	return j, err
}

// errSame ends an Update whose change is there already.
var errSame = errors.New("nothing to change")

// updateJob changes a job by compare-and-set; change may return errSame.
func (s *Service) updateJob(ctx context.Context, id string, change func(*jobDoc) error) (jobDoc, error) {
	if !jobForm.MatchString(id) {
		return jobDoc{}, noJob(id)
	}
	j, _, err := s.jobs.Update(ctx, id, change)
	switch {
	case err == errSame:
		return j, nil
	case errs.Is(err, errs.NotFound):
		return j, noJob(id)
	}
	return j, err
}

// RunPlan implements dataflowpb.DataflowServer.
func (s *Service) RunPlan(ctx context.Context, r *dataflowpb.RunPlanRequest) (*dataflowpb.Job, error) {
	d, _, err := s.plan(ctx, r.GetIdOrName())
	if err != nil {
		return nil, err
	}
	var policy policyDoc
	if r.GetDue() != nil {
		if policy, _, err = s.policies.Get(ctx, d.Plan.PolicyID); err != nil {
			return nil, errs.New(errs.FailedPrecondition, "the plan has no policy", err).Because("NotDue")
		}
	}
	var occupied bool
	d, _, err = s.plans.Update(ctx, d.Plan.ID, func(d *planDoc) error {
		t := now()
		if r.GetDue() != nil {
			due := r.GetDue().AsTime()
			if next := policy.next(d); next.IsZero() || due.Before(next) || due.After(t) {
				return errs.Newf(errs.FailedPrecondition, "the plan is not due at that time").Because("NotDue")
			}
			d.Fired = policy.dealt(clean(due), t)
		}
		if occupied, err = s.hasOpenJob(ctx, d); err != nil {
			return err
		}
		if occupied {
			if r.GetDue() != nil {
				return nil // the fire time is dealt with: skipped
			}
			return openJob(d)
		}
		d.OpenJob, d.LastRun = newJobID(time.Now()), t
		return nil
	})
	switch {
	case errs.Is(err, errs.NotFound):
		return nil, notFound(planKind, r.GetIdOrName())
	case err != nil:
		return nil, err
	case occupied:
		return nil, openJob(&d)
	}
	if err := s.storeJob(ctx, &d); err != nil {
		return nil, err
	}
	return s.GetJob(ctx, &dataflowpb.ByName{IdOrName: d.OpenJob})
}

func openJob(d *planDoc) error {
	return errs.Newf(errs.AlreadyExists, "the plan has the open job %s", d.OpenJob).Because("OpenJob")
}

// hasOpenJob reports whether the job that a plan names is open, after storing it if it was not.
func (s *Service) hasOpenJob(ctx context.Context, d *planDoc) (bool, error) {
	if d.OpenJob == "" {
		return false, nil
	}
	j, _, err := s.jobs.Get(ctx, d.OpenJob)
	if errs.Is(err, errs.NotFound) {
		return true, s.storeJob(ctx, d)
	}
	return err == nil && !j.over(), err
}

// storeJob makes the job that a plan names: listed as open first, then stored. It may be repeated.
func (s *Service) storeJob(ctx context.Context, d *planDoc) error {
	return s.insertJob(ctx, d.OpenJob, openDoc{PlanID: d.Plan.ID}, d.Plan)
}

func (s *Service) insertJob(ctx context.Context, id string, o openDoc, p plan) error {
	if _, err := s.open.Insert(ctx, id, o); err != nil && !errs.Is(err, errs.AlreadyExists) {
		return err
	}
	created := jobTime(id)
	p.Filter = p.Filter.fixed(created)
	_, err := s.jobs.Insert(ctx, id, jobDoc{Plan: p, Status: pending, Created: created, Pass: 1})
	if errs.Is(err, errs.AlreadyExists) {
		return nil
	}
	return err
}

// RunAdHoc implements dataflowpb.DataflowServer.
func (s *Service) RunAdHoc(ctx context.Context, r *dataflowpb.Plan) (*dataflowpb.Job, error) {
	p := planOf(r)
	p.PolicyID, p.PolicyEnabled = "", false
	var err error
	if p.Mode == "import" {
		err = s.checkImport(ctx, &p)
	} else {
		err = s.check(ctx, &p)
	}
	if err != nil {
		return nil, err
	}
	id := newJobID(time.Now())
	if err := s.insertJob(ctx, id, openDoc{}, p); err != nil {
		return nil, err
	}
	return s.GetJob(ctx, &dataflowpb.ByName{IdOrName: id})
}

// GetJob implements dataflowpb.DataflowServer.
func (s *Service) GetJob(ctx context.Context, r *dataflowpb.ByName) (*dataflowpb.Job, error) {
	j, err := s.job(ctx, r.GetIdOrName())
	if err != nil {
		return nil, err
	}
	return s.jobProto(r.GetIdOrName(), &j), nil
}

func (s *Service) jobProto(id string, j *jobDoc) *dataflowpb.Job {
	out := &dataflowpb.Job{
		Id: id, PlanId: j.Plan.ID, PlanName: j.Plan.Name, Mode: j.Plan.Mode, Status: j.Status, TotalsFinal: j.TotalsFinal,
		CreateTime: stamp(j.Created), StartTime: stamp(j.Started), EndTime: stamp(j.Ended), Error: j.Error, Plan: j.Plan.proto(),
		Pass: j.Pass, NextSeq: j.NextSeq, Cursor: j.Cursor, OpenTasks: int64(len(j.Open)), PassFound: j.PassFound,
	}
	c := j.Counters
	if !j.over() {
		c.add(s.live.running(id, j))
		out.Rate = s.live.rate(id, c.PassedBytes-c.SkippedBytes)
	}
	out.Counters = c.proto()
	return out
}

// ListJobs implements dataflowpb.DataflowServer.
func (s *Service) ListJobs(ctx context.Context, r *dataflowpb.ListJobsRequest) (*dataflowpb.Jobs, error) {
	limit := int(r.GetLimit())
	if limit < 1 || limit > 1000 {
		return nil, bad("limit", "a page has 1 to 1000 items")
	}
	from := ""
	if r.GetAfter() != "" {
		from = docstore.After(r.GetAfter())
	}
	answer := &dataflowpb.Jobs{}
	for {
		const run = 200
		items, err := s.jobs.List(ctx, docstore.Range{From: from, Limit: run})
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			j := &item.Value
			if p := r.GetPlan(); p != "" && p != j.Plan.ID && p != j.Plan.Name {
				continue
			}
			if st := r.GetStatuses(); len(st) > 0 && !slices.Contains(st, j.Status) {
				continue
			}
			if len(answer.Jobs) == limit {
				answer.More = true
				return answer, nil
			}
			answer.Jobs = append(answer.Jobs, s.jobProto(item.Key, j))
		}
		if len(items) < run {
			return answer, nil
		}
		from = docstore.After(items[len(items)-1].Key)
	}
}

// orphanAge is the age after which an entry in the list of open jobs without a job is what a crash left: more than any call lasts.
const orphanAge = 10 * time.Minute

// OpenJobs implements dataflowpb.DataflowServer.
func (s *Service) OpenJobs(ctx context.Context, _ *dataflowpb.Empty) (*dataflowpb.Jobs, error) {
	entries, err := s.open.List(ctx, docstore.Range{Limit: 1000})
	if err != nil || len(entries) == 0 {
		return &dataflowpb.Jobs{}, err
	}
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.Key
	}
	jobs, err := s.jobs.GetMany(ctx, ids)
	if err != nil {
		return nil, err
	}
	answer := &dataflowpb.Jobs{}
	for i := len(jobs) - 1; i >= 0; i-- {
		j := &jobs[i].Value
		switch {
		case jobs[i].Rev == "":
			if time.Since(entries[i].Rev.Time()) > orphanAge {
				err = s.open.Delete(ctx, ids[i], entries[i].Rev)
			}
		case j.over():
			err = s.closed(ctx, ids[i], j)
		default:
			answer.Jobs = append(answer.Jobs, s.jobProto(ids[i], j))
		}
		if err != nil && !errs.Is(err, errs.FailedPrecondition) {
			return nil, err
		}
	}
	return answer, nil
}

// end closes a job in its document; closed does the rest.
func (j *jobDoc) end(status, problem string) {
	j.Status, j.Error, j.Ended = status, problem, now()
	if j.Started.IsZero() {
		j.Started = j.Ended
	}
}

// settle closes a job whose totals are final and whose tasks are all folded.
func (j *jobDoc) settle() {
	if j.Status != running || !j.TotalsFinal || len(j.Open) > 0 {
		return
	}
	c := j.Counters
	switch {
	case c.Failed > 0:
		j.end(failed, fmt.Sprintf("%d of %d objects failed; the report names them", c.Failed, c.Total))
	case c.Passed+c.Skipped != c.Total:
		j.end(failed, fmt.Sprintf("%d of %d objects have no outcome", c.Total-c.Passed-c.Skipped, c.Total))
	default:
		j.end(succeeded, "")
	}
}

// closed lets go of a job that is over. It may be repeated; OpenJobs does so after a crash.
func (s *Service) closed(ctx context.Context, id string, j *jobDoc) error {
	s.live.forget(id)
	if j.Plan.ID != "" {
		_, _, err := s.plans.Update(ctx, j.Plan.ID, func(d *planDoc) error {
			if d.OpenJob != id {
				return errSame
			}
			d.OpenJob = ""
			return nil
		})
		if err != nil && err != errSame && !errs.Is(err, errs.NotFound) {
			return err
		}
	}
	_, rev, err := s.open.Get(ctx, id)
	if err == nil {
		err = s.open.Delete(ctx, id, rev)
	}
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.FailedPrecondition) {
		return nil
	}
	return err
}

// letGo calls closed for a job that is over; what fails is done again by OpenJobs.
func (s *Service) letGo(ctx context.Context, id string, j *jobDoc) {
	if !j.over() {
		return
	}
	if err := s.closed(ctx, id, j); err != nil {
		s.log.WarnContext(ctx, "a job that is over is still listed as open", "job", id, "err", err)
	}
}

// CancelJob implements dataflowpb.DataflowServer.
func (s *Service) CancelJob(ctx context.Context, r *dataflowpb.ByName) (*dataflowpb.Job, error) {
	return s.stop(ctx, r.GetIdOrName(), cancelled, "")
}

// FailJob implements dataflowpb.DataflowServer.
func (s *Service) FailJob(ctx context.Context, r *dataflowpb.FailJobRequest) (*dataflowpb.Job, error) {
	return s.stop(ctx, r.GetJobId(), failed, r.GetError())
}

func (s *Service) stop(ctx context.Context, id, status, problem string) (*dataflowpb.Job, error) {
	j, err := s.updateJob(ctx, id, func(j *jobDoc) error {
		if j.over() {
			return jobOver()
		}
		j.end(status, problem)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.log.InfoContext(ctx, "job ended", "job", id, "status", j.Status, "error", j.Error)
	s.letGo(ctx, id, &j)
	return s.jobProto(id, &j), nil
}

// StartJob implements dataflowpb.DataflowServer.
func (s *Service) StartJob(ctx context.Context, r *dataflowpb.StartJobRequest) (*dataflowpb.Job, error) {
	j, err := s.updateJob(ctx, r.GetJobId(), func(j *jobDoc) error {
		switch {
		case j.over():
			return jobOver()
		case j.Status == running:
			return errSame
		}
		j.Status, j.Started = running, now()
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.live.sample(r.GetJobId(), 0)
	return s.jobProto(r.GetJobId(), &j), nil
}
