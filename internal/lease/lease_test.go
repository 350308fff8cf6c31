package lease_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/docstoretest"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/lease"
)

const ttl = 30 * time.Second

// acquire takes the lease, or fails the test when that takes longer than limit of (fake) time.
func acquire(t *testing.T, docs docstore.Store, owner string, limit time.Duration) *lease.Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	l, err := lease.Acquire(ctx, docs, "leader", owner, ttl)
	if err != nil {
		t.Fatalf("%s: %v", owner, err)
	}
	return l
}

func TestTakeOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		docs := docstoretest.NewMemory()
		first := acquire(t, docs, "first", time.Millisecond)
		if got := first.Epoch(); got != 1 || !first.Held() {
			t.Errorf("got epoch %d, held %v, want 1, true", got, first.Held())
		}
		start := time.Now()
		second := acquire(t, docs, "second", ttl+time.Millisecond) // the first one is dead: never renewed
		if took := time.Since(start); took != ttl {
			t.Errorf("the take-over took %v, want %v", took, ttl)
		}
		if second.Epoch() != 2 || !second.Held() || first.Held() {
			t.Errorf("got epoch %d, held %v, the first one's %v; want 2, true, false", second.Epoch(), second.Held(), first.Held())
		}
		if err := first.Renew(t.Context()); errs.ReasonOf(err) != lease.Lost || !errs.Is(err, errs.FailedPrecondition) {
			t.Errorf("renewing the lost one: got %v, want FailedPrecondition, %s", err, lease.Lost)
		}
		if err := first.Release(t.Context()); errs.ReasonOf(err) != lease.Lost {
			t.Errorf("releasing the lost one: got %v, want %s", err, lease.Lost)
		}
		if err := second.Renew(t.Context()); err != nil {
			t.Errorf("renewing the second one: %v", err)
		}
	})
}

// TestRenewed keeps a lease through many TTLs under the eyes of one who wants it.
func TestRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		docs := docstoretest.NewMemory()
		l := acquire(t, docs, "first", time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		other := make(chan error)
		go func() {
			_, err := lease.Acquire(ctx, docs, "leader", "second", ttl)
			other <- err
		}()
		for range 50 {
			time.Sleep(ttl * 8 / 10)
			if !l.Held() {
				t.Fatal("not held before its TTL was over")
			}
			if err := l.Renew(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		if err := <-other; !errs.Is(err, errs.Canceled) {
			t.Errorf("the other one got %v, want Canceled", err)
		}
		time.Sleep(ttl)
		if l.Held() {
			t.Error("held after its TTL")
		}
		if err := l.Renew(t.Context()); err != nil || !l.Held() {
			t.Errorf("renewed late while nobody wanted it: %v, held %v; want it held", err, l.Held())
		}
	})
}

func TestRelease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		docs := docstoretest.NewMemory()
		l := acquire(t, docs, "first", time.Millisecond)
		if err := l.Release(t.Context()); err != nil || l.Held() {
			t.Errorf("got %v, held %v, want it released", err, l.Held())
		}
		if next := acquire(t, docs, "second", time.Millisecond); next.Epoch() != 2 {
			t.Errorf("got epoch %d, want 2", next.Epoch())
		}
	})
}

// TestContention has many want a lease, each for a while: never two at once, epochs rise.
func TestContention(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		docs := docstoretest.NewFaulty(docstoretest.NewMemory(), docstoretest.Faults{Seed: 5, Applied: 0.2, Dropped: 0.2, Reads: 0.2})
		var mu sync.Mutex
		var wg sync.WaitGroup
		var holder *lease.Lease
		last := int64(0)
		for i := range 6 {
			wg.Go(func() {
				for range 10 {
					l, err := lease.Acquire(t.Context(), docs, "leader", lease.NewOwner("x"), ttl)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					if holder != nil && holder.Held() {
						t.Errorf("epochs %d and %d are held at once", holder.Epoch(), l.Epoch())
					}
					if l.Epoch() <= last {
						t.Errorf("got epoch %d after %d", l.Epoch(), last)
					}
					holder, last = l, l.Epoch()
					mu.Unlock()
					time.Sleep(ttl / 2)
					if err := l.Renew(t.Context()); err != nil && !errs.Is(err, errs.Unavailable) {
						t.Errorf("renew: %v", err)
					}
					time.Sleep(ttl / 3)
					if i%2 == 0 {
						_ = l.Release(t.Context()) // may fail: then the next one waits
					}
				}
			})
		}
		wg.Wait()
		if last < 60 {
			t.Errorf("got %d holdings, want at least 60", last)
		}
	})
}

// hanging is a store whose writes hang while stuck, whatever their context says.
type hanging struct {
	docstore.Store
	mu    sync.Mutex
	stuck chan struct{}
}

func (h *hanging) Replace(ctx context.Context, c string, d docstore.Doc, old docstore.Rev) error {
	h.mu.Lock()
	stuck := h.stuck
	h.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
	return h.Store.Replace(ctx, c, d, old)
}

// TestRunLost hangs the holder's renewals: its function is stopped before another one starts.
func TestRunLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		docs := docstoretest.NewMemory()
		sick := &hanging{Store: docs}
		ctx, cancel := context.WithCancel(t.Context())
		var ends, starts []time.Time
		var epochs []int64
		var wg sync.WaitGroup
		wg.Go(func() {
			err := lease.Run(ctx, sick, "shard", lease.Options{Owner: "sick", TTL: ttl}, func(ctx context.Context, epoch int64) error {
				epochs = append(epochs, epoch)
				<-ctx.Done()
				if cause := context.Cause(ctx); !errors.Is(cause, lease.ErrLost) {
					t.Errorf("got cause %v, want %v", cause, lease.ErrLost)
				}
				ends = append(ends, time.Now())
				return ctx.Err()
			})
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		time.Sleep(10 * ttl) // renewed for long
		synctest.Wait()
		if len(epochs) != 1 || len(ends) != 0 {
			t.Fatalf("got %d starts, %d ends, want 1 and 0", len(epochs), len(ends))
		}
		sick.mu.Lock()
		sick.stuck = make(chan struct{})
		sick.mu.Unlock()
		wg.Go(func() {
			err := lease.Run(ctx, docs, "shard", lease.Options{Owner: "well", TTL: ttl}, func(ctx context.Context, epoch int64) error {
				starts = append(starts, time.Now())
				epochs = append(epochs, epoch)
				<-ctx.Done()
				return ctx.Err()
			})
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		time.Sleep(3 * ttl)
		close(sick.stuck)
		synctest.Wait()
		if len(ends) != 1 || len(starts) != 1 || !ends[0].Before(starts[0]) || epochs[1] != 2 {
			t.Errorf("got ends %v, starts %v, epochs %v; want the end before the start, epochs 1 and 2", ends, starts, epochs)
		}
		cancel()
		wg.Wait()
	})
}

// TestRunReturns lets the function end by itself, and by its caller.
func TestRunReturns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		docs := docstoretest.NewMemory()
		want := errors.New("broken")
		err := lease.Run(t.Context(), docs, "shard", lease.Options{Owner: "a", TTL: ttl}, func(context.Context, int64) error { return want })
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		err = lease.Run(ctx, docs, "shard", lease.Options{Owner: "b", TTL: ttl}, func(ctx context.Context, epoch int64) error {
			if took := time.Since(start); took != 0 || epoch != 2 {
				t.Errorf("after %v with epoch %d, want at once with 2", took, epoch)
			}
			cancel()
			<-ctx.Done()
			return ctx.Err()
		})
		if err != nil {
			t.Errorf("got %v, want nil when the context ends", err)
		}
		start = time.Now()
		l, err := lease.Acquire(t.Context(), docs, "shard", "c", ttl)
		if err != nil || time.Since(start) != 0 || l.Epoch() != 3 {
			t.Errorf("got %v after %v, want a free lease at once", err, time.Since(start))
		}
	})
}
