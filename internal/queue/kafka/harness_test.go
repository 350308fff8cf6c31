package kafka_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	kafkago "github.com/segmentio/kafka-go"

	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/queue/kafka"
)

// tally counts deliveries by value.
type tally struct {
	mu   sync.Mutex
	got  map[string]int
	news chan struct{} // closed and replaced with each delivery
}

func newTally() *tally { return &tally{got: map[string]int{}, news: make(chan struct{})} }

func (c *tally) add(value string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got[value]++
	close(c.news)
	c.news = make(chan struct{})
	return c.got[value]
}

func (c *tally) count(value string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got[value]
}

// await waits until done, which sees the counts, is true.
func (c *tally) await(t *testing.T, what string, done func(got map[string]int) bool) {
	t.Helper()
	limit := time.After(patience)
	for {
		c.mu.Lock()
		ok, news := done(c.got), c.news
		n := len(c.got)
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-news:
		case <-limit:
			t.Fatalf("%s: not after %v, with %d different messages", what, patience, n)
		}
	}
}

// all is done once every value was delivered.
func all(values ...string) func(map[string]int) bool {
	return func(got map[string]int) bool {
		for _, v := range values {
			if got[v] == 0 {
				return false
			}
		}
		return true
	}
}

func (c *tally) handle(_ context.Context, m queue.Message) error { c.add(string(m.Value)); return nil }

func numbers(prefix string, n int) []string {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprint(prefix, i)
	}
	return values
}

func publish(t *testing.T, q queue.Queue, topic string, values ...string) {
	t.Helper()
	messages := make([]queue.Message, len(values))
	for i, v := range values {
		messages[i].Value = []byte(v)
	}
	if err := q.Publish(t.Context(), topic, messages...); err != nil {
		t.Fatalf("publish: %v", err)
	}
}

// subscribe runs a member of group "g" until stop, which waits for it; the test's end stops it too.
func subscribe(t *testing.T, q queue.Queue, topic, group string, concurrency int, h queue.Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- q.Subscribe(ctx, topic, group, concurrency, h) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Subscribe returned %v, want nil after its context ended", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// opened is open, with Close at the test's end.
func opened(t *testing.T, broker string, o kafka.Options) *kafka.Queue {
	t.Helper()
	q := open(t, "kafka://"+broker, o)
	t.Cleanup(func() { q.Close() })
	return q
}

func awaitMetric(t *testing.T, r prometheus.Gatherer, name string, want float64) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		families, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		found, sum := false, 0.0
		for _, f := range families {
			if f.GetName() == name {
				for _, m := range f.GetMetric() {
					found = true
					sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
				}
			}
		}
		if found && sum == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: got %v (there: %v), want %v", name, sum, found, want)
		}
	}
}

// dead reads one message of a dead topic, with its headers.
func dead(t *testing.T, broker, topic string) (kafkago.Message, map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r := kafkago.NewReader(kafkago.ReaderConfig{Brokers: []string{broker}, Topic: topic + ".dead", MaxWait: 100 * time.Millisecond})
	defer r.Close()
	m, err := r.ReadMessage(ctx)
	if err != nil {
		t.Fatalf("read %s.dead: %v", topic, err)
	}
	headers := map[string]string{}
	for _, h := range m.Headers {
		headers[h.Key] = string(h.Value)
	}
	return m, headers
}

// foreign publishes what this package would not.
func foreign(t *testing.T, broker string, m kafkago.Message) {
	t.Helper()
	w := &kafkago.Writer{Addr: kafkago.TCP(broker), RequiredAcks: kafkago.RequireAll, BatchTimeout: time.Millisecond, BatchBytes: 8 << 20}
	defer w.Close()
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := w.WriteMessages(t.Context(), m)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("publish: %v", err)
		}
	}
}
