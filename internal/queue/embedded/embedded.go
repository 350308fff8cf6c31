// Package embedded is the queue within one process: bounded channels in memory. State is in documents, so a restart loses
// nothing that is not published again. Only cmd and tests make one; everything else sees queue.Queue.
//
// A group gets what is published after its first member joined. While a topic has no group at all, it keeps the newest messages
// for the first one, and Publish does not block. A member that leaves takes nothing along: its group keeps what waits.
// What a handler sets aside is dropped and logged.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/queue"
)

// Options of New. The zero value has the defaults.
type Options struct {
	Logger          *slog.Logger
	Capacity        int           // messages of one group that wait, are handled or wait for redelivery; default 4,096
	MaxMessageBytes int           // key and value of one message; default 1 MiB
	MinBackoff      time.Duration // before the first redelivery; doubles with each; default 100 ms
	MaxBackoff      time.Duration // default 30 s
}

// Queue implements queue.Queue.
type Queue struct {
	o    Options
	done chan struct{} // closed by Close

	mu      sync.Mutex
	topics  map[string]*topic
	closed  bool
	members sync.WaitGroup
}

var _ queue.Queue = (*Queue)(nil)

type topic struct {
	groups  map[string]*group
	backlog []queue.Message // while there is no group
}

// group holds one copy of a topic's messages. A message has a slot from Publish until it is acknowledged, and there are as many
// slots as places in ready: who has one can always put the message there.
type group struct {
	slots chan struct{}
	ready chan delivery
}

type delivery struct {
	queue.Message
	failed int // times
}

// New makes an empty queue.
func New(o Options) *Queue {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Capacity <= 0 {
		o.Capacity = 4096
	}
	if o.MaxMessageBytes <= 0 {
		o.MaxMessageBytes = 1 << 20
	}
	if o.MinBackoff <= 0 {
		o.MinBackoff = 100 * time.Millisecond
	}
	if o.MaxBackoff <= 0 {
		o.MaxBackoff = 30 * time.Second
	}
	return &Queue{o: o, done: make(chan struct{}), topics: map[string]*topic{}}
}

// Publish implements queue.Queue.
func (q *Queue) Publish(ctx context.Context, topic string, messages ...queue.Message) error {
	if topic == "" {
		return errs.Newf(errs.InvalidArgument, "a topic has no name")
	}
	for _, m := range messages {
		if n := len(m.Key) + len(m.Value); n > q.o.MaxMessageBytes {
			return errs.Newf(errs.InvalidArgument, "a message has %d bytes, more than %d", n, q.o.MaxMessageBytes)
		}
	}
	for _, m := range messages {
		m.Value = append([]byte(nil), m.Value...)
		if err := q.publish(ctx, topic, m); err != nil {
			return err
		}
	}
	return nil
}

func (q *Queue) publish(ctx context.Context, name string, m queue.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	groups, err := q.groupsOrKeep(name, m)
	if err != nil {
		return err
	}
	for _, g := range groups {
		select {
		case g.slots <- struct{}{}:
			g.ready <- delivery{Message: m}
		case <-ctx.Done():
			return ctx.Err()
		case <-q.done:
			return closedError()
		}
	}
	return nil
}

// groupsOrKeep returns the groups of a topic; when there is none, it keeps the message for the first one.
func (q *Queue) groupsOrKeep(name string, m queue.Message) ([]*group, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, closedError()
	}
	t := q.topic(name)
	if len(t.groups) == 0 {
		if len(t.backlog) == q.o.Capacity {
			t.backlog = t.backlog[1:]
		}
		t.backlog = append(t.backlog, m)
		return nil, nil
	}
	groups := make([]*group, 0, len(t.groups))
	for _, g := range t.groups {
		groups = append(groups, g)
	}
	return groups, nil
}

func (q *Queue) topic(name string) *topic {
	t := q.topics[name]
	if t == nil {
		t = &topic{groups: map[string]*group{}}
		q.topics[name] = t
	}
	return t
}

// Subscribe implements queue.Queue.
func (q *Queue) Subscribe(ctx context.Context, topic, name string, concurrency int, handle queue.Handler) error {
	if topic == "" || name == "" || concurrency < 1 {
		return errs.Newf(errs.InvalidArgument, "a subscription needs a topic, a group and a concurrency of at least 1")
	}
	g, err := q.join(topic, name)
	if err != nil {
		return err
	}
	defer q.members.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var workers sync.WaitGroup
	workers.Go(func() {
		select {
		case <-q.done:
			cancel()
		case <-ctx.Done():
		}
	})
	for range concurrency {
		workers.Go(func() { q.work(ctx, g, handle) })
	}
	workers.Wait()
	return nil
}

// join finds or makes the group and counts the member, which calls members.Done when it leaves.
func (q *Queue) join(topic, name string) (*group, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, closedError()
	}
	q.members.Add(1)
	t := q.topic(topic)
	g := t.groups[name]
	if g == nil {
		g = &group{slots: make(chan struct{}, q.o.Capacity), ready: make(chan delivery, q.o.Capacity)}
		t.groups[name] = g
		for _, m := range t.backlog {
			g.slots <- struct{}{}
			g.ready <- delivery{Message: m}
		}
		t.backlog = nil
	}
	return g, nil
}

func (q *Queue) work(ctx context.Context, g *group, handle queue.Handler) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case d := <-g.ready:
			switch err := call(ctx, handle, d.Message); {
			case err == nil:
				<-g.slots
			case errors.Is(err, errPanic), errs.Is(err, errs.InvalidArgument):
				q.o.Logger.ErrorContext(ctx, "a message is dropped", "key", d.Key, "bytes", len(d.Value), "err", err)
				<-g.slots
			case ctx.Err() != nil: // this member leaves: another one may have it at once
				g.ready <- d
			default:
				d.failed++
				time.AfterFunc(q.backoff(d.failed), func() { g.ready <- d })
			}
		}
	}
}

// errPanic is what a handler that panicked counts as.
var errPanic = errors.New("the handler panicked")

func call(ctx context.Context, handle queue.Handler, m queue.Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack())
		}
	}()
	return handle(ctx, m)
}

// backoff is the wait before the n-th redelivery, with up to a quarter taken off so that failures do not march in step.
func (q *Queue) backoff(n int) time.Duration {
	d := q.o.MaxBackoff
	if shift := n - 1; shift < 20 {
		d = min(d, q.o.MinBackoff<<shift)
	}
	return d - rand.N(d/4+1)
}

// Close implements queue.Queue. It waits for the handlers that run.
func (q *Queue) Close() error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.done)
	}
	q.mu.Unlock()
	q.members.Wait()
	return nil
}

func closedError() error { return errs.Newf(errs.Unavailable, "the queue is closed") }
