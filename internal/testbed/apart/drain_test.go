package apart

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
)

// TestDrain ends services while they work. First s3 alone, with a download under way that its client takes slowly: health and readiness go at once,
// the download is finished, and the process ends well. Then everything at once in the middle of a job, whose events are watched: all end well in
// time, and the job goes on after another start.
func TestDrain(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c := testbed.StartCluster(t, testbed.ClusterOptions{Datamovers: 2, Flags: map[string][]string{"dataflow": {"--lease-ttl", "3s"}}})
	const objects = 1200
	stage(ctx, t, &c.Front, c.Dir, objects)
	wrongKey(ctx, t, c)
	slowDownload(ctx, t, c)

	job, err := c.Relocate(ctx, "away", bucket, "second")
	if err != nil {
		t.Fatal(err)
	}
	for {
		j, err := c.Job(ctx, job)
		if err != nil {
			t.Fatal(err)
		}
		if j.Over() {
			t.Fatalf("the job is over before anything could be drained: %+v", j)
		}
		if j.PassedCount > 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	events, err := c.Stream(ctx, http.MethodGet, "jobs/"+job+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	start := time.Now()
	if err := c.Drain(drainLimit, c.Names()...); err != nil {
		t.Error(err)
	}
	t.Logf("all drained within %v", time.Since(start))
	if _, err := io.Copy(io.Discard, events); err != nil {
		t.Errorf("the stream of events broke off: %v", err)
	}
	if err := c.Restart(c.Names()...); err != nil {
		t.Fatal(err)
	}
	j, err := c.WaitJob(ctx, job, 50*time.Millisecond, nil)
	if err != nil || j.Status != "succeeded" || j.PassedCount != objects+1 || j.FailedCount != 0 {
		t.Errorf("got job %+v, %v; want %d objects moved", j, err, objects+1)
	}
	if err := get(ctx, &c.Front, objects); err != nil {
		t.Error(err)
	}
}

// wrongKey starts a service with another master key than the others have.
func wrongKey(ctx context.Context, t *testing.T, c *testbed.Cluster) {
	t.Helper()
	key := filepath.Join(c.Dir, "other.key")
	if err := os.WriteFile(key, []byte(strings.Repeat("5a", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, testbed.GelatoBinary(t), "serve", "backend", "--config", filepath.Join(c.Dir, "backend.yaml"),
		"--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--master-key-file", key)
	out, err := cmd.CombinedOutput()
	if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != 1 || !strings.Contains(string(out), "the master key is not the one that the secrets in the state are sealed with") {
		t.Errorf("with another master key: got %v\n%s", err, out)
	}
}

// slowDownload ends s3 during a download, and starts it again.
func slowDownload(ctx context.Context, t *testing.T, c *testbed.Cluster) {
	t.Helper()
	large := bytes.Repeat([]byte("0123456789abcdef"), 2<<20) // 32 MiB: more than sockets hold
	if err := c.Client().Put(ctx, bucket, "large", large); err != nil {
		t.Fatal(err)
	}
	resp, err := c.Client().Get(ctx, bucket, "large")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	s3 := c.Process("s3")
	if err := s3.Signal(syscall.SIGTERM); err != nil { // once: a second one ends the process at once
		t.Fatal(err)
	}
	for { // the signal takes a moment
		status, body, err := ask(ctx, c.At("s3", "ops")+"/readyz")
		if err != nil {
			t.Fatalf("ask for readiness while draining: %v", err)
		}
		if status == http.StatusServiceUnavailable && strings.Contains(body, "draining") {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	health := exec.CommandContext(ctx, testbed.GelatoBinary(t), "health", "s3", "--address", c.At("s3", "grpc"), "--token-file", filepath.Join(c.Dir, "token"))
	if out, err := health.CombinedOutput(); err == nil || !strings.Contains(string(out), "NOT_SERVING") {
		t.Errorf("health while draining: got %v\n%s, want NOT_SERVING", err, out)
	}
	rest, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(rest, large[1:]) {
		t.Errorf("the download that was under way: got %d bytes, %v; want %d", len(rest), err, len(large)-1)
	}
	select {
	case <-s3.Done():
		if err := s3.Err(); err != nil {
			t.Errorf("s3 ended with %v\n%s", err, s3.Output())
		}
	case <-time.After(drainLimit):
		t.Errorf("s3 is not drained after %v", drainLimit)
	}
	if err := c.Restart("s3"); err != nil {
		t.Fatal(err)
	}
}
