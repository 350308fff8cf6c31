package apart

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
)

// takeOver is how long the work of a killed leader may lie still, with default settings.
const takeOver = 15 * time.Second

// leader is the process that took a lease last, of the two of a service.
func leader(t *testing.T, c *testbed.Cluster, service string) string {
	t.Helper()
	best, when := "", ""
	for _, name := range []string{service, service + "-2"} {
		for line := range strings.Lines(c.Process(name).Output()) {
			at, _, _ := strings.Cut(strings.TrimPrefix(line, "time="), " ")
			if strings.Contains(line, "lease taken") && strings.Contains(line, "lease="+service+" ") && at > when {
				best, when = name, at
			}
		}
	}
	if best == "" {
		t.Fatalf("no %s says that it leads", service)
	}
	return best
}

// TestLeadersAreReplaced runs a job on two of everything and kills the leading dataflow, the leading scheduler and an s3 under it, then drains the dataflow that
// leads by then: the job is answered for again in time, and ends as if nothing had been.
func TestLeadersAreReplaced(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c := testbed.StartCluster(t, testbed.ClusterOptions{Datamovers: 2, S3s: 2, Schedulers: 2, Dataflows: 2})
	const objects = 800
	stage(ctx, t, &c.Front, c.Dir, objects)
	job, err := c.Relocate(ctx, "away", bucket, "second")
	if err != nil {
		t.Fatal(err)
	}
	// answered waits until a leader answers for the job, and returns how long that took.
	answered := func(since time.Time) time.Duration {
		for {
			if _, err := c.Job(ctx, job); err == nil {
				return time.Since(since)
			}
			if ctx.Err() != nil {
				t.Fatal(ctx.Err())
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	for {
		j, err := c.Job(ctx, job)
		if err != nil || j.Over() {
			t.Fatalf("before anything was killed the job is %+v, %v", j, err)
		}
		if j.PassedCount > 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	first := leader(t, c, "dataflow")
	start := time.Now()
	c.Kill(first)
	c.Kill(leader(t, c, "scheduler"))
	c.Kill("s3-2")
	took := answered(start)
	t.Logf("after a kill the next dataflow answered within %v", took)
	if took > takeOver {
		t.Errorf("it took %v until the next dataflow led, more than %v", took, takeOver)
	}
	if err := c.Restart(first, "s3-2"); err != nil {
		t.Fatal(err)
	}
	second := leader(t, c, "dataflow")
	if second == first {
		t.Fatalf("%s leads again although the other one took over", first)
	}
	start = time.Now()
	if err := c.Drain(drainLimit, second); err != nil {
		t.Error(err)
	}
	took = answered(start)
	t.Logf("after a drain the next dataflow answered within %v", took)
	if took > takeOver/2 {
		t.Errorf("it took %v until the leader's place was taken that was handed back", took)
	}
	j, err := c.WaitJob(ctx, job, 50*time.Millisecond, nil)
	if err != nil || j.Status != "succeeded" || j.TotalCount != objects || j.PassedCount+j.SkippedCount != objects || j.FailedCount != 0 {
		t.Errorf("got job %+v, %v; want %d objects moved", j, err, objects)
	}
	if err := get(ctx, &c.Front, objects); err != nil {
		t.Error(err)
	}
}
