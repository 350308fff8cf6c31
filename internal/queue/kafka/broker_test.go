package kafka_test

import (
	"crypto/rand"
	"testing"

	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/queue/kafka"
	"github.com/opensds/gelato/internal/queue/queuetest"
	"github.com/opensds/gelato/internal/testbed"
)

// TestBroker is all that is proven on a real Apache Kafka, which starts once: first what goes on side by side, then what
// stops and kills it.
func TestBroker(t *testing.T) {
	s := testbed.Kafka(t, testbed.KafkaOptions{Secure: true})
	url := "kafka://" + s.Addr()
	t.Run("Together", func(t *testing.T) {
		t.Run("Conformance", func(t *testing.T) {
			t.Parallel()
			queuetest.Run(t, queuetest.Harness{Open: func(t *testing.T) queue.Queue { return open(t, url, fresh()) }})
		})
	})
}

// fresh returns options under which all topics and groups of a shared broker are new.
func fresh() kafka.Options { return kafka.Options{Prefix: rand.Text()[:8] + "."} }
