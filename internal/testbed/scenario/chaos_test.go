package scenario

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/dataset"
)

// Objects move from A to B and back, again and again, under readers and a writer, while every process is killed in turn, the broker and the state
// server too, and a datamover is frozen for longer than its leases last.
//
// What is excused: requests to S3 while s3 or the state server is down; REST while any service that it asks, or the state server is. Nothing else:
// not when another service, the broker, or a datamover is struck, and never a wrong byte or a version that the model forbids.
//
// With GELATO_SOAK=1 it takes the whole data set, and two processes of every service that may have them.
func TestRelocateUnderBlows(t *testing.T) {
	if testbed.Short() {
		t.Skip("needs real servers")
	}
	objects := dataset.Small(2_000)
	for i := range 2 {
		objects = append(objects, dataset.Object{Key: fmt.Sprintf("big/%d.bin", i), Version: 1, Size: 64 << 20})
	}
	var o testbed.ClusterOptions
	if os.Getenv("GELATO_SOAK") == "1" {
		objects = dataset.Standard()
		o = testbed.ClusterOptions{S3s: 2, Dataflows: 2, Schedulers: 2}
	}
	dir := t.TempDir()
	if err := dataset.Write(dir, objects); err != nil {
		t.Fatal(err)
	}
	s := newStage(t, apart(quick, o, nil))
	s.fill(dir, objects, spareKeys/5)
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	var jobs []testbed.Job
	blows := s.blowing(0.75 * float64(len(objects)))
	places := [2]string{storeA, storeB}
	wrote := s.beside(func() {
		for len(jobs)%2 == 0 || !blows.over() {
			jobs = append(jobs, s.relocate(ctx, places[(len(jobs)+1)%2]))
			if t.Failed() {
				return
			}
		}
	}, blows.run)
	blows.wantAll()
	s.wantQuiet()
	s.wantWrites(wrote, 0)
	s.wantStores(storeB, s.wantFinal(storeB), 2*time.Minute)
	for i, job := range jobs {
		s.wantReport(job, places[i%2], places[(i+1)%2], objects)
	}
	s.wantMemory(300)
}
