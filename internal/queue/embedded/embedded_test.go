package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/queue/embedded"
	"github.com/opensds/gelato/internal/queue/queuetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	queuetest.Run(t, queuetest.Harness{Open: func(*testing.T) queue.Queue {
		return embedded.New(embedded.Options{MinBackoff: time.Millisecond})
	}})
}

// TestFull fills a group whose handler is stuck: Publish waits, until its context ends or there is room.
func TestFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := embedded.New(embedded.Options{Capacity: 3})
		release := make(chan struct{})
		go q.Subscribe(t.Context(), "t", "g", 1, func(context.Context, queue.Message) error { <-release; return nil })
		synctest.Wait()
		for i := range 3 {
			if err := q.Publish(t.Context(), "t", queue.Message{Key: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.Publish(ctx, "t", queue.Message{}); !errs.Is(err, errs.DeadlineExceeded) {
			t.Errorf("publish to a full group: got %v, want DeadlineExceeded", err)
		}
		published := make(chan error, 1)
		go func() { published <- q.Publish(t.Context(), "t", queue.Message{}) }()
		synctest.Wait()
		select {
		case err := <-published:
			t.Fatalf("publish to a full group returned %v, want it to wait", err)
		default:
		}
		close(release)
		if err := <-published; err != nil {
			t.Errorf("publish once there is room: %v", err)
		}
		q.Close()
	})
}

// TestNobody publishes to a topic without any group: it never blocks, and the first group gets the newest.
func TestNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := embedded.New(embedded.Options{Capacity: 3})
		for i := range 10 {
			if err := q.Publish(t.Context(), "t", queue.Message{Key: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
		got := ""
		go q.Subscribe(t.Context(), "t", "g", 1, func(_ context.Context, m queue.Message) error { got += m.Key; return nil })
		synctest.Wait()
		if want := "789"; got != want {
			t.Errorf("got messages %q, want %q", got, want)
		}
		q.Close()
	})
}

// TestBackoff watches the waits between the deliveries of a message that keeps failing, and that others are not held up.
func TestBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := embedded.New(embedded.Options{MinBackoff: time.Second, MaxBackoff: 5 * time.Second})
		var at []time.Time
		others := 0
		go q.Subscribe(t.Context(), "t", "g", 1, func(_ context.Context, m queue.Message) error {
			if m.Key == "good" {
				others++
				return nil
			}
			at = append(at, time.Now())
			return errors.New("no")
		})
		synctest.Wait()
		if err := q.Publish(t.Context(), "t", queue.Message{Key: "bad"}, queue.Message{Key: "good"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if others != 1 {
			t.Errorf("got %d other messages, want 1 at once", others)
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		q.Close()
		want := []time.Duration{1, 2, 4, 5, 5}
		if len(at) < len(want) {
			t.Fatalf("got %d deliveries, want at least %d", len(at), len(want))
		}
		for i, seconds := range want[:len(want)-1] {
			got, most := at[i+1].Sub(at[i]), seconds*time.Second
			if got > most || got < most*3/4 {
				t.Errorf("wait %d: got %v, want %v to %v", i, got, most*3/4, most)
			}
		}
	})
}

func TestTooBig(t *testing.T) {
	t.Parallel()
	q := embedded.New(embedded.Options{MaxMessageBytes: 10})
	defer q.Close()
	if err := q.Publish(t.Context(), "t", queue.Message{Key: "12345", Value: []byte("123456")}); !errs.Is(err, errs.InvalidArgument) {
		t.Errorf("got %v, want InvalidArgument", err)
	}
}
