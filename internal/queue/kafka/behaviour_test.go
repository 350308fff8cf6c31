package kafka_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
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

// fresh returns options under which all topics and groups of a shared broker are new. Sessions are as short as a busy machine allows.
func fresh() kafka.Options {
	return kafka.Options{Prefix: rand.Text()[:8] + ".", SessionTimeout: 3 * time.Second}
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
	time.Sleep(4 * o.SessionTimeout / 3) // nothing must happen: heartbeats go on beside the handlers
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
