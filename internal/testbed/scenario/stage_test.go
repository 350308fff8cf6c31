package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/dataset"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

const (
	bucket = "photos"
	marker = ".gelato-backend"
	native = "store" // the native bucket on either store
	grace  = 5 * time.Second
)

// stage is a Gelato with two stores, A and B, and a bucket on A.
type stage struct {
	t *testing.T
	system
	stores map[string]*testbed.S3Server // by backend
	load   *Load
	rest   Outage // of what answers REST
	plans  int
	passed atomic.Int64 // objects of the job under way
}

// The backends.
const (
	storeA = "store-a"
	storeB = "store-b"
)

// seed comes from GELATO_SEED, or from the clock, and is printed.
func seed(t *testing.T) uint64 {
	if text := os.Getenv("GELATO_SEED"); text != "" {
		s, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("GELATO_SEED: %v", err)
		}
		return s
	}
	return uint64(time.Now().UnixNano())
}

// newStage starts the stores, and the system on them.
func newStage(t *testing.T, start func(*testing.T) system) *stage {
	if testbed.Short() {
		t.Skip("needs real servers")
	}
	options := testbed.VersityOptions{ExtraOptions: []string{"--keep-alive"}}
	s := &stage{t: t, stores: map[string]*testbed.S3Server{storeA: testbed.Versity(t, options), storeB: testbed.Versity(t, options)}}
	s.system = start(t)
	ctx := t.Context()
	for name, server := range s.stores {
		server.CreateBucket(native)
		if err := s.RegisterS3(ctx, name, server, native); err != nil {
			t.Fatal(err)
		}
	}
	s.load = &Load{Client: s.Client(), Bucket: bucket, Model: NewModel(time.Now), Outage: &Outage{}, Size: 4 << 10, Seed: seed(t)}
	t.Logf("figure: GELATO_SEED=%d", s.load.Seed)
	if err := s.load.Client.CreateBucket(ctx, bucket, storeA); err != nil {
		t.Fatal(err)
	}
	return s
}

// figure prints a measured value; tools/testsum shows it.
func (s *stage) figure(format string, args ...any) {
	s.t.Logf("figure: %s", fmt.Sprintf(format, args...))
}

// adopt tells the model and the readers of objects that were put.
func (s *stage) adopt(objects []dataset.Object) {
	for _, o := range objects {
		s.load.Model.Begin(o.Key, false).Succeeded()
		s.load.Keys = append(s.load.Keys, o.Key)
	}
}

// put stores objects through the gateway, workers at a time.
func (s *stage) put(objects []dataset.Object, workers int) {
	s.t.Helper()
	next := make(chan dataset.Object)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for o := range next {
				if err := s.load.Client.Put(s.t.Context(), bucket, o.Key, o.Bytes()); err != nil {
					s.t.Error(err)
				}
			}
		})
	}
	for _, o := range objects {
		next <- o
	}
	close(next)
	all.Wait()
	s.adopt(objects)
}

// fill puts objects through the gateway with rclone, gives half of the small ones to the writer, and as many keys that are not there yet as spare says.
func (s *stage) fill(dir string, objects []dataset.Object, spare int) {
	s.t.Helper()
	began := time.Now()
	testbed.RcloneCopy(s.t, map[string]s3lite.Endpoint{"g": s.Endpoint()}, dir, "g:"+bucket)
	s.figure("rclone put %d objects in %v", len(objects), time.Since(began).Round(time.Millisecond))
	s.adopt(objects)
	for i, o := range objects {
		if o.Size == s.load.Size && i%2 == 0 {
			s.load.Write = append(s.load.Write, o.Key)
		}
	}
	for i := range spare {
		key := fmt.Sprintf("small/%02d/spare-%05d", i%100, i)
		s.load.Keys, s.load.Write = append(s.load.Keys, key), append(s.load.Write, key)
	}
}

// relocate moves the bucket to a backend, and returns the finished job, which must have succeeded whole.
func (s *stage) relocate(ctx context.Context, to string) testbed.Job {
	s.t.Helper()
	began := time.Now()
	s.plans++
	plan := fmt.Sprintf("%s-%d", to, s.plans)
	var id string
	var job testbed.Job
	s.try(ctx, func() (err error) { id, err = s.start(ctx, plan, to); return err })
	s.try(ctx, func() (err error) {
		job, err = s.WaitJob(ctx, id, 50*time.Millisecond, func(j testbed.Job) { s.passed.Store(j.PassedCount) })
		return err
	})
	s.passed.Store(0)
	s.figure("job to %s %s after %v: %d objects, %d copied or skipped, %d failed, %d bytes", to, job.Status, time.Since(began).Round(time.Millisecond),
		job.TotalCount, job.PassedCount+job.SkippedCount, job.FailedCount, job.PassedCapacity)
	if job.Status != "succeeded" || job.FailedCount != 0 || !job.TotalsFinal || job.PassedCount+job.SkippedCount != job.TotalCount {
		s.t.Errorf("job: got %+v, want succeeded with every object passed or skipped", job)
	}
	return job
}

// start makes a plan and runs it. It may be called again when an answer was lost: the plan is then there, and may have its job.
func (s *stage) start(ctx context.Context, plan, to string) (id string, err error) {
	err = s.REST(ctx, http.MethodPost, "plans", map[string]any{
		"name": plan, "mode": "relocate", "source": map[string]string{"bucket": bucket}, "destination": map[string]string{"backend": to},
	}, nil)
	if err != nil && !conflict(err) {
		return "", err
	}
	var run struct{ JobID string }
	if err = s.REST(ctx, http.MethodPost, "plans/"+plan+"/run", nil, &run); !conflict(err) {
		return run.JobID, err
	}
	var jobs struct{ Items []testbed.Job }
	if err := s.REST(ctx, http.MethodGet, "jobs?limit=1000", nil, &jobs); err != nil {
		return "", err
	}
	for _, j := range jobs.Items {
		if j.PlanName == plan {
			return j.ID, nil
		}
	}
	return "", fmt.Errorf("plan %s has an open job that is not among %d jobs", plan, len(jobs.Items))
}

func conflict(err error) bool {
	p, ok := errors.AsType[*testbed.Problem](err)
	return ok && p.Status == http.StatusConflict
}

// try calls f again as long as an outage of REST explains that it fails.
func (s *stage) try(ctx context.Context, f func() error) {
	s.t.Helper()
	for {
		from := time.Now()
		err := f()
		if err == nil {
			return
		}
		if ctx.Err() != nil || !s.rest.Explains(from, time.Now()) {
			s.t.Fatal(err)
		}
		time.Sleep(retryInterval)
	}
}

// beside runs eight readers, the writer where it has keys, and what else is given, until f returns; then their context ends. It returns how long the writer wrote.
func (s *stage) beside(f func(), others ...func(context.Context)) time.Duration {
	ctx, stop := context.WithCancel(s.t.Context())
	var background sync.WaitGroup
	var wrote time.Duration
	background.Go(func() {
		began := time.Now()
		s.load.Run(ctx, 8, min(8, len(s.load.Write)), writesPerSecond)
		wrote = time.Since(began)
	})
	for _, other := range others {
		background.Go(func() { other(ctx) })
	}
	func() {
		defer background.Wait()
		defer stop()
		f()
	}()
	return wrote
}
