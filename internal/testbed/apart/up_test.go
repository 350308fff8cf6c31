package apart

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
)

// TestUpOnServers runs everything in one process on a state server and a broker, moves a bucket, and starts it again with nothing but these.
func TestUpOnServers(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	mongo, kafka := testbed.Mongo(t, testbed.MongoOptions{}), testbed.Kafka(t, testbed.KafkaOptions{})
	g := testbed.StartGelato(t, testbed.GelatoOptions{Args: []string{"--state", mongo.URL("gelato"), "--queue", "kafka://" + kafka.Addr()}})
	const objects = 20
	stage(ctx, t, &g.Front, g.Data, objects)
	if _, err := os.Stat(filepath.Join(g.Data, "state")); !os.IsNotExist(err) {
		t.Errorf("got %v, want no state in the data directory", err)
	}
	job, err := g.Relocate(ctx, "away", bucket, "second")
	if err != nil {
		t.Fatal(err)
	}
	j, err := g.WaitJob(ctx, job, 50*time.Millisecond, nil)
	if err != nil || j.Status != "succeeded" || j.PassedCount != objects {
		t.Fatalf("got job %+v, %v; want %d objects moved", j, err, objects)
	}
	if code, err := g.Drain(drainLimit); err != nil || code != 0 {
		t.Errorf("drain: got exit code %d, %v", code, err)
	}
	if err := g.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := get(ctx, &g.Front, objects); err != nil {
		t.Error(err)
	}
	if again, err := g.Job(ctx, job); err != nil || again.PassedCount != objects {
		t.Errorf("after the restart: got job %+v, %v; want it as it was", again, err)
	}
	var backends struct{ Items []struct{ Name string } }
	if err := g.REST(ctx, http.MethodGet, "backends", nil, &backends); err != nil || len(backends.Items) != 2 {
		t.Errorf("got backends %v, %v; want local and second", backends.Items, err)
	}
}
