package scenario

import (
	"context"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/dataset"
)

const (
	writesPerSecond = 50
	spareKeys       = 500 // that the writer makes from nothing
)

// The first thread: a thousand objects move while eight readers read.
func TestRelocateUnderReaders(t *testing.T) {
	s := newStage(t, alone(usual))
	objects := dataset.Small(1000)
	s.put(objects, 16)
	var job testbed.Job
	s.beside(func() { job = s.relocate(t.Context(), storeB) })
	s.wantQuiet()
	s.wantStores(storeB, s.wantFinal(storeB), time.Minute)
	s.wantReport(job, storeA, storeB, objects)
}

// The main job: 10,000 objects of 4 KiB and 4 of 256 MiB, put through rclone, move while eight readers read and a writer overwrites and deletes
// 50 a second: in one process, in one that is killed in the middle, and in six processes of their own.
func TestRelocateUnderLoad(t *testing.T) {
	if testbed.Short() {
		t.Skip("needs real servers")
	}
	dir, objects := t.TempDir(), dataset.Standard()
	if err := dataset.Write(dir, objects); err != nil {
		t.Fatal(err)
	}
	t.Run("steady", func(t *testing.T) { relocateUnderLoad(t, alone(usual), dir, objects, false, 0.6) })
	t.Run("kill", func(t *testing.T) {
		relocateUnderLoad(t, alone(timing{10 * time.Second, 10 * time.Second}), dir, objects, true, 0)
	})
	t.Run("apart", func(t *testing.T) {
		relocateUnderLoad(t, apart(usual, testbed.ClusterOptions{}, nil), dir, objects, false, 0.3)
	})
}

// relocateUnderLoad wants a share of the writes that the writer aims at: less than all only where others use the machine, as the servers of six processes do.
func relocateUnderLoad(t *testing.T, start func(*testing.T) system, dir string, objects []dataset.Object, strike bool, writes float64) {
	s := newStage(t, start)
	s.fill(dir, objects, spareKeys)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var job testbed.Job
	move := func() { job = s.relocate(ctx, storeB) }
	var wrote time.Duration
	if strike {
		blows := s.blowing(0.75 * float64(len(objects)))
		wrote = s.beside(move, blows.run)
		blows.wantAll()
	} else {
		wrote = s.beside(move)
	}
	s.wantQuiet()
	s.wantWrites(wrote, writes)
	s.wantStores(storeB, s.wantFinal(storeB), 5*time.Minute)
	s.wantReport(job, storeA, storeB, objects)
	s.wantMemory(300)
}
