package dataflow

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/dataflowpb"
)

func TestNamesAreUniqueAndMove(t *testing.T) {
	t.Parallel()
	c := client(t, service(t, memory(t), Options{}))
	plan := must[*dataflowpb.Plan](t)
	a := plan(c.CreatePlan(t.Context(), copyPlan("a")))
	b := plan(c.CreatePlan(t.Context(), copyPlan("b")))
	_, err := c.CreatePlan(t.Context(), copyPlan("a"))
	refused(t, err, errs.AlreadyExists, "name")
	_, err = c.UpdatePlan(t.Context(), &dataflowpb.UpdatePlanRequest{IdOrName: "b", Plan: copyPlan("a")})
	refused(t, err, errs.AlreadyExists, "name")
	if got := plan(c.UpdatePlan(t.Context(), &dataflowpb.UpdatePlanRequest{IdOrName: b.Id, Plan: copyPlan("0")})); got.Id != b.Id || got.Name != "0" {
		t.Fatalf("renamed to %v", got)
	}
	if _, err := c.GetPlan(t.Context(), &dataflowpb.ByName{IdOrName: "b"}); !errs.Is(err, errs.NotFound) {
		t.Errorf("the old name gives %v", err)
	}
	list := must[*dataflowpb.Plans](t)(c.ListPlans(t.Context(), &dataflowpb.Page{Limit: 1}))
	if len(list.Plans) != 1 || list.Plans[0].Name != "0" || !list.More {
		t.Errorf("first page is %v", list)
	}
	list = must[*dataflowpb.Plans](t)(c.ListPlans(t.Context(), &dataflowpb.Page{Limit: 1, After: "0"}))
	if len(list.Plans) != 1 || list.Plans[0].Id != a.Id || list.More {
		t.Errorf("second page is %v", list)
	}
	must[*dataflowpb.Empty](t)(c.DeletePlan(t.Context(), &dataflowpb.ByName{IdOrName: "a"}))
	plan(c.CreatePlan(t.Context(), copyPlan("a"))) // the name is free again
	_, err = c.DeletePlan(t.Context(), &dataflowpb.ByName{IdOrName: "nobody"})
	refused(t, err, errs.NotFound, "plan")
}

func TestPolicyInUseStays(t *testing.T) {
	t.Parallel()
	c := client(t, service(t, memory(t), Options{}))
	p := must[*dataflowpb.Policy](t)(c.CreatePolicy(t.Context(), &dataflowpb.Policy{Name: "nightly", ScheduleType: "cron", Cron: "0 3 * * *", Timezone: "Europe/Berlin"}))
	withPolicy := copyPlan("p")
	withPolicy.PolicyId, withPolicy.PolicyEnabled = "nightly", true
	got := must[*dataflowpb.Plan](t)(c.CreatePlan(t.Context(), withPolicy))
	if got.PolicyId != p.Id || got.NextRunTime == nil {
		t.Errorf("the plan is %v", got)
	}
	_, err := c.DeletePolicy(t.Context(), &dataflowpb.ByName{IdOrName: p.Id})
	refused(t, err, errs.FailedPrecondition, "")
	must[*dataflowpb.Plan](t)(c.UpdatePlan(t.Context(), &dataflowpb.UpdatePlanRequest{IdOrName: "p", Plan: copyPlan("p")}))
	must[*dataflowpb.Empty](t)(c.DeletePolicy(t.Context(), &dataflowpb.ByName{IdOrName: "nightly"}))
	if all := must[*dataflowpb.Policies](t)(c.ListPolicies(t.Context(), &dataflowpb.Page{Limit: 10})); len(all.Policies) != 0 {
		t.Errorf("still there: %v", all)
	}
}

func TestOneOpenJobPerPlan(t *testing.T) {
	t.Parallel()
	c := client(t, service(t, memory(t), Options{}))
	must[*dataflowpb.Plan](t)(c.CreatePlan(t.Context(), copyPlan("p")))
	var wg sync.WaitGroup
	var mu sync.Mutex
	var jobs []string
	for range 16 {
		wg.Go(func() {
			j, err := c.RunPlan(t.Context(), &dataflowpb.RunPlanRequest{IdOrName: "p"})
			if err != nil {
				refused(t, err, errs.AlreadyExists, "OpenJob")
				return
			}
			mu.Lock()
			defer mu.Unlock()
			jobs = append(jobs, j.Id)
		})
	}
	wg.Wait()
	if len(jobs) != 1 {
		t.Fatalf("%d jobs were opened", len(jobs))
	}
	_, err := c.UpdatePlan(t.Context(), &dataflowpb.UpdatePlanRequest{IdOrName: "p", Plan: copyPlan("q")})
	refused(t, err, errs.FailedPrecondition, "OpenJob")
	_, err = c.DeletePlan(t.Context(), &dataflowpb.ByName{IdOrName: "p"})
	refused(t, err, errs.FailedPrecondition, "OpenJob")
	if _, err := c.GetPlan(t.Context(), &dataflowpb.ByName{IdOrName: "q"}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a refused rename left the name: %v", err)
	}
	must[*dataflowpb.Job](t)(c.CancelJob(t.Context(), &dataflowpb.ByName{IdOrName: jobs[0]}))
	_, err = c.CancelJob(t.Context(), &dataflowpb.ByName{IdOrName: jobs[0]})
	refused(t, err, errs.FailedPrecondition, "JobOver")
	second := must[*dataflowpb.Job](t)(c.RunPlan(t.Context(), &dataflowpb.RunPlanRequest{IdOrName: "p"}))
	list := must[*dataflowpb.Jobs](t)(c.ListJobs(t.Context(), &dataflowpb.ListJobsRequest{Limit: 10, Plan: "p"}))
	if len(list.Jobs) != 2 || list.Jobs[0].Id != second.Id || list.Jobs[1].Status != cancelled {
		t.Errorf("the list is %v, want the newest first", list.Jobs)
	}
	list = must[*dataflowpb.Jobs](t)(c.ListJobs(t.Context(), &dataflowpb.ListJobsRequest{Limit: 10, Statuses: []string{pending}}))
	if len(list.Jobs) != 1 || list.Jobs[0].Id != second.Id {
		t.Errorf("pending jobs: %v", list.Jobs)
	}
}

// entriesFrom makes n entries of 10 bytes each.
func entriesFrom(first, n int) (e []*dataflowpb.Entry, end string) {
	for i := range n {
		end = fmt.Sprintf("k%06d", first+i)
		e = append(e, &dataflowpb.Entry{Key: end, Size: 10})
	}
	return e, end
}

func outcomesOf(l *dataflowpb.Lease, outcome string) (all []*dataflowpb.Outcome) {
	for _, e := range l.Task.Entries {
		all = append(all, &dataflowpb.Outcome{Key: e.Key, Bytes: e.Size, Outcome: outcome, Reason: "r", Proof: "p",
			Destination: &dataflowpb.Copy{Backend: "b", Algorithm: "CRC64NVME", Checksum: "AA=="}})
	}
	return all
}

// drive does what the scheduler and a mover do for a plan with two tasks, starting from whatever state there is, until the job is over.
func drive(t *testing.T, s *Service, failing bool) (*dataflowpb.Job, error) {
	ctx := t.Context()
	if _, err := s.GetPlan(ctx, &dataflowpb.ByName{IdOrName: "p"}); errs.Is(err, errs.NotFound) {
		if _, err := s.CreatePlan(ctx, copyPlan("p")); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	jobs, err := s.ListJobs(ctx, &dataflowpb.ListJobsRequest{Limit: 10})
	if err != nil {
		return nil, err
	}
	if len(jobs.Jobs) == 0 {
		if _, err := s.RunPlan(ctx, &dataflowpb.RunPlanRequest{IdOrName: "p"}); err != nil && errs.ReasonOf(err) != "OpenJob" {
			return nil, err
		}
	}
	for range 100 {
		open, err := s.OpenJobs(ctx, &dataflowpb.Empty{})
		if err != nil {
			return nil, err
		}
		if len(open.Jobs) == 0 {
			jobs, err := s.ListJobs(ctx, &dataflowpb.ListJobsRequest{Limit: 10})
			if err != nil || len(jobs.Jobs) != 1 {
				return nil, fmt.Errorf("jobs %v: %w", jobs, err)
			}
			return jobs.Jobs[0], nil
		}
		j, err := s.StartJob(ctx, &dataflowpb.StartJobRequest{JobId: open.Jobs[0].Id})
		if err != nil {
			return nil, err
		}
		if j.NextSeq < 2 {
			entries, end := entriesFrom(int(j.NextSeq)*10, 3)
			_, err := s.AddTask(ctx, &dataflowpb.AddTaskRequest{JobId: j.Id, Pass: j.Pass, Seq: j.NextSeq, Entries: entries, EndKey: end + "s",
				Skipped: []*dataflowpb.Outcome{{Key: end + "s", Bytes: 5, Outcome: skipped, Reason: "same"}}})
			if err != nil && errs.ReasonOf(err) != "Taken" {
				return nil, err
			}
			continue
		}
		if !j.TotalsFinal {
			if _, err := s.FinishPass(ctx, &dataflowpb.FinishPassRequest{JobId: j.Id, Pass: j.Pass, NextSeq: j.NextSeq, Last: true}); err != nil {
				return nil, err
			}
		}
		unheld, err := s.UnheldTasks(ctx, &dataflowpb.UnheldTasksRequest{JobId: j.Id, Limit: 10})
		if err != nil {
			return nil, err
		}
		if len(unheld.Tasks) == 0 {
			time.Sleep(s.o.LeaseTTL) // of a bubble
		}
		for _, task := range unheld.Tasks {
			l, err := s.LeaseTask(ctx, &dataflowpb.LeaseTaskRequest{TaskId: task.Id, Owner: "m"})
			if err != nil {
				return nil, err
			}
			outcome := copied
			if failing && task.Seq == 1 {
				outcome = failed
			}
			if _, err := s.FinishTask(ctx, &dataflowpb.FinishTaskRequest{TaskId: task.Id, Epoch: l.Epoch, Outcomes: outcomesOf(l, outcome)}); err != nil {
				return nil, err
			}
		}
	}
	return nil, fmt.Errorf("the job does not end")
}

// The process dies at every write of a job's whole life, before or after it; another one finishes, and every object counts once.
func TestCrashAtEveryWrite(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		for at := int64(1); ; at++ {
			finished := false
			synctest.Test(t, func(t *testing.T) {
				docs := memory(t)
				dying := &dying{Store: docs, at: at, after: after}
				first := service(t, dying, Options{})
				if _, err := drive(t, first, true); err == nil && dying.writes.Load() < at {
					finished = true
				}
				time.Sleep(staleClaim) // a name that a dead process claimed is free only then
				second := service(t, docs, Options{})
				if err := second.healPlans(t.Context()); err != nil {
					t.Fatal(err)
				}
				j, err := drive(t, second, true)
				if err != nil {
					t.Fatalf("death at write %d (after %v): %v", at, after, err)
				}
				want := &dataflowpb.Counters{TotalCount: 8, PassedCount: 3, SkippedCount: 2, FailedCount: 3, TotalBytes: 70, PassedBytes: 40, CopiedBytes: 30}
				if j.Status != failed || !proto.Equal(j.Counters, want) || !strings.HasPrefix(j.Error, "3 of 8 objects failed") {
					t.Errorf("death at write %d (after %v): %s %q %v", at, after, j.Status, j.Error, j.Counters)
				}
				p, _, err := second.plan(t.Context(), "p")
				if err != nil || p.OpenJob != "" {
					t.Errorf("death at write %d (after %v): the plan's open job is %q, %v", at, after, p.OpenJob, err)
				}
			})
			if finished {
				break
			}
			if at > 60 || t.Failed() {
				t.Fatal("the life of a job has no end")
			}
		}
	}
}

func TestReportIsInOrderAndSelects(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := service(t, memory(t), Options{})
		j, err := drive(t, s, true)
		if err != nil {
			t.Fatal(err)
		}
		c := client(t, s)
		var keys []string
		for _, o := range report(t, c, j.Id, false) {
			keys = append(keys, o.Key+":"+o.Outcome)
		}
		if got, want := strings.Join(keys, " "), "k000002s:skipped k000000:copied k000001:copied k000002:copied k000012s:skipped k000010:failed k000011:failed k000012:failed"; got != want {
			t.Errorf("report\n got %s\nwant %s", got, want)
		}
		failures := report(t, c, j.Id, true)
		if len(failures) != 3 || failures[0].Key != "k000010" || failures[0].Reason != "r" || failures[0].Proof != "p" || failures[0].Destination.GetBackend() != "b" {
			t.Errorf("failures: %v", failures)
		}
	})
}

func TestDueRunsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := service(t, memory(t), Options{})
		must[*dataflowpb.Policy](t)(s.CreatePolicy(t.Context(), &dataflowpb.Policy{Name: "hourly", ScheduleType: "cron", Cron: "0 * * * *"}))
		p := copyPlan("p")
		p.PolicyId, p.PolicyEnabled = "hourly", true
		made := must[*dataflowpb.Plan](t)(s.CreatePlan(t.Context(), p))
		run := func(due *timestamppb.Timestamp) error {
			_, err := s.RunPlan(t.Context(), &dataflowpb.RunPlanRequest{IdOrName: "p", Due: due})
			return err
		}
		first := made.NextRunTime
		refused(t, run(first), errs.FailedPrecondition, "NotDue") // too early
		time.Sleep(time.Until(first.AsTime()))
		if err := run(first); err != nil {
			t.Fatal(err)
		}
		refused(t, run(first), errs.FailedPrecondition, "NotDue") // once

		next := must[*dataflowpb.Plan](t)(s.GetPlan(t.Context(), &dataflowpb.ByName{IdOrName: "p"})).NextRunTime
		if got := next.AsTime().Sub(first.AsTime()); got != time.Hour {
			t.Fatalf("the next fire is %v later", got)
		}
		time.Sleep(5*time.Hour + time.Minute) // missed five times
		refused(t, run(next), errs.AlreadyExists, "OpenJob")
		refused(t, run(next), errs.FailedPrecondition, "NotDue") // skipped means dealt with
		next = must[*dataflowpb.Plan](t)(s.GetPlan(t.Context(), &dataflowpb.ByName{IdOrName: "p"})).NextRunTime
		if !next.AsTime().After(time.Now()) {
			t.Errorf("after a long sleep the next fire is in the past: %v", next.AsTime())
		}
	})
}
