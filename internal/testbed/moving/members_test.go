package moving

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/dataflow"
	"github.com/opensds/gelato/datamover"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/docstoretest"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/queue/queuetest"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/catalogrpc"
)

// spread sends each call to the next of several processes, whether they lead or not.
type spread struct {
	to []grpc.ClientConnInterface
	n  atomic.Uint64
}

func (s *spread) next() grpc.ClientConnInterface { return s.to[s.n.Add(1)%uint64(len(s.to))] }

// Invoke implements grpc.ClientConnInterface.
func (s *spread) Invoke(ctx context.Context, method string, in, out any, o ...grpc.CallOption) error {
	return s.next().Invoke(ctx, method, in, out, o...)
}

// NewStream implements grpc.ClientConnInterface.
func (s *spread) NewStream(ctx context.Context, d *grpc.StreamDesc, method string, o ...grpc.CallOption) (grpc.ClientStream, error) {
	return s.next().NewStream(ctx, d, method, o...)
}

// doubled makes a rig of two catalogs, two dataflows and two schedulers on one state and one queue, which tests may take away. Calls alternate
// between the processes of a service.
func doubled(t *testing.T, seed uint64, o options) (*rig, *docstoretest.Faulty, *queuetest.Faulty) {
	t.Helper()
	var docs *docstoretest.Faulty
	var work *queuetest.Faulty
	o.noLeader, o.noMover = true, true
	o.docs = func(s docstore.Store) docstore.Store {
		docs = docstoretest.NewFaulty(s, docstoretest.Faults{})
		return docs
	}
	o.queue = func(q queue.Queue) queue.Queue {
		work = queuetest.NewFaulty(q, queuetest.Faults{Seed: seed, Lost: 0.2, Twice: 0.2})
		return work
	}
	r := newRig(t, o)
	t.Cleanup(docs.Wait)

	l, conn := rpc.Pipe()
	second, err := catalog.New(r.docs, r.pool, r.tag, catalog.Options{Log: r.log, GarbageGrace: time.Hour, TTL: o.writeTTL})
	r.check(err)
	r.serve(l, conn, catalogrpc.New(second, catalogrpc.Options{Log: r.log}).Register)
	r.start(second.Run)
	r.heads = catalogpb.NewCatalogClient(&spread{to: []grpc.ClientConnInterface{r.headsConn, conn}})
	l, conn = rpc.Pipe()
	flow, err := dataflow.New(r.docs, r.heads, r.backends, dataflow.Options{Logger: r.log, LeaseTTL: o.leaseTTL, MaxOpenTasks: o.openTasks})
	r.check(err)
	r.serve(l, conn, flow.Register)
	r.start(flow.Run)
	r.flow = dataflowpb.NewDataflowClient(&spread{to: []grpc.ClientConnInterface{*r.flowConn.to.Load(), conn}})
	r.lead()
	r.lead()
	return r, docs, work
}

// patient waits for a job to be over, through outages.
func (r *rig) patient(id string) *dataflowpb.Job {
	r.t.Helper()
	var last *dataflowpb.Job
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
		j, err := r.flow.GetJob(ctx, &dataflowpb.ByName{IdOrName: id})
		cancel()
		switch {
		case err != nil && !errs.Retryable(err):
			r.t.Fatal(err)
		case err != nil:
			continue
		}
		if c := j.Counters; c.PassedCount+c.SkippedCount+c.FailedCount > c.TotalCount {
			r.t.Errorf("more was dealt with than there is: %v", j)
		}
		if last = j; j.Status != "running" && j.Status != "pending" {
			return j
		}
	}
	r.t.Fatalf("the job stays %v", last)
	return nil
}

// The state and the queue go away and come back, and stand still, while two of everything and three movers relocate: the job succeeds, nothing is counted
// twice, and every object is where it belongs.
func TestOutagesUnderSeveralOfEach(t *testing.T) {
	t.Parallel()
	const objects = 400
	r, docs, work := doubled(t, 1, options{leaseTTL: 4 * time.Second, writeTTL: 5 * time.Second, openTasks: 8})
	src, b := r.place("bucket", "a", ""), r.backend("b")
	want := r.fill(src.put, objects)
	r.faults.set(func(f *faults) {
		f.hook = func(_ context.Context, o op) error {
			if o.name == "put" && o.place == b.BucketName {
				time.Sleep(20 * time.Millisecond) // a store that takes its time
			}
			return nil
		}
	})
	for range 3 {
		r.mover(datamover.Options{Objects: 2}, r.flow)
	}
	j := r.launch(relocate("bucket-a", "b"))
	chaos := r.start(func(ctx context.Context) error {
		rng := rand.New(rand.NewPCG(1, 1))
		for n := 0; n < 8 && ctx.Err() == nil; n++ { // on a busy machine nothing would ever be done in between
			time.Sleep(time.Duration(300+rng.IntN(700)) * time.Millisecond)
			switch n % 4 {
			case 0:
				docs.Away(true)
				time.Sleep(1200 * time.Millisecond)
				docs.Away(false)
			case 1:
				work.Away(true)
				time.Sleep(time.Second)
				work.Away(false)
			case 2:
				docs.Stop(true)
				time.Sleep(1500 * time.Millisecond)
				docs.Stop(false)
			case 3: // longer than the leases of tasks last
				docs.Away(true)
				time.Sleep(5 * time.Second)
				docs.Away(false)
				time.Sleep(3 * time.Second)
			}
		}
		return nil
	})
	done := r.patient(j.Id)
	chaos()
	c := done.Counters
	if done.Status != "succeeded" || c.TotalCount != objects || c.PassedCount+c.SkippedCount != objects || c.FailedCount != 0 {
		t.Errorf("the job ended %v (%s)", done, done.Error)
	}
	if got := len(r.report(j.Id)); got != objects {
		t.Errorf("the report has %d lines, want %d", got, objects)
	}
	r.allAt(src, b.Id, want)
}

// Writers go on through outages as clients do, asking again after 503: what they were told is stored is there when all is over.
func TestNothingAcknowledgedIsLostInOutages(t *testing.T) {
	t.Parallel()
	r, docs, _ := doubled(t, 2, options{leaseTTL: 4 * time.Second})
	src := r.place("bucket", "a", "")
	var mu sync.Mutex
	want := map[string][]byte{}
	var writers []func()
	for w := range 4 {
		writers = append(writers, r.start(func(ctx context.Context) error {
			for n := 0; ctx.Err() == nil; n++ {
				key := fmt.Sprintf("%d/%03d", w, n%50)
				d := data(fmt.Sprintf("%s/%d", key, n), 50)
				for {
					limited, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
					_, err := r.tryPut(limited, src.bucket, key, d)
					cancel()
					if err == nil {
						break
					}
					if !errs.Retryable(err) && !errs.Is(err, errs.Canceled) {
						return fmt.Errorf("put: %w", err)
					}
					time.Sleep(20 * time.Millisecond)
				}
				mu.Lock()
				want[key] = d
				mu.Unlock()
			}
			return nil
		}))
	}
	for range 3 {
		time.Sleep(500 * time.Millisecond)
		docs.Away(true)
		time.Sleep(time.Second)
		docs.Away(false)
		time.Sleep(500 * time.Millisecond)
		docs.Stop(true)
		time.Sleep(2 * time.Second)
		docs.Stop(false)
	}
	for _, stop := range writers {
		stop()
	}
	docs.Wait() // what was given up may still have been done, later
	for key, d := range want {
		if got, _ := r.object(src.bucket, key); !bytes.Equal(got, d) {
			t.Errorf("%s holds %.40q, want %.40q", key, got, d)
		}
	}
	if len(want) < 50 {
		t.Errorf("only %d keys were written", len(want))
	}
}
