package dataflow

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// oneTask opens a job with one task of n entries and returns the ids of both.
func oneTask(t *testing.T, s *Service, n int) (job, task string) {
	t.Helper()
	must[*dataflowpb.Plan](t)(s.CreatePlan(t.Context(), copyPlan("p")))
	j := must[*dataflowpb.Job](t)(s.RunPlan(t.Context(), &dataflowpb.RunPlanRequest{IdOrName: "p"}))
	must[*dataflowpb.Job](t)(s.StartJob(t.Context(), &dataflowpb.StartJobRequest{JobId: j.Id}))
	entries, end := entriesFrom(0, n)
	a := must[*dataflowpb.AddTaskResponse](t)(s.AddTask(t.Context(), &dataflowpb.AddTaskRequest{JobId: j.Id, Pass: 1, Entries: entries, EndKey: end}))
	return j.Id, a.TaskId
}

func unheld(t *testing.T, s *Service, job string) int {
	t.Helper()
	return len(must[*dataflowpb.Tasks](t)(s.UnheldTasks(t.Context(), &dataflowpb.UnheldTasksRequest{JobId: job, Limit: 10})).Tasks)
}

func TestLeaseIsKeptByHeartbeatsAndTakenOverAfterTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		docs := memory(t)
		s := service(t, docs, Options{})
		job, task := oneTask(t, s, 2)
		lease := func(owner string) (*dataflowpb.Lease, error) {
			return s.LeaseTask(t.Context(), &dataflowpb.LeaseTaskRequest{TaskId: task, Owner: owner})
		}
		beat := func(epoch int64) error {
			_, err := s.Heartbeat(t.Context(), &dataflowpb.HeartbeatRequest{TaskId: task, Epoch: epoch, Done: &dataflowpb.Counters{PassedCount: 1, PassedBytes: 10, CopiedBytes: 10}})
			return err
		}
		if unheld(t, s, job) != 1 {
			t.Fatal("a fresh task is held")
		}
		first := must[*dataflowpb.Lease](t)(lease("a"))
		if first.Epoch != 1 || len(first.Task.Entries) != 2 || first.Plan.Name != "p" || first.TtlMillis != 30_000 {
			t.Fatalf("lease %v", first)
		}
		for range 100 { // 1000 s in beats
			_, err := lease("b")
			refused(t, err, errs.FailedPrecondition, "Held")
			if unheld(t, s, job) != 0 {
				t.Fatal("a task that is kept alive counts as unheld")
			}
			time.Sleep(10 * time.Second)
			if err := beat(1); err != nil {
				t.Fatal(err)
			}
		}
		if j := must[*dataflowpb.Job](t)(s.GetJob(t.Context(), &dataflowpb.ByName{IdOrName: job})); j.Counters.PassedCount != 1 || j.Counters.CopiedBytes != 10 {
			t.Errorf("live counters are %v", j.Counters)
		}
		time.Sleep(29 * time.Second)
		_, err := lease("b")
		refused(t, err, errs.FailedPrecondition, "Held")
		time.Sleep(time.Second)
		if unheld(t, s, job) != 1 {
			t.Error("an expired lease is not published again")
		}
		second := must[*dataflowpb.Lease](t)(lease("b"))
		if second.Epoch != 2 {
			t.Errorf("the take-over has epoch %d", second.Epoch)
		}
		refused(t, beat(1), errs.FailedPrecondition, "Stale")
		_, err = s.FinishTask(t.Context(), &dataflowpb.FinishTaskRequest{TaskId: task, Epoch: 1, Outcomes: outcomesOf(first, copied)})
		refused(t, err, errs.FailedPrecondition, "Stale")

		// A restarted process knows no beats: the holder gets the whole TTL from then.
		s = service(t, docs, Options{})
		time.Sleep(time.Hour)
		_, err = lease("c")
		refused(t, err, errs.FailedPrecondition, "Held")
		if err := beat(2); err != nil {
			t.Error(err)
		}
		finish := func() error {
			_, err := s.FinishTask(t.Context(), &dataflowpb.FinishTaskRequest{TaskId: task, Epoch: 2, Outcomes: outcomesOf(second, copied)})
			return err
		}
		for range 2 { // the answer may be lost
			if err := finish(); err != nil {
				t.Fatal(err)
			}
		}
		_, err = lease("c")
		refused(t, err, errs.FailedPrecondition, "Done")
		j := must[*dataflowpb.Job](t)(s.FinishPass(t.Context(), &dataflowpb.FinishPassRequest{JobId: job, Pass: 1, NextSeq: 1, Last: true}))
		if j.Status != succeeded || j.Counters.PassedCount != 2 || j.Counters.PassedBytes != 20 || j.Rate != 0 {
			t.Errorf("the job ended as %v", j)
		}
		_, err = s.LeaseTask(t.Context(), &dataflowpb.LeaseTaskRequest{TaskId: task})
		refused(t, err, errs.FailedPrecondition, "JobOver")
	})
}

func TestPoisonTaskIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := service(t, memory(t), Options{MaxDeaths: 3})
		job, task := oneTask(t, s, 2)
		for want := int64(1); want <= 3; want++ {
			l := must[*dataflowpb.Lease](t)(s.LeaseTask(t.Context(), &dataflowpb.LeaseTaskRequest{TaskId: task, Owner: "m"}))
			if l.Epoch != want {
				t.Fatalf("epoch %d, want %d", l.Epoch, want)
			}
			time.Sleep(30 * time.Second)
		}
		if unheld(t, s, job) != 0 {
			t.Error("a task that killed three movers is published again")
		}
		must[*dataflowpb.Job](t)(s.FinishPass(t.Context(), &dataflowpb.FinishPassRequest{JobId: job, Pass: 1, NextSeq: 1, Last: true}))
		j := must[*dataflowpb.Job](t)(s.GetJob(t.Context(), &dataflowpb.ByName{IdOrName: job}))
		if j.Status != failed || j.Counters.FailedCount != 2 {
			t.Errorf("the job ended as %v", j)
		}
		if lines := report(t, client(t, s), job, true); len(lines) != 2 || lines[0].Reason == "" {
			t.Errorf("the report is %v", lines)
		}
	})
}

func TestStoppedTasks(t *testing.T) {
	t.Parallel()
	s := service(t, memory(t), Options{})
	job, task := oneTask(t, s, 3)
	lease := func() *dataflowpb.Lease {
		t.Helper()
		return must[*dataflowpb.Lease](t)(s.LeaseTask(t.Context(), &dataflowpb.LeaseTaskRequest{TaskId: task, Owner: "m"}))
	}
	finish := func(l *dataflowpb.Lease, n int, stopped bool) error {
		_, err := s.FinishTask(t.Context(), &dataflowpb.FinishTaskRequest{TaskId: task, Epoch: l.Epoch, Outcomes: outcomesOf(l, copied)[:n], Stopped: stopped})
		return err
	}
	l := lease()
	refused(t, finish(l, 2, false), errs.InvalidArgument, "") // an object without an outcome
	if err := finish(l, 1, true); err != nil {                // the mover shuts down
		t.Fatal(err)
	}
	if unheld(t, s, job) != 1 {
		t.Error("a lease that was given back is held")
	}
	refused(t, finish(l, 3, false), errs.FailedPrecondition, "Stale")
	l = lease()
	must[*dataflowpb.Job](t)(s.CancelJob(t.Context(), &dataflowpb.ByName{IdOrName: job}))
	b := must[*dataflowpb.HeartbeatResponse](t)(s.Heartbeat(t.Context(), &dataflowpb.HeartbeatRequest{TaskId: task, Epoch: l.Epoch}))
	if !b.Stop {
		t.Error("a mover is not told that its job was cancelled")
	}
	if err := finish(l, 2, true); err != nil {
		t.Fatal(err)
	}
	j := must[*dataflowpb.Job](t)(s.GetJob(t.Context(), &dataflowpb.ByName{IdOrName: job}))
	if j.Status != cancelled || j.Counters.PassedCount != 2 || j.EndTime == nil {
		t.Errorf("the job is %v", j)
	}
	if lines := report(t, client(t, s), job, false); len(lines) != 2 {
		t.Errorf("the report has %d lines, want what was done before the stop", len(lines))
	}
}

func TestDeposedLeaderIsRefused(t *testing.T) {
	t.Parallel()
	s := service(t, memory(t), Options{MaxOpenTasks: 2})
	job, task := oneTask(t, s, 1)
	add := func(pass int32, seq int64, first int) error {
		entries, end := entriesFrom(first, 1)
		_, err := s.AddTask(t.Context(), &dataflowpb.AddTaskRequest{JobId: job, Pass: pass, Seq: seq, Entries: entries, EndKey: end})
		return err
	}
	end := func(pass int32, next int64, last bool) error {
		_, err := s.FinishPass(t.Context(), &dataflowpb.FinishPassRequest{JobId: job, Pass: pass, NextSeq: next, Last: last})
		return err
	}
	refused(t, add(1, 0, 5), errs.AlreadyExists, "Taken")
	refused(t, add(1, 2, 5), errs.FailedPrecondition, "Stale")
	refused(t, add(2, 0, 5), errs.FailedPrecondition, "Stale")
	refused(t, add(1, 1, 0), errs.InvalidArgument, "") // does not go on
	refused(t, end(1, 0, true), errs.FailedPrecondition, "Stale")
	refused(t, end(1, 1, false), errs.FailedPrecondition, "") // a task is open
	if err := add(1, 1, 5); err != nil {
		t.Fatal(err)
	}
	refused(t, add(1, 2, 9), errs.ResourceExhausted, "")
	for _, id := range []string{task, taskID{job, 1, 1}.String()} {
		l := must[*dataflowpb.Lease](t)(s.LeaseTask(t.Context(), &dataflowpb.LeaseTaskRequest{TaskId: id, Owner: "m"}))
		must[*dataflowpb.Empty](t)(s.FinishTask(t.Context(), &dataflowpb.FinishTaskRequest{TaskId: id, Epoch: l.Epoch, Outcomes: outcomesOf(l, copied)}))
	}
	if err := end(1, 2, false); err != nil {
		t.Fatal(err)
	}
	refused(t, add(1, 2, 9), errs.FailedPrecondition, "Stale")
	if err := add(2, 0, 0); err != nil { // the next pass begins anew
		t.Fatal(err)
	}
	if err := end(2, 1, true); err != nil {
		t.Fatal(err)
	}
	l := must[*dataflowpb.Lease](t)(s.LeaseTask(t.Context(), &dataflowpb.LeaseTaskRequest{TaskId: taskID{job, 2, 0}.String(), Owner: "m"}))
	must[*dataflowpb.Empty](t)(s.FinishTask(t.Context(), &dataflowpb.FinishTaskRequest{TaskId: l.Task.Id, Epoch: l.Epoch, Outcomes: outcomesOf(l, skipped)}))
	j := must[*dataflowpb.Job](t)(s.GetJob(t.Context(), &dataflowpb.ByName{IdOrName: job}))
	if j.Status != succeeded || j.Counters.TotalCount != 3 || j.Counters.SkippedCount != 1 || !j.TotalsFinal {
		t.Errorf("the job is %v", j)
	}
	if lines := report(t, client(t, s), job, false); len(lines) != 3 {
		t.Errorf("the report of two passes has %d lines", len(lines))
	}
}
