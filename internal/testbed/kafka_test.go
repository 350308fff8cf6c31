package testbed_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/opensds/gelato/internal/testbed"
)

// TestKafka kills, restarts and freezes the server: what was acknowledged is there, on the same port.
func TestKafka(t *testing.T) {
	t.Parallel()
	s := testbed.Kafka(t, testbed.KafkaOptions{Secure: true})
	w := &kafka.Writer{Addr: kafka.TCP(s.Addr()), Topic: "t", RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond}
	defer w.Close()
	c := &kafka.Client{Addr: kafka.TCP(s.Addr())}
	if _, err := c.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: "t", NumPartitions: 1, ReplicationFactor: 1}}}); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteMessages(t.Context(), kafka.Message{Value: []byte("kept")}); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if c, err := net.Dial("tcp", s.Addr()); err == nil {
		c.Close()
		t.Error("a killed server accepts connections")
	}
	s.Restart()
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{s.Addr()}, Topic: "t"})
	defer r.Close()
	if m, err := r.ReadMessage(t.Context()); err != nil || string(m.Value) != "kept" {
		t.Errorf("after the restart: got %q, %v", m.Value, err)
	}
	s.Pause()
	quick := kafka.Dialer{Timeout: 200 * time.Millisecond}
	frozen, err := quick.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatalf("a frozen server refuses connections: %v", err)
	}
	defer frozen.Close()
	frozen.SetDeadline(time.Now().Add(200 * time.Millisecond))
	timeout := net.Error(nil)
	if _, err := frozen.Brokers(); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a frozen server: got %v, want a timeout", err)
	}
	s.Resume()
	frozen.Close()
	again, err := kafka.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if _, err := again.Brokers(); err != nil {
		t.Error(err)
	}
}
