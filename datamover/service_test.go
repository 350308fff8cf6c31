package datamover

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opensds/gelato/adapters"
)

func TestClassOf(t *testing.T) {
	t.Parallel()
	obs := declared{can: adapters.Capabilities{StorageClasses: []string{"STANDARD", "WARM", "COLD"}, S3Classes: map[string]string{"STANDARD_IA": "WARM", "GLACIER": "COLD"}}}
	aws := declared{can: adapters.Capabilities{StorageClasses: []string{"STANDARD", "STANDARD_IA", "GLACIER"}}}
	for _, c := range []struct {
		class         string
		from, to      adapters.Store
		native, shown string
	}{
		{"WARM", obs, obs, "WARM", "WARM"},
		{"WARM", obs, aws, "STANDARD_IA", "STANDARD_IA"},
		{"COLD", obs, aws, "GLACIER", "GLACIER"},
		{"GLACIER", aws, obs, "COLD", "GLACIER"},
		{"STANDARD", obs, declared{}, "", ""},
		{"WARM", obs, declared{}, "", "STANDARD_IA"},
		{"COLD", obs, declared{}, "", ""},
	} {
		if native, shown := classOf(c.class, c.from, c.to); native != c.native || shown != c.shown {
			t.Errorf("%s from %v to %v: %q, shown %q, want %q, %q", c.class, c.from, c.to, native, shown, c.native, c.shown)
		}
	}
}

func TestInParts(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	s := &Service{o: Options{PartSize: 16 * mib, Threshold: 64 * mib}}
	for name, x := range map[string]struct {
		size int64
		can  adapters.Capabilities
		want bool
	}{
		"empty":                      {0, adapters.Capabilities{Multipart: true, MaxPutSize: 1}, false},
		"small":                      {64 * mib, adapters.Capabilities{Multipart: true}, false},
		"large":                      {64*mib + 1, adapters.Capabilities{Multipart: true}, true},
		"large, no parts":            {64*mib + 1, adapters.Capabilities{}, false},
		"large, too few parts":       {64*mib + 1, adapters.Capabilities{Multipart: true, MaxParts: 2, MaxPartSize: 16 * mib}, false},
		"more than one put":          {9 * mib, adapters.Capabilities{Multipart: true, MaxPutSize: 8 * mib}, true},
		"as much as one put":         {8 * mib, adapters.Capabilities{Multipart: true, MaxPutSize: 8 * mib}, false},
		"more than one put, no part": {9 * mib, adapters.Capabilities{MaxPutSize: 8 * mib}, false},
	} {
		if got := s.inParts(from{size: x.size}, to{store: declared{can: x.can}}); got != x.want {
			t.Errorf("%s: got %v, want %v", name, got, x.want)
		}
	}
}

// declared is a store that only says what it can do.
type declared struct {
	adapters.Store
	can adapters.Capabilities
}

func (d declared) Capabilities() adapters.Capabilities { return d.can }

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
