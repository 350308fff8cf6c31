package kafka_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/queue/kafka"
	"github.com/opensds/gelato/internal/queue/queuetest"
)

// TestConformance runs the suite on a broker within this process.
func TestConformance(t *testing.T) {
	t.Parallel()
	queuetest.Run(t, queuetest.Harness{Open: func(t *testing.T) queue.Queue { return open(t, fake(t), kafka.Options{}) }})
}

// fake starts a broker within this process and returns its URL.
func fake(t *testing.T) string {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return "kafka://" + c.ListenAddrs()[0]
}

// open opens a queue that fails and repeats fast. The caller closes it.
func open(t *testing.T, url string, o kafka.Options) *kafka.Queue {
	t.Helper()
	if o.MinBackoff == 0 {
		o.MinBackoff, o.MaxBackoff = time.Millisecond, 100*time.Millisecond
	}
	if o.Partitions == 0 {
		o.Partitions = 4
	}
	if testing.Verbose() && o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	q, err := kafka.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	return q
}
