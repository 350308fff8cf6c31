package compose

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/dataset"
	"github.com/opensds/gelato/internal/testbed/s3lite"
	"github.com/opensds/gelato/internal/testbed/scenario"
)

const (
	loadBucket = "moving"
	loadKeys   = 400
	faultTime  = 3 * time.Second  // how long a container is paused or cut off
	healTime   = 45 * time.Second // until which S3 and REST must serve again
	callTime   = 10 * time.Second // of one request
)

// world is a bucket under load, and the jobs that move it.
type world struct {
	load *scenario.Load
	jobs []testbed.Job
}

// faults does to each container in turn what happens to containers, while clients read and write and the bucket moves to and fro. Requests may
// fail meanwhile; none may answer wrongly, each wound heals, each job succeeds, and in the end everything is there.
func (s *stage) faults(t *testing.T) {
	client, err := s3lite.New(s3lite.Endpoint{URL: s.gelato.S3, Access: s.gelato.Access, Secret: s.gelato.Secret, Region: "us-east-1", Timeout: callTime})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	load := &scenario.Load{Client: client, Bucket: loadBucket, Model: scenario.NewModel(time.Now), Outage: &scenario.Outage{}, Size: 4 << 10, Seed: 1}
	s.world = &world{load: load}
	if err := client.CreateBucket(t.Context(), loadBucket, ""); err != nil {
		t.Fatal(err)
	}
	for _, o := range dataset.Small(loadKeys) {
		load.Keys = append(load.Keys, o.Key)
		w := load.Model.Begin(o.Key, false)
		if err := client.Put(t.Context(), loadBucket, o.Key, o.Bytes()); err != nil {
			t.Fatal(err)
		}
		w.Succeeded()
	}
	load.Write = load.Keys[:loadKeys/2]
	containers, err := s.project.Containers(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	loading, stopLoad := context.WithCancel(t.Context())
	moving, stopMoving := context.WithCancel(t.Context())
	defer stopLoad()
	defer stopMoving()
	var all sync.WaitGroup
	all.Go(func() { load.Run(loading, 2, 2, 20) })
	var moveErr error
	all.Go(func() { moveErr = s.move(t.Context(), moving) })
	load.Outage.Begin()
	for _, service := range slices.Sorted(maps.Keys(containers)) {
		for _, name := range containers[service] {
			for _, f := range []struct {
				name string
				do   func(ctx context.Context, service, container string) error
			}{{"paused", s.pause}, {"disconnected", s.disconnect}, {"killed", s.kill}} {
				from := time.Now()
				if err := f.do(t.Context(), service, name); err != nil {
					t.Fatalf("%s %s: %v", name, f.name, err)
				}
				if err := s.serves(t.Context()); err != nil {
					t.Fatalf("%s was %s: %v", name, f.name, err)
				}
				t.Logf("%s was %s: S3 and REST serve after %v", name, f.name, time.Since(from).Round(100*time.Millisecond))
			}
			if err := s.project.WaitHealthy(t.Context(), name); err != nil {
				t.Fatalf("%s was paused, disconnected and killed: %v", name, err)
			}
		}
	}
	load.Outage.End()
	time.Sleep(5 * time.Second) // of load without an excuse
	stopMoving()
	stopLoad()
	all.Wait()
	if moveErr != nil {
		t.Error(moveErr)
	}
	t.Logf("%v: %d reads, %d writes, %d excused, %d jobs", time.Since(began).Round(time.Second), load.Reads.Load(), load.Puts.Load()+load.Deletes.Load(),
		load.Excused.Load(), len(s.world.jobs))
	s.checkWorld(t)
}

// checkWorld wants every object as the model has it, and every job succeeded.
func (s *stage) checkWorld(t *testing.T) {
	s.world.load.ReadAll(t.Context(), 4)
	if n, err := s.world.load.Failures(); n > 0 {
		t.Errorf("%d requests answered wrongly, or failed without an excuse:\n%v", n, err)
	}
	if len(s.world.jobs) == 0 {
		t.Error("no job was over")
	}
	for _, j := range s.world.jobs {
		if j.Status != "succeeded" || j.FailedCount > 0 || j.PassedCount+j.SkippedCount != j.TotalCount {
			t.Errorf("a job did not succeed: %+v", j)
		}
	}
}

// kill ends the container's process as a crash would, and waits until the engine has started another.
func (s *stage) kill(ctx context.Context, _, container string) error {
	pid, err := s.pid(ctx, container)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	return until(ctx, healTime, func(ctx context.Context) error {
		now, err := s.pid(ctx, container)
		if err == nil && now == pid {
			err = errors.New("the process is still there")
		}
		return err
	})
}

// pid returns the process of a running container.
func (s *stage) pid(ctx context.Context, container string) (int, error) {
	out, err := s.engine.Run(ctx, "inspect", "--format", "{{.State.Pid}}", container)
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("the process of %s is %q, %v", container, out, err)
	}
	return pid, nil
}

func (s *stage) pause(ctx context.Context, _, container string) error {
	// runc gives up when the container's health check keeps starting processes before they are frozen.
	err := until(ctx, healTime, func(ctx context.Context) error {
		_, err := s.engine.Run(ctx, "pause", container)
		return err
	})
	if err != nil {
		return err
	}
	time.Sleep(faultTime)
	_, err = s.engine.Run(ctx, "unpause", container)
	return err
}

func (s *stage) disconnect(ctx context.Context, service, container string) error {
	if _, err := s.engine.Run(ctx, "network", "disconnect", "gelato_default", container); err != nil {
		return err
	}
	time.Sleep(faultTime)
	_, err := s.engine.Run(ctx, "network", "connect", "--alias", service, "gelato_default", container)
	return err
}

// serves waits until an object can be written and read, and REST answers from dataflow.
func (s *stage) serves(ctx context.Context) error {
	return until(ctx, healTime, func(ctx context.Context) error {
		o := dataset.Object{Key: "probe", Version: time.Now().UnixNano(), Size: dataset.MinSize}
		if err := s.world.load.Client.Put(ctx, loadBucket, o.Key, o.Bytes()); err != nil {
			return err
		}
		resp, err := s.world.load.Client.Get(ctx, loadBucket, o.Key)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if got, err := dataset.Verify(resp.Body, o.Key); err != nil || got != o {
			return fmt.Errorf("wrote %+v, read %+v: %w", o, got, err)
		}
		var plans any
		return s.gelato.REST(ctx, http.MethodGet, "plans", nil, &plans)
	})
}

// until calls f until it succeeds, each time with a limit of its own.
func until(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	deadline := time.Now().Add(limit)
	for {
		one, cancel := context.WithTimeout(ctx, callTime)
		err := f(one)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return fmt.Errorf("not within %v: %w", limit, err)
		}
		time.Sleep(pollInterval)
	}
}

// move relocates the bucket to the other store again and again, until enough ends; then it waits for the job that runs.
func (s *stage) move(ctx, enough context.Context) error {
	const patience = 3 * time.Minute
	for round := 1; enough.Err() == nil; round++ {
		plan, to := fmt.Sprintf("round-%d", round), []string{"local", "second"}[round%2]
		err := until(ctx, patience, func(ctx context.Context) error {
			_, err := s.gelato.Relocate(ctx, plan, loadBucket, to)
			if p, ok := errors.AsType[*testbed.Problem](err); ok && p.Status == http.StatusConflict {
				// An attempt whose answer was lost made the plan, and perhaps ran it.
				err = s.gelato.REST(ctx, http.MethodPost, "plans/"+plan+"/run", nil, nil)
				if p, ok := errors.AsType[*testbed.Problem](err); ok && p.Status == http.StatusConflict {
					return nil
				}
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("run plan %s: %w", plan, err)
		}
		err = until(ctx, patience, func(ctx context.Context) error {
			var page struct{ Items []testbed.Job }
			if err := s.gelato.REST(ctx, http.MethodGet, "jobs?limit=1000", nil, &page); err != nil {
				return err
			}
			jobs := slices.DeleteFunc(page.Items, func(j testbed.Job) bool { return j.PlanName != plan })
			if i := slices.IndexFunc(jobs, func(j testbed.Job) bool { return !j.Over() }); i >= 0 || len(jobs) == 0 {
				return fmt.Errorf("not over: %+v", jobs)
			}
			s.world.jobs = append(s.world.jobs, jobs...)
			return nil
		})
		if err != nil {
			return fmt.Errorf("wait for plan %s: %w", plan, err)
		}
	}
	return nil
}
