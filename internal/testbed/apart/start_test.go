package apart

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
)

const drainLimit = 20 * time.Second

// TestStartDrainStartAgain starts the six in random order with the state server and the broker last, works with them, ends all of them at
// once, and starts them again: everything is there.
func TestStartDrainStartAgain(t *testing.T) {
	for name, tls := range map[string]bool{"token": false, "TLS": true} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			c := testbed.StartCluster(t, testbed.ClusterOptions{Datamovers: 2, TLS: tls, ServersLast: true})
			ready(t, c)
			const objects = 20
			stage(ctx, t, &c.Front, c.Dir, objects)
			job, err := c.Relocate(ctx, "away", bucket, "second")
			if err != nil {
				t.Fatal(err)
			}
			j, err := c.WaitJob(ctx, job, 50*time.Millisecond, nil)
			if err != nil || j.Status != "succeeded" || j.PassedCount != objects {
				t.Fatalf("got job %+v, %v; want %d objects moved", j, err, objects)
			}
			if err := get(ctx, &c.Front, objects); err != nil {
				t.Fatal(err)
			}
			if err := c.Drain(drainLimit, c.Names()...); err != nil {
				t.Fatal(err)
			}
			if err := c.Restart(c.Names()...); err != nil {
				t.Fatal(err)
			}
			ready(t, c)
			if err := get(ctx, &c.Front, objects); err != nil {
				t.Fatal(err)
			}
			if again, err := c.Job(ctx, job); err != nil || again.Status != "succeeded" || again.PassedCount != objects {
				t.Errorf("after the restart: got job %+v, %v; want it as it was", again, err)
			}
		})
	}
}

// ready asks each process for its health and metrics.
func ready(t *testing.T, c *testbed.Cluster) {
	t.Helper()
	for _, name := range c.Names() {
		for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
			if status, body, err := ask(t.Context(), c.At(name, "ops")+path); err != nil || status != http.StatusOK {
				t.Errorf("%s%s: got %d %s, %v; want 200", name, path, status, body, err)
			}
		}
	}
}
