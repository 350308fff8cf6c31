package docker_test

import (
	"os"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/testbed/docker"
)

func TestMain(m *testing.M) { docker.Main(m) }

func TestEngine(t *testing.T) {
	e := docker.Start(t)
	if os.Getpid() != 1 {
		t.Errorf("the test is process %d, want 1: it is not in a namespace of its own", os.Getpid())
	}
	if err := e.StandIn(t.Context(), "static", nil, "example.org/static:1"); err != nil {
		t.Fatal(err)
	}
	got, err := e.Run(t.Context(), "image", "inspect", "--format", "{{.Config.User}} {{.Config.WorkingDir}}", "example.org/static:1")
	if want := "65532 /home/nonroot"; err != nil || strings.TrimSpace(got) != want {
		t.Errorf("the stand-in has %q, %v, want %q", got, err, want)
	}
	got, err = e.Run(t.Context(), "run", "--rm", "--network", "none", "--memory", "64m", "gelato-test/debian", "bash", "-c", "id -u; ls /sys/class/net")
	if err != nil || got != "0\nlo\n" {
		t.Errorf("a container says %q, %v", got, err)
	}
	if out, err := e.Run(t.Context(), "run", "--rm", "example.org/none:1"); err == nil {
		t.Errorf("an image that nobody made runs: %s", out)
	}
}
