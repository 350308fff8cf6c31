package scenario

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/mongo"
	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/dataset"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// takeOver is how long work may stand still when a leader is lost, with the usual timing.
const takeOver = 15 * time.Second

// Two processes each of s3, dataflow, scheduler and datamover. Under load the leading dataflow is killed in the middle of a job, then the leading
// scheduler before the next one, and an s3. All stay dead, and the others go on. Readers at the second s3 see what the writer does at the first.
func TestTakeOver(t *testing.T) {
	if testbed.Short() {
		t.Skip("needs real servers")
	}
	var c *testbed.Cluster
	slow := map[string][]string{"datamover": {"--object-concurrency", "2"}}
	s := newStage(t, apart(usual, testbed.ClusterOptions{S3s: 2, Dataflows: 2, Schedulers: 2, Flags: slow}, &c))
	objects := dataset.Small(2_000)
	s.put(objects, 16)
	for i := range 500 {
		s.load.Write = append(s.load.Write, objects[i].Key)
	}
	endpoint := s.Endpoint()
	endpoint.URL = c.At("s3-2", "s3")
	client, err := s3lite.New(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	other := &Load{Client: client, Bucket: bucket, Model: s.load.Model, Outage: &Outage{}, Keys: s.load.Keys, Seed: s.load.Seed + 1}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	docs, err := mongo.Open(ctx, c.Mongo.URL("gelato"), mongo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer docs.Close()

	// killLeader kills the process that leads a service, and measures until more than so many objects of the job under way have passed.
	killLeader := func(ctx context.Context, service string, passed func() int64) {
		name, err := leader(ctx, c, docs, service)
		if err != nil {
			t.Error(err)
			return
		}
		began := time.Now()
		c.Kill(name)
		for want := passed(); s.passed.Load() <= want; time.Sleep(10 * time.Millisecond) {
			if ctx.Err() != nil {
				t.Errorf("the job did not go on after %s was killed", name)
				return
			}
		}
		took := time.Since(began)
		s.figure("killed %s, which led: the job went on after %v", name, took.Round(time.Millisecond))
		if took > takeOver {
			t.Errorf("the job went on %v after %s was killed, want %v at most", took, name, takeOver)
		}
	}
	var jobs [2]testbed.Job
	s.beside(func() {
		s.rest.Begin()
		jobs[0] = s.relocate(ctx, storeB)
		s.rest.End()
	}, func(ctx context.Context) {
		other.Run(ctx, 4, 0, 1)
	}, func(ctx context.Context) {
		for s.passed.Load() < 100 && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		killLeader(ctx, "dataflow", s.passed.Load)
	})
	c.Kill("s3-2")
	s.beside(func() { jobs[1] = s.relocate(ctx, storeA) }, func(ctx context.Context) {
		killLeader(ctx, "scheduler", func() int64 { return 0 })
	})
	s.wantQuiet()
	if n, err := other.Failures(); n > 0 || other.Reads.Load() == 0 {
		t.Errorf("%d of %d reads at the second s3 failed or answered wrongly:\n%v", n, other.Reads.Load(), err)
	}
	s.wantStores(storeA, s.wantFinal(storeA), 2*time.Minute)
	s.wantReport(jobs[0], storeA, storeB, objects)
	s.wantReport(jobs[1], storeB, storeA, objects)
}

// leader returns the name of the process that holds the lease of a service.
func leader(ctx context.Context, c *testbed.Cluster, docs docstore.Store, service string) (string, error) {
	lease, _, err := docstore.NewCollection[struct{ Owner string }](docs, "leases").Get(ctx, service)
	if err != nil {
		return "", fmt.Errorf("read the lease of %s: %w", service, err)
	}
	for _, name := range c.Names() {
		if strings.Contains(lease.Owner, fmt.Sprintf("/%d/", c.Process(name).PID())) {
			return name, nil
		}
	}
	return "", fmt.Errorf("no process is %s, which leads %s", lease.Owner, service)
}
