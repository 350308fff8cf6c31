package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// box is an Outbox of shard 1.
type box struct {
	mu     sync.Mutex
	events map[string][]Waiting // by target, in order
	forget error                // what Forget answers instead of forgetting, once
}

func (b *box) Targets(_ context.Context, shard int) (names []string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, list := range b.events {
		if len(list) > 0 && shard == 1 {
			names = append(names, name)
		}
	}
	return names, nil
}

func (b *box) Events(_ context.Context, _ int, target, after string, limit int) (list []Waiting, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events[target] {
		if e.ID > after && len(list) < limit {
			list = append(list, e)
		}
	}
	return list, nil
}

func (b *box) Forget(_ context.Context, _ int, target string, ids []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.forget; err != nil {
		b.forget = nil
		return err
	}
	b.events[target] = slices.DeleteFunc(b.events[target], func(e Waiting) bool { return slices.Contains(ids, e.ID) })
	return nil
}

func (b *box) put(target string, n int, key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.events == nil {
		b.events = map[string][]Waiting{}
	}
	for range n {
		id := fmt.Sprintf("%06d", len(b.events[target])+1)
		b.events[target] = append(b.events[target], Waiting{id, Event{Name: "ObjectCreated:Put", Time: time.Now(), Bucket: "b", Key: key, Sequencer: id}})
	}
}

func (b *box) left(target string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.events[target])
}

// sink is a Target that remembers the sequencers that it got, by key.
type sink struct {
	mu   sync.Mutex
	got  map[string][]string
	fail func(n int) error // n counts all attempts
	n    int
}

func (s *sink) Send(_ context.Context, key string, body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	if s.fail != nil {
		if err := s.fail(s.n); err != nil {
			return err
		}
	}
	_, rest, _ := strings.Cut(string(body), `"sequencer":"`)
	id, _, _ := strings.Cut(rest, `"`)
	if s.got == nil {
		s.got = map[string][]string{}
	}
	s.got[key] = append(s.got[key], id)
	return nil
}

func (s *sink) total() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range s.got {
		n += len(list)
	}
	return n
}

func deliver(t *testing.T, b *box, targets map[string]Target, o Options) (stop func(), ended func(target, outcome string) int) {
	var mu sync.Mutex
	counts := map[string]int{}
	o.Ended = func(target, outcome string, n int) {
		mu.Lock()
		defer mu.Unlock()
		counts[target+" "+outcome] += n
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		New(b, targets, o).Run(ctx, 1)
	}()
	return func() { cancel(); <-done }, func(target, outcome string) int {
		mu.Lock()
		defer mu.Unlock()
		return counts[target+" "+outcome]
	}
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, s := &box{}, &sink{}
		b.put("hook", 250, "k")
		stop, ended := deliver(t, b, map[string]Target{"hook": s}, Options{})
		synctest.Wait()
		b.put("hook", 1, "k")
		time.Sleep(2 * time.Second)
		stop()
		if got := s.got["b/k"]; len(got) != 251 || !slices.IsSorted(got[:250]) || b.left("hook") != 0 || ended("hook", Delivered) != 251 {
			t.Errorf("got %d events, %d left, %d counted", len(got), b.left("hook"), ended("hook", Delivered))
		}
	})
}

// TestOrder: through failures, the events of a key come in order, and all of them.
func TestOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &box{}
		s := &sink{fail: func(n int) error {
			if n%3 == 0 {
				return errors.New("away")
			}
			return nil
		}}
		for range 20 {
			for _, k := range []string{"a", "b", "c", "d", "e", "f"} {
				b.put("hook", 1, k)
			}
		}
		stop, ended := deliver(t, b, map[string]Target{"hook": s}, Options{})
		time.Sleep(2 * time.Hour)
		stop()
		for k, list := range s.got {
			if !slices.IsSorted(list) || len(list) != 20 {
				t.Errorf("%s: got %v", k, list)
			}
		}
		if len(s.got) != 6 || b.left("hook") != 0 || ended("hook", Failed) == 0 || ended("hook", Dropped) != 0 {
			t.Errorf("%d keys, %d left, %d failed", len(s.got), b.left("hook"), ended("hook", Failed))
		}
	})
}

// TestOthersGoOn: a target that is away holds up no other one.
func TestOthersGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, good, bad := &box{}, &sink{}, &sink{fail: func(int) error { return errors.New("away") }}
		b.put("bad", 300, "k")
		b.put("good", 300, "k")
		b.put("unknown", 1, "k")
		stop, _ := deliver(t, b, map[string]Target{"good": good, "bad": bad}, Options{})
		time.Sleep(time.Minute)
		stop()
		if good.total() != 300 || b.left("bad") != 300 || b.left("unknown") != 1 {
			t.Errorf("%d delivered, %d and %d wait", good.total(), b.left("bad"), b.left("unknown"))
		}
		if bad.n > 10 {
			t.Errorf("a target that is away was tried %d times in a minute", bad.n)
		}
	})
}

func TestForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, s := &box{forget: errors.New("away")}, &sink{}
		b.put("hook", 1, "k")
		stop, _ := deliver(t, b, map[string]Target{"hook": s}, Options{})
		time.Sleep(time.Minute)
		stop()
		if s.total() != 2 || b.left("hook") != 0 {
			t.Errorf("delivered %d times, %d left; want twice, as the first deletion failed", s.total(), b.left("hook"))
		}
	})
}

func TestDrops(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o    Options
		wait time.Duration
		left int
	}{
		"too many": {Options{Limit: 120}, 10 * time.Minute, 120},
		"too old":  {Options{Keep: time.Hour}, 2 * time.Hour, 0},
		"neither":  {Options{}, 2 * time.Hour, 250},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, s := &box{}, &sink{fail: func(int) error { return errors.New("away") }}
				b.put("hook", 250, "k")
				stop, ended := deliver(t, b, map[string]Target{"hook": s}, c.o)
				time.Sleep(c.wait)
				stop()
				if b.left("hook") != c.left || ended("hook", Dropped) != 250-c.left {
					t.Errorf("%d left, %d counted as dropped, want %d left", b.left("hook"), ended("hook", Dropped), c.left)
				}
				if c.left > 0 && b.events["hook"][c.left-1].ID != "000250" {
					t.Errorf("the newest left is %s", b.events["hook"][c.left-1].ID)
				}
			})
		})
	}
}
