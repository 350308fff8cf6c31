package kafka_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/queue/kafka"
)

// cluster starts a broker within this process that can be told to fail.
func cluster(t *testing.T) (c *kfake.Cluster, broker string) {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, c.ListenAddrs()[0]
}

// TestDoubled loses the answer to a publish that the broker carried out: it is repeated, so the message is delivered twice.
func TestDoubled(t *testing.T) {
	t.Parallel()
	c, broker := cluster(t)
	q := opened(t, broker, kafka.Options{})
	publish(t, q, "t", "first")
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.RequestTimedOut})
	publish(t, q, "t", "doubled")
	got := newTally()
	subscribe(t, q, "t", "g", 1, got.handle)
	got.await(t, "it is delivered twice", func(got map[string]int) bool { return got["doubled"] == 2 && got["first"] == 1 })
}

// TestRepeated has requests fail in ways that pass: callers notice nothing.
func TestRepeated(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]kfake.Fault{
		"publish without a leader": {Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotLeaderForPartition, Count: 3},
		"publish, too few copies":  {Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: 3},
		"publish to unknown topic": {Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.UnknownTopicOrPartition, Count: 3},
		"fetch without a leader":   {Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: 3},
		"commit":                   {Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.CoordinatorLoadInProgress, Count: 1},
		"join":                     {Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.CoordinatorNotAvailable, Count: 2},
		"heartbeat":                {Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.UnknownMemberID, Count: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, broker := cluster(t)
			c.Fault(f)
			o := kafka.Options{SessionTimeout: time.Second}
			q := opened(t, broker, o)
			publish(t, q, "t", numbers("", 20)...)
			got := newTally()
			stop := subscribe(t, q, "t", "g", 2, got.handle)
			got.await(t, "all are delivered", all(numbers("", 20)...))
			publish(t, q, "t", "more")
			got.await(t, "more is delivered", all("more"))
			stop()
			again := newTally() // what was committed does not come again
			subscribe(t, q, "t", "g", 2, again.handle)
			publish(t, q, "t", "end")
			again.await(t, "the end", all("end"))
			if n := again.count("more"); n != 0 {
				t.Errorf("a message that was handled before its member left came %d times more", n)
			}
		})
	}
}

// TestRefused has requests fail in ways that do not pass: Publish says so at once.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault kfake.Fault
		want  errs.Code
	}{
		"too large":      {kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.MessageTooLarge}, errs.InvalidArgument},
		"not allowed":    {kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed}, errs.PermissionDenied},
		"few brokers":    {kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: kerr.InvalidReplicationFactor}, errs.FailedPrecondition},
		"against policy": {kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: kerr.PolicyViolation}, errs.FailedPrecondition},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, broker := cluster(t)
			test.fault.Count = -1
			c.Fault(test.fault)
			if err := opened(t, broker, kafka.Options{}).Publish(t.Context(), "t", queue.Message{}); !errs.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// TestLostMessages deletes what a group has not read yet, as retention does: it goes on with what is there.
func TestLostMessages(t *testing.T) {
	t.Parallel()
	c, broker := cluster(t)
	q := opened(t, broker, kafka.Options{Partitions: 1})
	publish(t, q, "t", numbers("", 10)...)
	first, second := newTally(), newTally()
	var handled atomic.Int32
	stop := subscribe(t, q, "t", "g", 1, func(ctx context.Context, m queue.Message) error {
		if handled.Add(1) == 4 {
			first.add("stuck")
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	})
	first.await(t, "the first three are handled", all("stuck"))
	stop()
	if err := c.DeleteRecords("t", 0, 8); err != nil {
		t.Fatal(err)
	}
	subscribe(t, q, "t", "g", 1, second.handle)
	second.await(t, "the others come", all("8", "9"))
	if n := len(second.got); n != 2 {
		t.Errorf("got %d messages, want 2", n)
	}
}

// TestVanishedTopic deletes the topic under a member: it is made again, and the member goes on.
func TestVanishedTopic(t *testing.T) {
	t.Parallel()
	c, broker := cluster(t)
	q := opened(t, broker, kafka.Options{SessionTimeout: time.Second})
	got := newTally()
	subscribe(t, q, "t", "g", 1, got.handle)
	publish(t, q, "t", numbers("before ", 10)...)
	got.await(t, "the group is there", all(numbers("before ", 10)...))
	if err := c.DeleteTopic("t"); err != nil {
		t.Fatal(err)
	}
	publish(t, q, "t", numbers("after ", 30)...)
	got.await(t, "it goes on", all(numbers("after ", 30)...))
}

// TestCloseUnderWay closes the queue while Publish waits for a broker that is not there, and handlers run.
func TestCloseUnderWay(t *testing.T) {
	t.Parallel()
	c, broker := cluster(t)
	q := open(t, "kafka://"+broker, kafka.Options{})
	publish(t, q, "t", "a")
	started, ended := make(chan struct{}), false
	subscribed := make(chan error, 1)
	go func() {
		subscribed <- q.Subscribe(context.Background(), "t", "g", 1, func(ctx context.Context, _ queue.Message) error {
			close(started)
			<-ctx.Done()
			ended = true
			return ctx.Err()
		})
	}()
	<-started
	c.Close()
	published := make(chan error, 1)
	go func() { published <- q.Publish(context.Background(), "t", queue.Message{}) }()
	begin := time.Now()
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begin); d > 8*time.Second {
		t.Errorf("Close took %v", d)
	}
	if err := <-subscribed; err != nil || !ended {
		t.Errorf("Subscribe returned %v, handler ended %v; want nil after the handler", err, ended)
	}
	if err := <-published; !errs.Is(err, errs.Unavailable) || errors.Is(err, context.Canceled) {
		t.Errorf("Publish returned %v, want Unavailable", err)
	}
}
