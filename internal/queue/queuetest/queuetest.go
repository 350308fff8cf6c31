// Package queuetest holds the rules of queue that every driver passes. Tests only.
package queuetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/queue"
)

// patience is how long the suite waits for what must come; it is only used up by a failure.
const patience = time.Minute

// Harness says how the suite gets a driver.
type Harness struct {
	// Open returns a queue without messages; the suite closes it. Redelivery should begin within a second.
	Open func(t *testing.T) queue.Queue
}

// Run runs the suite, its cases in parallel, each on a queue of its own.
func Run(t *testing.T, h Harness) {
	for name, run := range map[string]func(*testing.T, queue.Queue){
		"Delivery":       testDelivery,
		"PublishedFirst": testPublishedFirst,
		"Values":         testValues,
		"Groups":         testGroups,
		"Members":        testMembers,
		"Redelivery":     testRedelivery,
		"SetAside":       testSetAside,
		"Concurrency":    testConcurrency,
		"Leave":          testLeave,
		"Refused":        testRefused,
		"Close":          testClose,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := h.Open(t)
			t.Cleanup(func() {
				if err := q.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			run(t, q)
		})
	}
}

// inbox collects what handlers got.
type inbox struct {
	mu   sync.Mutex
	got  map[string]int // by value
	news chan struct{}
}

func newInbox() *inbox { return &inbox{got: map[string]int{}, news: make(chan struct{}, 1)} }

func (b *inbox) handle(_ context.Context, m queue.Message) error {
	b.mu.Lock()
	b.got[string(m.Value)]++
	b.mu.Unlock()
	select {
	case b.news <- struct{}{}:
	default:
	}
	return nil
}

func (b *inbox) has(values ...string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, v := range values {
		if b.got[v] == 0 {
			return false
		}
	}
	return true
}

func (b *inbox) wait(t *testing.T, values ...string) {
	t.Helper()
	limit := time.After(patience)
	for !b.has(values...) {
		select {
		case <-b.news:
		case <-limit:
			t.Fatalf("got %d of %d messages", len(b.got), len(values))
		}
	}
}

// subscribe runs a member until the test ends or stop is called, which waits for it.
func subscribe(t *testing.T, q queue.Queue, group string, concurrency int, h queue.Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- q.Subscribe(ctx, "topic", group, concurrency, h) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Subscribe returned %v, want nil after its context ended", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func publish(t *testing.T, q queue.Queue, values ...string) {
	t.Helper()
	messages := make([]queue.Message, len(values))
	for i, v := range values {
		messages[i] = queue.Message{Key: fmt.Sprint(i % 7), Value: []byte(v)}
	}
	if err := q.Publish(t.Context(), "topic", messages...); err != nil {
		t.Fatalf("publish: %v", err)
	}
}

// join publishes until the inbox of a fresh group gets something: from then on the group gets everything.
func join(t *testing.T, q queue.Queue, b *inbox) {
	t.Helper()
	limit := time.After(patience)
	for i := 0; ; i++ {
		v := fmt.Sprint("hello ", i)
		publish(t, q, v)
		select {
		case <-b.news:
			return
		case <-time.After(20 * time.Millisecond):
		case <-limit:
			t.Fatal("a group got nothing")
		}
	}
}

func numbers(prefix string, n int) []string {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprint(prefix, i)
	}
	return values
}

func testDelivery(t *testing.T, q queue.Queue) {
	b := newInbox()
	subscribe(t, q, "g", 4, b.handle)
	join(t, q, b)
	var wg sync.WaitGroup
	var all []string
	for p := range 4 {
		values := numbers(fmt.Sprint(p, "/"), 50)
		all = append(all, values...)
		wg.Go(func() { publish(t, q, values...) })
	}
	wg.Wait()
	b.wait(t, all...)
}

func testPublishedFirst(t *testing.T, q queue.Queue) {
	values := numbers("early ", 20)
	publish(t, q, values...)
	b := newInbox()
	subscribe(t, q, "g", 2, b.handle)
	b.wait(t, values...)
}

func testValues(t *testing.T, q queue.Queue) {
	want := []queue.Message{
		{Key: "", Value: []byte("no key")},
		{Key: "no value", Value: nil},
		{Key: "\u4e16\u754c \U0001f366", Value: []byte{0, 255, 10}},
		{Key: "big", Value: bytes.Repeat([]byte("x"), 256<<10)},
	}
	if err := q.Publish(t.Context(), "topic", want...); err != nil {
		t.Fatal(err)
	}
	got := make(chan queue.Message, 100)
	subscribe(t, q, "g", 1, func(_ context.Context, m queue.Message) error { got <- m; return nil })
	seen := map[string][]byte{}
	for len(seen) < len(want) {
		select {
		case m := <-got:
			seen[m.Key] = m.Value
		case <-time.After(patience):
			t.Fatalf("got %d messages, want %d", len(seen), len(want))
		}
	}
	for _, m := range want {
		if v, ok := seen[m.Key]; !ok || !bytes.Equal(v, m.Value) {
			t.Errorf("key %q: got %d bytes (%v), want %d", m.Key, len(v), ok, len(m.Value))
		}
	}
}

func testGroups(t *testing.T, q queue.Queue) {
	a, b := newInbox(), newInbox()
	subscribe(t, q, "a", 2, a.handle)
	subscribe(t, q, "b", 1, b.handle)
	join(t, q, a)
	join(t, q, b)
	values := numbers("", 50)
	publish(t, q, values...)
	a.wait(t, values...)
	b.wait(t, values...)
}

// testMembers has one member of a group leave: the other one goes on with everything.
func testMembers(t *testing.T, q queue.Queue) {
	b := newInbox()
	stop := subscribe(t, q, "g", 1, b.handle)
	subscribe(t, q, "g", 1, b.handle)
	join(t, q, b)
	first := numbers("first ", 50)
	publish(t, q, first...)
	b.wait(t, first...)
	stop()
	second := numbers("second ", 50)
	publish(t, q, second...)
	b.wait(t, second...)
}

func testRedelivery(t *testing.T, q queue.Queue) {
	b := newInbox()
	var mu sync.Mutex
	tries := map[string]int{}
	subscribe(t, q, "g", 2, func(ctx context.Context, m queue.Message) error {
		mu.Lock()
		tries[string(m.Value)]++
		n := tries[string(m.Value)]
		mu.Unlock()
		if n < 3 {
			return errors.New("not yet")
		}
		return b.handle(ctx, m)
	})
	values := numbers("", 10)
	publish(t, q, values...)
	b.wait(t, values...)
}

// testSetAside has a handler refuse one message for good and panic over another one: neither comes again, nor holds up others.
func testSetAside(t *testing.T, q queue.Queue) {
	b := newInbox()
	subscribe(t, q, "g", 2, func(ctx context.Context, m queue.Message) error {
		_ = b.handle(ctx, m)
		switch string(m.Value) {
		case "bad":
			return fmt.Errorf("read message: %w", errs.Newf(errs.InvalidArgument, "not a task"))
		case "worse":
			panic("at this message")
		}
		return nil
	})
	publish(t, q, "bad", "worse", "good")
	b.wait(t, "bad", "worse", "good")
	for _, values := range [][]string{numbers("then ", 20), numbers("later ", 20)} { // time in which they would come again
		publish(t, q, values...)
		b.wait(t, values...)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, v := range []string{"bad", "worse"} {
		if b.got[v] != 1 {
			t.Errorf("message %q was delivered %d times, want once", v, b.got[v])
		}
	}
}

// testConcurrency lets handlers wait until as many run as may, and watches that no more come.
func testConcurrency(t *testing.T, q queue.Queue) {
	const limit = 3
	running := make(chan struct{}, 100)
	release := make(chan struct{})
	b := newInbox()
	subscribe(t, q, "g", limit, func(ctx context.Context, m queue.Message) error {
		running <- struct{}{}
		if len(running) > limit {
			t.Errorf("%d handlers run at once, want at most %d", len(running), limit)
		}
		<-release
		<-running
		return b.handle(ctx, m)
	})
	values := numbers("", 30)
	publish(t, q, values...)
	wait := time.After(patience)
	for len(running) < limit {
		select {
		case <-time.After(time.Millisecond):
		case <-wait:
			t.Fatalf("%d handlers run at once, want %d", len(running), limit)
		}
	}
	close(release)
	b.wait(t, values...)
}

// testLeave ends a member while it handles a message: Subscribe waits for it, and what it did not acknowledge goes to the next member.
func testLeave(t *testing.T, q queue.Queue) {
	started := make(chan struct{}, 1)
	finished := false
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		left <- q.Subscribe(ctx, "topic", "g", 1, func(ctx context.Context, _ queue.Message) error {
			started <- struct{}{}
			<-ctx.Done()
			finished = true
			return ctx.Err()
		})
	}()
	publish(t, q, "work")
	<-started
	cancel()
	if err := <-left; err != nil || !finished {
		t.Errorf("Subscribe returned %v, handler finished %v; want nil after the handler", err, finished)
	}
	b := newInbox()
	subscribe(t, q, "g", 1, b.handle)
	b.wait(t, "work")
}

func testRefused(t *testing.T, q queue.Queue) {
	nop := func(context.Context, queue.Message) error { return nil }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, err := range map[string]error{
		"publish without a topic":   q.Publish(t.Context(), "", queue.Message{}),
		"subscribe without a topic": q.Subscribe(t.Context(), "", "g", 1, nop),
		"subscribe without a group": q.Subscribe(t.Context(), "topic", "", 1, nop),
		"subscribe with no hands":   q.Subscribe(t.Context(), "topic", "g", 0, nop),
	} {
		if !errs.Is(err, errs.InvalidArgument) {
			t.Errorf("%s: got %v, want InvalidArgument", name, err)
		}
	}
	if err := q.Publish(ctx, "topic", queue.Message{}); !errs.Is(err, errs.Canceled) {
		t.Errorf("publish under an ended context: got %v, want Canceled", err)
	}
}

func testClose(t *testing.T, q queue.Queue) {
	b := newInbox()
	done := make(chan error, 1)
	go func() { done <- q.Subscribe(context.Background(), "topic", "g", 2, b.handle) }()
	join(t, q, b)
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Subscribe returned %v, want nil", err)
		}
	case <-time.After(patience):
		t.Fatal("Close did not end the subscription")
	}
	if err := q.Publish(t.Context(), "topic", queue.Message{}); !errs.Is(err, errs.Unavailable) {
		t.Errorf("publish: got %v, want Unavailable", err)
	}
	if err := q.Subscribe(t.Context(), "topic", "g", 1, b.handle); !errs.Is(err, errs.Unavailable) {
		t.Errorf("subscribe: got %v, want Unavailable", err)
	}
}
