package testbed_test

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
)

// TestMain lets this test binary play other parts: a test process that starts a child and hangs, that child, and a package whose tests
// share a server.
func TestMain(m *testing.M) {
	switch os.Getenv("TESTBED_ROLE") {
	case "parent":
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "TESTBED_ROLE=child")
		p, err := testbed.Start(cmd)
		if err != nil {
			panic(err)
		}
		fmt.Println(p.PID())
		select {}
	case "child":
		time.Sleep(time.Hour)
	case "shared":
		os.Exit(shared.Main(m))
	default:
		os.Exit(m.Run())
	}
}

func TestChildDiesWithKilledTestProcess(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TESTBED_ROLE=parent")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	parent, err := testbed.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child := strings.TrimSpace(line)
	if !running(child) {
		t.Fatalf("child %s does not run", child)
	}
	parent.Kill()
	for deadline := time.Now().Add(20 * time.Second); running(child); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("child %s outlives the killed process", child)
		}
	}
}

// running says whether a process exists and is not a zombie.
func running(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func TestWaitReadyReportsExit(t *testing.T) {
	t.Parallel()
	p, err := testbed.Start(exec.Command("sh", "-c", "echo no luck; exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	err = p.WaitReady(func() error { return errors.New("not yet") })
	if !errors.Is(err, testbed.ErrExited) || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("got %v, want ErrExited with the output", err)
	}
}

func TestVersity(t *testing.T) {
	t.Parallel()
	s := testbed.Versity(t, testbed.VersityOptions{})
	ask := func() error {
		c := http.Client{Timeout: 200 * time.Millisecond}
		defer c.CloseIdleConnections()
		resp, err := c.Get(s.Endpoint + "/")
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := ask(); err != nil {
		t.Fatalf("after start: %v", err)
	}
	s.Pause()
	if err := ask(); !os.IsTimeout(err) {
		t.Errorf("paused: got %v, want a timeout", err)
	}
	s.Resume()
	s.Stop()
	if err := ask(); err == nil || os.IsTimeout(err) {
		t.Errorf("stopped: got %v, want a refused connection", err)
	}
	s.Restart()
	if err := s.Process().WaitReady(ask); err != nil {
		t.Errorf("after restart: %v", err)
	}
}

func TestMissingBinary(t *testing.T) {
	t.Setenv("GELATO_TEST_BIN_DIR", t.TempDir())
	for _, c := range []struct{ short, want string }{
		{"1", "skip: needs the server \"nosuch\", left out by GELATO_TEST_SHORT=1"},
		{"", "fatal: no test server \"nosuch\": run make testbed"},
	} {
		t.Setenv("GELATO_TEST_SHORT", c.short)
		fake := &recorder{TB: t}
		func() {
			defer func() { _ = recover() }()
			testbed.Binary(fake, "nosuch")
		}()
		if !strings.HasPrefix(fake.said, c.want) {
			t.Errorf("short %q: got %q, want %q", c.short, fake.said, c.want)
		}
	}
}

// recorder notes how a test was ended instead of ending it.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Skipf(f string, a ...any)  { r.said = "skip: " + fmt.Sprintf(f, a...); panic(r) }
func (r *recorder) Fatalf(f string, a ...any) { r.said = "fatal: " + fmt.Sprintf(f, a...); panic(r) }
