package notify_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/queue/kafka"
	"github.com/opensds/gelato/s3/notify"
)

func TestTopic(t *testing.T) {
	t.Parallel()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	url, name, ok, err := notify.Named{Name: "k", URL: "kafka://" + broker.ListenAddrs()[0] + "/events"}.Kafka()
	if err != nil || !ok {
		t.Fatalf("got %v %v", ok, err)
	}
	q, err := kafka.Open(t.Context(), url, kafka.Options{Partitions: 1, SessionTimeout: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	target := notify.NewTopic(q, name)
	for _, body := range []string{"1", "2"} {
		if err := target.Send(t.Context(), "bucket/key", []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got := ""
	err = q.Subscribe(ctx, "events", "test", 1, func(_ context.Context, m queue.Message) error {
		if got += m.Key + " " + string(m.Value) + "\n"; len(got) >= 26 {
			cancel()
		}
		return nil
	})
	if want := "bucket/key 1\nbucket/key 2\n"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	broker.Close()
	ctx, cancel = context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := target.Send(ctx, "bucket/key", []byte("3")); err == nil {
		t.Error("a broker that is gone took an event")
	}
}
