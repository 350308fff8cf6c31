package docker

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
)

// Engine is a running Docker engine.
type Engine struct {
	t    testing.TB
	bin  string // of what tools/testbed-docker.sh unpacked
	host string // of its socket
	cfg  string // directory of the client's configuration
	tar  string // a Debian root file system
}

// Start starts an engine and waits until it answers. It ends with the test, its containers before it.
func Start(t testing.TB) *Engine {
	t.Helper()
	if testbed.Short() {
		t.Skip("a Docker engine is left out of the short tests")
	}
	dockerd := testbed.Binary(t, "docker/bin/dockerd")
	dir := os.Getenv(dirEnv)
	if dir == "" {
		t.Fatal("the package's TestMain does not call docker.Main")
	}
	home := filepath.Dir(filepath.Dir(dockerd))
	e := &Engine{t: t, bin: filepath.Dir(dockerd), host: "unix://" + dir + "/docker.sock", cfg: t.TempDir(), tar: filepath.Join(home, "debian.tar")}
	if err := os.Symlink(filepath.Join(home, "cli-plugins"), filepath.Join(e.cfg, "cli-plugins")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(dockerd, "--host", e.host, "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid",
		"--cgroup-parent", "/"+cgroupParent+os.Getenv(dirEnv+"_PID"), "--log-level", "error")
	cmd.Env = e.environ()
	p, err := testbed.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := e.clear(ctx); err != nil {
			t.Error(err)
		}
		p.Stop()
		if t.Failed() {
			t.Logf("the last output of dockerd:\n%s", quiet(p.Output()))
		}
	})
	if err := p.WaitReady(e.ping); err != nil {
		t.Fatalf("start the Docker engine: %v", err)
	}
	if err := e.clear(t.Context()); err != nil { // what a run that was killed left in a directory that is kept
		t.Fatal(err)
	}
	return e
}

// quiet leaves out what containerd says without a reason.
func quiet(log string) string {
	var b strings.Builder
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "level=info") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// clear removes containers and what only they need; images stay.
func (e *Engine) clear(ctx context.Context) error {
	for _, kind := range []struct{ list, remove []string }{
		{[]string{"ps", "--all", "--quiet"}, []string{"rm", "--force", "--volumes"}},
		{[]string{"volume", "ls", "--quiet"}, []string{"volume", "rm", "--force"}},
		{[]string{"network", "ls", "--quiet", "--filter", "type=custom"}, []string{"network", "rm"}},
	} {
		out, err := e.Run(ctx, kind.list...)
		if err == nil && out != "" {
			_, err = e.Run(ctx, append(kind.remove, strings.Fields(out)...)...)
		}
		if err != nil {
			return fmt.Errorf("remove what is left: %w", err)
		}
	}
	return nil
}

// ping asks the engine for a sign of life.
func (e *Engine) ping() error {
	c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(e.host, "unix://"))
		},
	}}
	resp, err := c.Get("http://docker/_ping")
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// environ is the environment in which docker means this engine.
func (e *Engine) environ() []string {
	path := strings.Join([]string{e.bin, os.Getenv("PATH"), "/usr/sbin", "/sbin"}, ":")
	return append(os.Environ(), "DOCKER_HOST="+e.host, "DOCKER_CONFIG="+e.cfg, "PATH="+path)
}

// Command prepares a command in whose environment and PATH docker means this engine.
func (e *Engine) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	if name == "docker" {
		name = filepath.Join(e.bin, name)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = e.environ()
	return cmd
}

// Run runs `docker args` and returns what it wrote to stdout; the error holds what it wrote to stderr.
func (e *Engine) Run(ctx context.Context, args ...string) (string, error) {
	cmd := e.Command(ctx, "docker", args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("docker %s: %w\n%s", strings.Join(args, " "), err, &stderr)
	}
	return stdout.String(), nil
}
