package moving

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/datamover"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
	"github.com/opensds/gelato/scheduler"
)

// cut is a connection that ends nowhere.
type cut struct{}

// Invoke implements grpc.ClientConnInterface.
func (cut) Invoke(context.Context, string, any, any, ...grpc.CallOption) error {
	return errs.New(errs.Unavailable, "the other side is away", nil)
}

// NewStream implements grpc.ClientConnInterface.
func (cut) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errs.New(errs.Unavailable, "the other side is away", nil)
}

// fill puts n objects and returns what they hold.
func (r *rig) fill(put func(key string, d []byte), n int) map[string][]byte {
	r.t.Helper()
	want := make(map[string][]byte, n)
	for i := range n {
		key := fmt.Sprintf("k/%05d", i)
		want[key] = data(key, 10+i%50)
		put(key, want[key])
	}
	return want
}

func (r *rig) allAt(src place, backend string, want map[string][]byte) {
	r.t.Helper()
	for key, d := range want {
		if got, o := r.object(src.bucket, key); !bytes.Equal(got, d) || o.Location.BackendID != backend {
			r.t.Errorf("%s: %d bytes at %q, want %d at %q", key, len(got), o.Location.BackendID, len(d), backend)
		}
	}
}

// A mover that hangs in the middle of a task, and whose heartbeats are not heard, loses it; another one finishes, and the first one, when it goes
// on, neither commits nor deletes nor reports.
func TestPausedMoverLosesItsTask(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{noMover: true, leaseTTL: 3 * time.Second})
	src, b := r.place("backend", "a", ""), r.backend("b")
	a := r.mustBackend("a")
	want := r.fill(src.put, 20)
	paused, wake := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var deletes sync.Map
	r.faults.set(func(f *faults) {
		f.hook = func(_ context.Context, o op) error {
			if o.name == "delete" && o.place == a.BucketName {
				n, _ := deletes.LoadOrStore(o.key, new(atomic.Int32))
				n.(*atomic.Int32).Add(1)
			}
			return nil
		}
		f.past = func(o op) { // the copy is written, the source is not deleted yet
			if o.name == "put" && o.key == "out/k/00007" {
				once.Do(func() {
					close(paused)
					<-wake
				})
			}
		}
	})
	j := r.launch(&dataflowpb.Plan{Name: "p", Mode: "move", Source: src.end, Destination: backendEnd("b", "out/")})
	first := newSwapConn(*r.flowConn.to.Load())
	r.mover(datamover.Options{Owner: "first", Objects: 1}, dataflowpb.NewDataflowClient(first))
	<-paused
	first.swap(cut{}) // it sleeps: no heartbeats
	r.mover(datamover.Options{Owner: "second"}, r.flow)
	done := r.wait(j.Id)
	r.raw(src.raw, "k/00007", []byte("written by a user when the job was over"))
	close(wake)
	r.finish() // everything that the first one does is done then
	if done.Status != "succeeded" || done.Counters.TotalCount != 20 || done.Counters.FailedCount != 0 {
		t.Errorf("the job ended %v", done)
	}
	for key, d := range want {
		if got, _ := r.native(b, "out/"+key); !bytes.Equal(got, d) {
			t.Errorf("%s has %d bytes at the destination", key, len(got))
		}
		if n, _ := deletes.Load(key); n == nil || n.(*atomic.Int32).Load() != 1 {
			t.Errorf("%s was not deleted once", key)
		}
	}
	if src.get("k/00007") == nil {
		t.Error("the paused mover deleted what a user wrote later")
	}
}

// A mover that dies is followed by another one, and no object is counted twice or left out.
func TestDeadMoversTaskIsTakenOver(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{noMover: true, leaseTTL: 3 * time.Second})
	src, b := r.place("bucket", "a", ""), r.backend("b")
	want := r.fill(src.put, 700)
	dead := make(chan struct{})
	var puts atomic.Int32
	var followed atomic.Bool
	r.faults.set(func(f *faults) {
		f.hook = func(ctx context.Context, o op) error {
			if o.place == b.BucketName && o.name == "put" {
				if n := puts.Add(1); n == 100 {
					close(dead)
				} else if n > 100 && !followed.Load() {
					<-ctx.Done()
					return ctx.Err()
				}
			}
			return nil
		}
	})
	j := r.launch(relocate("bucket-a", "b"))
	first := newSwapConn(*r.flowConn.to.Load())
	r.mover(datamover.Options{Owner: "first"}, dataflowpb.NewDataflowClient(first))
	<-dead
	first.swap(cut{})
	followed.Store(true)
	r.mover(datamover.Options{Owner: "second"}, r.flow)
	done := r.wait(j.Id)
	if c := done.Counters; done.Status != "succeeded" || c.TotalCount != 700 || c.PassedCount+c.SkippedCount != 700 {
		t.Errorf("the job ended %v", done)
	}
	r.allAt(src, b.Id, want)
	if got := len(r.report(j.Id)); got != 700 {
		t.Errorf("the report has %d lines", got)
	}
}

func TestDuplicateMessagesAndManyMovers(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{movers: 3})
	src, b := r.place("bucket", "a", ""), r.backend("b")
	want := r.fill(src.put, 1100)
	j := r.launch(relocate("bucket-a", "b"))
	stop := r.start(func(ctx context.Context) error {
		for ctx.Err() == nil {
			now, err := r.flow.GetJob(ctx, &dataflowpb.ByName{IdOrName: j.Id})
			if err != nil {
				return nil
			}
			for seq := range now.NextSeq {
				id := fmt.Sprintf("%s/%05d/%09d", j.Id, now.Pass, seq)
				_ = r.queue.Publish(ctx, scheduler.Topic, queue.Message{Key: id, Value: []byte(id)}, queue.Message{Value: []byte("nonsense")})
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
		return nil
	})
	r.want(r.wait(j.Id), "succeeded", int64(len(want)), 0, 0)
	stop()
	r.allAt(src, b.Id, want)
	if got := len(r.natives(b, true)); got != len(want) {
		t.Errorf("the destination holds %d blobs for %d objects", got, len(want))
	}
}

func TestDataflowAndLeaderAreReplacedMidway(t *testing.T) {
	t.Parallel()
	o := options{noLeader: true, leaseTTL: 4 * time.Second, openTasks: 1}
	r := newRig(t, o)
	src, b := r.place("bucket", "a", ""), r.backend("b")
	want := r.fill(src.put, 2600)
	stop := r.lead()
	j := r.launch(relocate("bucket-a", "b"))
	for n := int64(1); n <= 4; n++ {
		r.until(j.Id, func(j *dataflowpb.Job) bool { return j.NextSeq > n || j.Pass > 1 })
		stop()
		if n%2 == 0 {
			r.flowConn.swap(cut{}) // away for a moment
			r.restartDataflow(o)
		}
		stop = r.lead()
	}
	r.want(r.wait(j.Id), "succeeded", int64(len(want)), 0, 0)
	r.allAt(src, b.Id, want)
	if got := len(r.report(j.Id)); got != len(want) {
		t.Errorf("the report has %d lines, want %d", got, len(want))
	}
}

func TestCancelActsSoon(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{})
	src, b := r.place("bucket", "a", ""), r.backend("b")
	r.fill(src.put, 600)
	started := make(chan struct{})
	var puts atomic.Int32
	r.faults.set(func(f *faults) {
		f.hook = func(ctx context.Context, o op) error {
			if o.place != b.BucketName || o.name != "put" {
				return nil
			}
			if puts.Add(1) == 40 {
				close(started)
			}
			if puts.Load() > 40 {
				<-ctx.Done() // a store that hangs
				return ctx.Err()
			}
			return nil
		}
	})
	j := r.launch(relocate("bucket-a", "b"))
	<-started
	_, err := r.flow.CancelJob(t.Context(), &dataflowpb.ByName{IdOrName: j.Id})
	r.check(err)
	since := time.Now()
	// The mover reports what it had done; it was told by a heartbeat.
	done := r.until(j.Id, func(j *dataflowpb.Job) bool { return j.OpenTasks == 0 || j.Counters.PassedCount > 0 })
	if took := time.Since(since); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	if done.Status != "cancelled" || done.EndTime == nil || done.Counters.PassedCount == 0 || done.Counters.PassedCount > 40 {
		t.Errorf("the job ended %v", done)
	}
	r.faults.set(func(f *faults) { f.hook = nil })
	again := r.run(&dataflowpb.Plan{Name: j.PlanName})
	if again.Status != "succeeded" {
		t.Errorf("the next job ended %v", again)
	}
}

// Writers overwrite, delete and create all the while; when the job says succeeded, everything is at the destination and as the writers left it.
func TestRelocateUnderWriters(t *testing.T) {
	t.Parallel()
	r := newRig(t, options{movers: 2})
	src, b := r.place("bucket", "a", ""), r.backend("b")
	want := r.fill(src.put, 900)
	var mu sync.Mutex // of the model; each key has one writer
	const writers = 4
	j := r.launch(relocate("bucket-a", "b"))
	var stops []func()
	for w := range writers {
		rng := rand.New(rand.NewPCG(uint64(w), 7))
		stops = append(stops, r.start(func(ctx context.Context) error {
			for n := 0; ctx.Err() == nil; n++ {
				key := fmt.Sprintf("k/%05d", (rng.IntN(1000)/writers)*writers+w)
				if rng.IntN(4) == 0 {
					d, err := r.heads.Delete(context.Background(), deleteOf("bucket-a", key))
					if err != nil || d.Failures[0].Code != "" {
						return fmt.Errorf("delete: %v %w", d, err)
					}
					mu.Lock()
					delete(want, key)
					mu.Unlock()
				} else {
					d := data(fmt.Sprintf("%s/%d/%d", key, w, n), 20+rng.IntN(100))
					if _, err := r.tryPut(context.Background(), src.bucket, key, d); err != nil {
						return fmt.Errorf("put: %w", err)
					}
					mu.Lock()
					want[key] = d
					mu.Unlock()
				}
			}
			return nil
		}))
	}
	done := r.wait(j.Id)
	if done.Status != "succeeded" {
		t.Errorf("the job ended %v", done)
	}
	at := r.placesOf("bucket-a")
	for _, stop := range stops {
		stop()
	}
	if at[b.Id] == 0 || len(at) != 1 {
		t.Errorf("when the job had succeeded objects lay at %v, want all at %s", at, b.Id)
	}
	r.allAt(src, b.Id, want)
	if listed := r.placesOf("bucket-a"); listed[b.Id] != len(want) {
		t.Errorf("the bucket lists %v, want %d objects", listed, len(want))
	}
}

// placesOf counts the objects of a bucket by backend.
func (r *rig) placesOf(bucket string) map[string]int {
	r.t.Helper()
	at := make(map[string]int)
	for after := ""; ; {
		p, err := r.heads.List(r.t.Context(), &catalogpb.ListRequest{Bucket: bucket, After: after, Limit: 1000})
		r.check(err)
		for _, o := range p.Objects {
			at[o.Location.BackendId]++
		}
		if after = p.NextAfter; !p.More {
			return at
		}
	}
}

func TestPolicyRunsPlansWhenTheyAreDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, options{})
		src := r.place("bucket", "a", "")
		r.backend("b")
		src.put("k", []byte("v"))
		_, err := r.flow.CreatePolicy(t.Context(), &dataflowpb.Policy{Name: "often", ScheduleType: "interval", EverySeconds: 60})
		r.check(err)
		_, err = r.flow.CreatePlan(t.Context(), &dataflowpb.Plan{Name: "p", Mode: "copy", Source: src.end, Destination: backendEnd("b", ""), PolicyId: "often", PolicyEnabled: true})
		r.check(err)
		made := time.Now()
		time.Sleep(3*time.Minute + 30*time.Second)
		jobs, err := r.flow.ListJobs(t.Context(), &dataflowpb.ListJobsRequest{Limit: 10})
		r.check(err)
		if len(jobs.Jobs) != 3 {
			t.Fatalf("%d jobs in three minutes", len(jobs.Jobs))
		}
		for i, j := range jobs.Jobs {
			late := j.CreateTime.AsTime().Sub(made) - time.Duration(3-i)*time.Minute
			if late < -time.Second || late > 2*time.Second || j.Status != "succeeded" {
				t.Errorf("job %d was opened %v late and is %s", i, late, j.Status)
			}
		}
	})
}
