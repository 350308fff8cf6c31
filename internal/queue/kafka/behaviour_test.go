package kafka_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	kafkago "github.com/segmentio/kafka-go"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/queue/kafka"
)

// patience is how long tests wait for what must come.
const patience = time.Minute

// behaviours are proven on both brokers; broker is its "host:port", and all topics and groups are new under the options.
var behaviours = map[string]func(t *testing.T, broker string, o kafka.Options){
	"ScaleUp":     testScaleUp,
	"Leave":       testLeave,
	"Outage":      testOutage,
	"SetAside":    testSetAside,
	"OverLong":    testOverLong,
	"BadHeader":   testBadHeader,
	"OtherGroups": testOtherGroups,
	"Lag":         testLag,
	"Made":        testMade,
}

func TestBehaviour(t *testing.T) {
	t.Parallel()
	for name, run := range behaviours {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, strings.TrimPrefix(fake(t), "kafka://"), fresh())
		})
	}
}

// fresh returns options under which all topics and groups of a shared broker are new.
func fresh() kafka.Options {
	return kafka.Options{Prefix: rand.Text()[:8] + ".", SessionTimeout: time.Second}
}

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

// testScaleUp lets a second member join while the first one's handlers run, for longer than a session lasts: nobody is expelled, no handler
// is cancelled, what stays with its member is not delivered again, and both get some of what comes next.
func testScaleUp(t *testing.T, broker string, o kafka.Options) {
	first, second := opened(t, broker, o), opened(t, broker, o)
	a, b := newTally(), newTally()
	release := make(chan struct{})
	held := numbers("held ", 8)
	stopFirst := subscribe(t, first, "t", "g", 20, func(ctx context.Context, m queue.Message) error {
		if v := string(m.Value); strings.HasPrefix(v, "held") {
			a.add(v)
			select {
			case <-release:
			case <-ctx.Done():
				t.Error("a rebalance cancelled a handler")
			}
			return nil
		}
		return a.handle(ctx, m)
	})
	publish(t, first, "t", held...)
	a.await(t, "all handlers run", all(held...))
	subscribe(t, second, "t", "g", 20, b.handle)
	b.await(t, "the second member has partitions", func(got map[string]int) bool { return len(got) > 0 })
	time.Sleep(3 * o.SessionTimeout / 2) // nothing must happen: heartbeats go on beside the handlers
	moved := 0
	for _, v := range held {
		n := a.count(v) + b.count(v)
		if a.count(v) != 1 {
			t.Errorf("%q was delivered %d times to the member that has it in hand, want once", v, a.count(v))
		}
		if n > 2 {
			t.Errorf("%q was delivered %d times", v, n)
		}
		moved += b.count(v)
	}
	if moved == 0 || moved == len(held) {
		t.Errorf("%d of %d messages in hand came to the new member too, want those of the partitions that moved", moved, len(held))
	}
	publish(t, first, "t", numbers("next ", 40)...)
	b.await(t, "both share what comes next", func(got map[string]int) bool { return len(got) >= moved+20 })
	a.await(t, "both share what comes next", func(got map[string]int) bool { return len(got) >= len(held)+20 })
	close(release)
	stopFirst()
	publish(t, second, "t", numbers("last ", 20)...)
	b.await(t, "the member that stays gets everything", all(numbers("last ", 20)...))
}

// testLeave stops a member whose first message is not finished: the next one gets what was not committed, which is less than all.
func testLeave(t *testing.T, broker string, o kafka.Options) {
	q := opened(t, broker, o)
	a, b := newTally(), newTally()
	values := append([]string{"held"}, numbers("", 40)...)
	publish(t, q, "t", values...)
	stop := subscribe(t, q, "t", "g", 4, func(ctx context.Context, m queue.Message) error {
		a.add(string(m.Value))
		if string(m.Value) == "held" {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	})
	a.await(t, "all are delivered", all(values...))
	stop()
	subscribe(t, q, "t", "g", 4, b.handle)
	b.await(t, "what was not finished is delivered again", all("held"))
	publish(t, q, "t", "end")
	b.await(t, "the end", all("end"))
	b.mu.Lock()
	defer b.mu.Unlock()
	if again, most := len(b.got)-1, len(values)/2; again > most {
		t.Errorf("%d of %d messages came again, want those of one partition of four, %d at most", again, len(values), most)
	}
}

// testOutage has a handler fail as it does when its peers are away: far more often than MaxAttempts, and still nothing is set aside.
func testOutage(t *testing.T, broker string, o kafka.Options) {
	o.MaxAttempts = 2
	q := opened(t, broker, o)
	got := newTally()
	subscribe(t, q, "t", "g", 2, func(_ context.Context, m queue.Message) error {
		if got.add(string(m.Value)) < 6 {
			return errs.Newf(errs.Unavailable, "not now")
		}
		got.add("done " + string(m.Value))
		return nil
	})
	publish(t, q, "t", "a", "b", "c")
	got.await(t, "all are done in the end", all("done a", "done b", "done c"))
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

// testSetAside has handlers fail in each way that ends in the dead topic: it holds the message and the reason, without what is private.
func testSetAside(t *testing.T, broker string, o kafka.Options) {
	for _, test := range []struct {
		name       string
		handle     queue.Handler
		deliveries int
		reason     string
	}{
		{"attempts", func(context.Context, queue.Message) error { return errors.New("password is xyzzy") }, 3, "3 attempts failed, the last one with unknown: internal error"},
		{"coded", func(context.Context, queue.Message) error {
			return errs.New(errs.Internal, "no luck", errors.New("password is xyzzy"))
		}, 3, "3 attempts failed, the last one with internal: no luck"},
		{"refused", func(context.Context, queue.Message) error {
			return errs.New(errs.InvalidArgument, "not a task", errors.New("password is xyzzy"))
		}, 1, "not a task"},
		{"panic", func(context.Context, queue.Message) error { panic("password is xyzzy") }, 1, "the handler panicked"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := o
			o.MaxAttempts = 3
			q := opened(t, broker, o)
			got := newTally()
			subscribe(t, q, test.name, "g", 1, func(ctx context.Context, m queue.Message) error {
				got.add(string(m.Value))
				if string(m.Value) == "bad" {
					return test.handle(ctx, m)
				}
				return nil
			})
			if err := q.Publish(t.Context(), test.name, queue.Message{Key: "k", Value: []byte("bad")}, queue.Message{Key: "k", Value: []byte("good")}); err != nil {
				t.Fatal(err)
			}
			got.await(t, "the others are not held up", all("good"))
			m, h := dead(t, broker, o.Prefix+test.name)
			if string(m.Key) != "k" || string(m.Value) != "bad" {
				t.Errorf("the dead topic holds key %q, value %q", m.Key, m.Value)
			}
			if h["gelato-reason"] != test.reason {
				t.Errorf("reason: got %q, want %q", h["gelato-reason"], test.reason)
			}
			if h["gelato-topic"] != o.Prefix+test.name || h["gelato-group"] != o.Prefix+"g" || h["gelato-offset"] == "" || h["gelato-partition"] == "" || h["gelato-size"] != "4" {
				t.Errorf("headers: got %v", h)
			}
			if n := got.count("bad"); n != test.deliveries {
				t.Errorf("it was delivered %d times, want %d", n, test.deliveries)
			}
			if strings.Contains(fmt.Sprint(h), "xyzzy") {
				t.Errorf("the headers hold a private cause: %v", h)
			}
		})
	}
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

// testOverLong has another program publish more than handlers take: it is set aside without its value.
func testOverLong(t *testing.T, broker string, o kafka.Options) {
	q := opened(t, broker, o)
	publish(t, q, "t", "first")
	foreign(t, broker, kafkago.Message{Topic: o.Prefix + "t", Value: []byte(strings.Repeat("x", 2000))})
	publish(t, q, "t", "last")
	o.MaxMessageBytes = 1000
	got := newTally()
	subscribe(t, opened(t, broker, o), "t", "g", 1, got.handle)
	got.await(t, "the others come", all("first", "last"))
	m, h := dead(t, broker, o.Prefix+"t")
	if want := "the message has 2000 bytes, more than 1000"; h["gelato-reason"] != want || h["gelato-size"] != "2000" || len(m.Value) != 0 {
		t.Errorf("got reason %q, size %s, %d bytes of value; want %q, 2000, 0", h["gelato-reason"], h["gelato-size"], len(m.Value), want)
	}
}

// testBadHeader has another program publish a count that is none.
func testBadHeader(t *testing.T, broker string, o kafka.Options) {
	q := opened(t, broker, o)
	publish(t, q, "t", "first")
	foreign(t, broker, kafkago.Message{Topic: o.Prefix + "t", Value: []byte("v"), Headers: []kafkago.Header{{Key: "gelato-failures", Value: []byte("many")}, {Key: "other", Value: []byte("kept out")}}})
	got := newTally()
	subscribe(t, q, "t", "g", 1, got.handle)
	got.await(t, "the others come", all("first"))
	if m, h := dead(t, broker, o.Prefix+"t"); h["gelato-reason"] != "the header gelato-failures is not a number" || string(m.Value) != "v" {
		t.Errorf("got %q, reason %q", m.Value, h["gelato-reason"])
	}
}

// testOtherGroups has a message fail in one group: the other one gets it once only.
func testOtherGroups(t *testing.T, broker string, o kafka.Options) {
	q := opened(t, broker, o)
	a, b := newTally(), newTally()
	subscribe(t, q, "t", "a", 1, func(_ context.Context, m queue.Message) error {
		if n := a.add(string(m.Value)); n < 4 && string(m.Value) == "twice" {
			return errors.New("not yet")
		}
		return nil
	})
	subscribe(t, q, "t", "b", 1, b.handle)
	publish(t, q, "t", "twice")
	a.await(t, "it is delivered again", func(got map[string]int) bool { return got["twice"] == 4 })
	b.await(t, "the other group gets it", all("twice"))
	publish(t, q, "t", numbers("end ", 8)...)
	b.await(t, "the end", all(numbers("end ", 8)...))
	if n := b.count("twice"); n != 1 {
		t.Errorf("the other group got it %d times, want once", n)
	}
}

// testLag watches the metrics while a handler is stuck and after.
func testLag(t *testing.T, broker string, o kafka.Options) {
	r := prometheus.NewPedanticRegistry()
	o.Registerer, o.Partitions = r, 1
	q := opened(t, broker, o)
	publish(t, q, "t", numbers("", 10)...)
	release := make(chan struct{})
	subscribe(t, q, "t", "g", 1, func(context.Context, queue.Message) error { <-release; return nil })
	awaitMetric(t, r, "gelato_queue_lag", 10)
	awaitMetric(t, r, "gelato_queue_handlers", 1)
	close(release)
	awaitMetric(t, r, "gelato_queue_lag", 0)
	awaitMetric(t, r, "gelato_queue_deliveries_total", 10)
	awaitMetric(t, r, "gelato_queue_published_total", 10)
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

// testMade asks for the topics that were made, and makes them once more.
func testMade(t *testing.T, broker string, o kafka.Options) {
	o.Partitions, o.Retention = 7, time.Hour
	publish(t, opened(t, broker, o), "t", "x")
	o.Partitions = 3
	publish(t, opened(t, broker, o), "t", "y") // one that exists is used as it is
	c := &kafkago.Client{Addr: kafkago.TCP(broker), Transport: &kafkago.Transport{MetadataTopics: []string{o.Prefix + "t"}}}
	meta, err := c.Metadata(t.Context(), &kafkago.MetadataRequest{Topics: []string{o.Prefix + "t"}})
	if err != nil || len(meta.Topics) != 1 || len(meta.Topics[0].Partitions) != 7 {
		t.Errorf("partitions: got %+v, %v; want 7", meta, err)
	}
	configs, err := c.DescribeConfigs(t.Context(), &kafkago.DescribeConfigsRequest{Resources: []kafkago.DescribeConfigRequestResource{{
		ResourceType: kafkago.ResourceTypeTopic, ResourceName: o.Prefix + "t", ConfigNames: []string{"retention.ms"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range configs.Resources[0].ConfigEntries {
		if e.ConfigName == "retention.ms" && e.ConfigValue != "3600000" {
			t.Errorf("retention.ms: got %s, want 3600000", e.ConfigValue)
		}
	}
}
