package datamover

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

func TestPartition(t *testing.T) {
	t.Parallel()
	s := &Service{o: Options{PartSize: 16 << 20}}
	const mib = 1 << 20
	for _, x := range []struct {
		name  string
		total int64
		c     adapters.Capabilities
		size  int64
		count int
	}{
		{"default", 256 * mib, adapters.Capabilities{MaxParts: 10_000, MinPartSize: 5 * mib}, 16 * mib, 16},
		{"a rest", 256*mib + 1, adapters.Capabilities{MaxParts: 10_000}, 16 * mib, 17},
		{"larger at least", 256 * mib, adapters.Capabilities{MaxParts: 10_000, MinPartSize: 100 * mib}, 100 * mib, 3},
		{"few parts", 1000 * mib, adapters.Capabilities{MaxParts: 3}, 334 * mib, 3},
		{"at the limit", 160_000 * mib, adapters.Capabilities{MaxParts: 10_000}, 16 * mib, 10_000},
		{"past it", 160_000*mib + 1, adapters.Capabilities{MaxParts: 10_000}, 17 * mib, 9412},
	} {
		size, count, err := s.partition(x.total, x.c)
		if err != nil || size != x.size || count != x.count {
			t.Errorf("%s: %d parts of %d, %v; want %d of %d", x.name, count, size, err, x.count, x.size)
		}
	}
	for _, c := range []adapters.Capabilities{{MaxParts: 10, MaxPartSize: 20 * mib}, {MaxObjectSize: 900 * mib}} {
		if _, _, err := s.partition(1000*mib, c); !errs.Is(err, errs.InvalidArgument) {
			t.Errorf("an object that does not fit gives %v", err)
		}
	}
}

func TestBatcherJoinsCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls, most atomic.Int64
		b := newBatcher(10, 2*time.Millisecond, func(_ context.Context, in []int) []int {
			calls.Add(1)
			most.Store(max(most.Load(), int64(len(in))))
			time.Sleep(time.Second)
			out := make([]int, len(in))
			for i, n := range in {
				out[i] = 2 * n
			}
			return out
		})
		ctx, cancel := context.WithCancel(t.Context())
		var runs, gets sync.WaitGroup
		runs.Go(func() { b.run(ctx) })
		for i := range 100 {
			gets.Go(func() {
				if got := b.get(i); got != 2*i {
					t.Errorf("get(%d) = %d", i, got)
				}
			})
		}
		gets.Wait()
		if calls.Load() > 12 || most.Load() != 10 {
			t.Errorf("%d calls of at most %d items, want about 10 of 10", calls.Load(), most.Load())
		}
		began := time.Now()
		b.get(1)
		if took := time.Since(began); took != time.Second+2*time.Millisecond {
			t.Errorf("a lonely item took %v", took)
		}
		cancel()
		runs.Wait()
	})
}

func TestConcurrencyOfAJobIsShared(t *testing.T) {
	t.Parallel()
	var l jobLimits
	if slots, leave := l.join("free", 0); slots != nil {
		t.Error("no limit gave slots")
	} else {
		leave()
	}
	one, leaveOne := l.join("j", 3)
	two, leaveTwo := l.join("j", 3)
	if one != two || cap(one) != 3 {
		t.Errorf("two tasks of a job have slots %v and %v", one, two)
	}
	leaveOne()
	if three, leave := l.join("j", 3); three != two {
		t.Error("the slots were forgotten while a task was left")
	} else {
		leave()
	}
	leaveTwo()
	if len(l.jobs) != 0 {
		t.Error("slots of a job that is over stay")
	}
}
