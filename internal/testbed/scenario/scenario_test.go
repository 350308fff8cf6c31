package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/dataset"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// The first thread: a thousand objects move while eight readers read.
func TestRelocateUnderReaders(t *testing.T) {
	s := newStage(t, defaultTTL)
	objects := dataset.Small(1000)
	s.put(objects, 16)
	job := s.relocate(2*time.Minute, func(ctx context.Context) { s.load.Run(ctx, 8, 0, 1) }, nil)
	s.wantQuiet()
	s.wantStores(s.wantFinal(), time.Minute)
	s.wantReport(job, objects)
}

// The main job: 10,000 objects of 4 KiB and 4 of 256 MiB, put through rclone, move while eight readers read and a writer overwrites and deletes
// 50 a second; then the same with the process killed in the middle.
func TestRelocateUnderLoad(t *testing.T) {
	if testbed.Short() {
		t.Skip("needs real servers")
	}
	dir, objects := t.TempDir(), dataset.Standard()
	if err := dataset.Write(dir, objects); err != nil {
		t.Fatal(err)
	}
	t.Run("steady", func(t *testing.T) { relocateUnderLoad(t, dir, objects, false) })
	t.Run("kill", func(t *testing.T) { relocateUnderLoad(t, dir, objects, true) })
}

const (
	writesPerSecond = 50
	spareKeys       = 500 // that the writer makes from nothing
	defaultTTL      = 30 * time.Second
)

func relocateUnderLoad(t *testing.T, dir string, objects []dataset.Object, kill bool) {
	ttl := defaultTTL
	if kill {
		ttl = 10 * time.Second
	}
	s := newStage(t, ttl)
	began := time.Now()
	testbed.RcloneCopy(t, map[string]s3lite.Endpoint{"g": s.gelato.Endpoint()}, dir, "g:"+bucket)
	s.figure("rclone put %d objects in %v", len(objects), time.Since(began).Round(time.Millisecond))
	s.adopt(objects)
	// Half of the small objects are the writer's, with keys that are not there yet.
	for i, o := range objects {
		if o.Size == s.load.Size && i%2 == 0 {
			s.load.Write = append(s.load.Write, o.Key)
		}
	}
	for i := range spareKeys {
		key := fmt.Sprintf("small/%02d/spare-%05d", i%100, i)
		s.load.Keys, s.load.Write = append(s.load.Keys, key), append(s.load.Write, key)
	}

	var wrote time.Duration
	during := func(ctx context.Context) {
		began := time.Now()
		s.load.Run(ctx, 8, 8, writesPerSecond)
		wrote = time.Since(began)
	}
	job := s.relocate(10*time.Minute, during, s.killer(kill))
	if kill && !s.load.Outage.Over() {
		t.Error("the job was over before the process was killed")
	}
	s.wantQuiet()
	writes := s.load.Puts.Load() + s.load.Deletes.Load()
	perSecond := float64(writes) / wrote.Seconds()
	s.figure("%.1f writes/s of %d wanted", perSecond, writesPerSecond)
	if !kill && perSecond < 0.6*writesPerSecond { // less than the aim only where others use the machine
		t.Errorf("the writer managed %.1f writes/s", perSecond)
	}
	s.wantStores(s.wantFinal(), 5*time.Minute)
	s.wantReport(job, objects)
	peak := s.gelato.PeakMemory()
	s.figure("VmHWM of gelato %d MiB", peak>>20)
	if peak >= 300<<20 {
		t.Errorf("gelato took %d MiB of memory, want under 300", peak>>20)
	}
}

// killer returns a watcher that kills and restarts the process once, when a random share of the objects has passed and a random moment more.
func (s *stage) killer(kill bool) func(testbed.Job) {
	if !kill {
		return nil
	}
	random := rand.New(rand.NewPCG(s.load.Seed, 1))
	at, pause := int64(random.IntN(7500)), time.Duration(random.IntN(1000))*time.Millisecond
	return func(j testbed.Job) {
		if s.load.Outage.Over() || j.PassedCount < at {
			return
		}
		time.Sleep(pause)
		s.load.Outage.Begin()
		s.gelato.Kill()
		s.figure("killed %v after %d objects", pause, j.PassedCount)
		if err := s.gelato.Restart(); err != nil {
			s.t.Error(err)
		}
		s.load.Outage.End()
	}
}
