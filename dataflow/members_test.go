package dataflow

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/internal/docstore/docstoretest"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// Two processes serve the same documents, and calls reach now one, now the other, as they do when both are believed to lead.

func members(t *testing.T, o Options) [2]*Service {
	t.Helper()
	docs := docstoretest.NewMemory()
	var s [2]*Service
	for i := range s {
		var err error
		if s[i], err = New(docs, directCatalog{}, directBackends{}, o); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestHeartbeatsAlternateBetweenMembers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := members(t, Options{})
		job, task := oneTask(t, s[0], 2)
		l := must[*dataflowpb.Lease](t)(s[1].LeaseTask(t.Context(), &dataflowpb.LeaseTaskRequest{TaskId: task, Owner: "a"}))
		deadline := time.Now().Add(30 * time.Second)
		for i := range 600 { // ten minutes
			if time.Now().After(deadline) {
				t.Fatal("the holder's own deadline passed although it was heard every second")
			}
			for _, x := range s {
				if unheld(t, x, job) != 0 {
					t.Fatal("a live task counts as unheld")
				}
				_, err := x.LeaseTask(t.Context(), &dataflowpb.LeaseTaskRequest{TaskId: task, Owner: "b"})
				refused(t, err, errs.FailedPrecondition, "Held")
			}
			time.Sleep(time.Second)
			asked := time.Now()
			h := must[*dataflowpb.HeartbeatResponse](t)(s[i*i%3%2].Heartbeat(t.Context(), &dataflowpb.HeartbeatRequest{TaskId: task, Epoch: l.Epoch,
				Done: &dataflowpb.Counters{PassedCount: 1, PassedBytes: 10, CopiedBytes: 10}}))
			if h.TtlMillis > 0 {
				deadline = asked.Add(time.Duration(h.TtlMillis) * time.Millisecond)
			}
		}
		died := time.Now()
		for unheld(t, s[0], job) == 0 || unheld(t, s[1], job) == 0 {
			time.Sleep(time.Second)
			if time.Since(died) > 32*time.Second {
				t.Fatal("both members' looks keep a dead task held")
			}
		}
		if time.Now().Before(deadline) {
			t.Error("the task expired while its holder may still believe in its lease")
		}
		// It is finished with one member: the other one must not count the attempt a second time.
		next := must[*dataflowpb.Lease](t)(s[0].LeaseTask(t.Context(), &dataflowpb.LeaseTaskRequest{TaskId: task, Owner: "b"}))
		for _, x := range s {
			must[*dataflowpb.HeartbeatResponse](t)(x.Heartbeat(t.Context(), &dataflowpb.HeartbeatRequest{TaskId: task, Epoch: next.Epoch,
				Done: &dataflowpb.Counters{PassedCount: 2, PassedBytes: 20, CopiedBytes: 20}}))
		}
		must[*dataflowpb.Empty](t)(s[0].FinishTask(t.Context(), &dataflowpb.FinishTaskRequest{TaskId: task, Epoch: next.Epoch, Outcomes: outcomesOf(next, copied)}))
		for _, x := range s {
			if c := must[*dataflowpb.Job](t)(x.GetJob(t.Context(), &dataflowpb.ByName{IdOrName: job})).Counters; c.PassedCount != 2 || c.PassedBytes != 20 {
				t.Errorf("got counters %v, want 2 objects, 20 bytes", c)
			}
		}
		must[*dataflowpb.Tasks](t)(s[1].UnheldTasks(t.Context(), &dataflowpb.UnheldTasksRequest{JobId: job, Limit: 1}))
		if n := len(s[1].live.tasks); n != 0 {
			t.Errorf("the other member remembers %d attempts of a task that is over", n)
		}
	})
}

// TestGivingUpLeavesOthersReportsAlone has a member give up a task whose holder turns out to live: what later attempts report stands.
func TestGivingUpLeavesOthersReportsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := members(t, Options{MaxDeaths: 1})
		job, task := oneTask(t, s[0], 2)
		l := must[*dataflowpb.Lease](t)(s[0].LeaseTask(t.Context(), &dataflowpb.LeaseTaskRequest{TaskId: task, Owner: "a"}))
		id, err := parseTask(task)
		if err != nil {
			t.Fatal(err)
		}
		old, err := s[1].leases.GetMany(t.Context(), []string{task})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		must[*dataflowpb.HeartbeatResponse](t)(s[0].Heartbeat(t.Context(), &dataflowpb.HeartbeatRequest{TaskId: task, Epoch: l.Epoch}))
		if err := s[1].giveUp(t.Context(), id, old[0]); err != nil { // it saw the lease before the heartbeat
			t.Fatal(err)
		}
		must[*dataflowpb.Empty](t)(s[0].FinishTask(t.Context(), &dataflowpb.FinishTaskRequest{TaskId: task, Epoch: l.Epoch, Stopped: true}))
		l = must[*dataflowpb.Lease](t)(s[1].LeaseTask(t.Context(), &dataflowpb.LeaseTaskRequest{TaskId: task, Owner: "b"}))
		must[*dataflowpb.Empty](t)(s[1].FinishTask(t.Context(), &dataflowpb.FinishTaskRequest{TaskId: task, Epoch: l.Epoch, Outcomes: outcomesOf(l, copied)}))
		doc, _, err := s[0].reports.Get(t.Context(), reportKey(id, l.Epoch))
		if err != nil {
			t.Fatal(err)
		}
		want, _ := packLines(outcomesOf(l, copied))
		if string(doc.Lines) != string(want) {
			t.Error("the report of the winning attempt is another one's")
		}
		if c := must[*dataflowpb.Job](t)(s[1].GetJob(t.Context(), &dataflowpb.ByName{IdOrName: job})).Counters; c.PassedCount != 2 || c.FailedCount != 0 {
			t.Errorf("got counters %v", c)
		}
	})
}

// leadership records what a process says of itself.
type leadership struct {
	*grpc.Server
	mu   sync.Mutex
	now  bool
	when time.Time
}

func (l *leadership) SetLeading(leading bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now, l.when = leading, time.Now()
}

func (l *leadership) leads() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func TestOneMemberLeads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		docs := docstoretest.NewMemory()
		start := func() (*leadership, *docstoretest.Faulty, func()) {
			faulty := docstoretest.NewFaulty(docs, docstoretest.Faults{})
			s, err := New(faulty, directCatalog{}, directBackends{}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			l := &leadership{Server: grpc.NewServer(), now: true}
			s.Register(l)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- s.Run(ctx) }()
			return l, faulty, func() {
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		}
		a, aState, stopA := start()
		time.Sleep(time.Second)
		b, _, stopB := start()
		time.Sleep(time.Hour)
		if !a.leads() || b.leads() {
			t.Fatalf("a leads %v, b %v; want the first one alone", a.leads(), b.leads())
		}
		aState.Away(true) // as if it were cut off
		from := time.Now()
		time.Sleep(15 * time.Second)
		if a.leads() || !b.leads() || a.when.After(b.when) {
			t.Errorf("a leads %v, b %v; want b to follow, after a stopped", a.leads(), b.leads())
		}
		t.Logf("taken over after %v", b.when.Sub(from))
		aState.Away(false)
		time.Sleep(time.Minute)
		stopB()
		time.Sleep(3 * time.Second)
		if !a.leads() || b.leads() {
			t.Errorf("a leads %v, b %v; want it handed over at once", a.leads(), b.leads())
		}
		stopA()
	})
}

// direct clients call without a connection, which a bubble of synctest could not wait for.
type (
	directCatalog  struct{ catalogpb.CatalogClient }
	directBackends struct{ backendpb.BackendsClient }
)

func (directCatalog) GetBucket(ctx context.Context, r *catalogpb.GetBucketRequest, _ ...grpc.CallOption) (*catalogpb.Bucket, error) {
	return buckets{}.GetBucket(ctx, r)
}

func (directBackends) Get(ctx context.Context, r *backendpb.GetRequest, _ ...grpc.CallOption) (*backendpb.Backend, error) {
	return backends{}.Get(ctx, r)
}
