package testbed

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// gelatoBinEnv names a gelato to test in place of the one built from this repository.
const gelatoBinEnv = "GELATO_TEST_GELATO"

// GelatoOptions changes how Gelato starts its process. The zero value is good.
type GelatoOptions struct {
	Data string   // kept after the test; empty: a temporary one
	Args []string // more flags, as in "--garbage-grace", "5s"
	Env  []string // more environment
}

// Gelato is a running `gelato up`: the product as its users start it.
type Gelato struct {
	S3, API string // base URLs, the same after Restart
	Access  string
	Secret  string
	Data    string

	t    testing.TB
	bin  string
	rest http.Client
	o    GelatoOptions
	mu   sync.Mutex
	proc *Process
	peak int64 // VmHWM of processes that are gone
}

// StartGelato starts `gelato up` on ports of the system's choice and waits for its ready line. It ends with the test.
func StartGelato(t testing.TB, o GelatoOptions) *Gelato {
	t.Helper()
	g := &Gelato{Access: "rootaccess", Secret: "rootsecret0123456789", Data: o.Data, t: t, bin: GelatoBinary(t), o: o}
	if g.Data == "" {
		g.Data = t.TempDir()
	}
	// No connection is kept: a restarted process must not be asked through an old one.
	g.rest = http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	t.Cleanup(func() {
		g.Stop()
		if t.Failed() && g.Process() != nil {
			t.Logf("the last output of gelato, without requests:\n%s", quiet(g.Process().Output()))
		}
	})
	if err := g.start("127.0.0.1:0", "127.0.0.1:0"); err != nil {
		t.Fatalf("start gelato: %v", err)
	}
	return g
}

// quiet leaves out the access lines of a log.
func quiet(log string) string {
	var b strings.Builder
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "level=INFO msg=request ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// GelatoBinary returns the path of a gelato built from this repository as it is now.
func GelatoBinary(t testing.TB) string {
	t.Helper()
	if path := os.Getenv(gelatoBinEnv); path != "" {
		return path
	}
	path, err := buildGelato()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// buildGelato builds once a test process; the go command leaves a binary that is current alone.
var buildGelato = sync.OnceValues(func() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", "testbed", "gelato")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/gelato")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build gelato: %w\n%s", err, out)
	}
	return path, nil
})

// start runs the process and reads its ready line.
func (g *Gelato) start(s3, api string) error {
	args := append([]string{"up", "--data", g.Data, "--s3-listen", s3, "--api-listen", api}, g.o.Args...)
	cmd := exec.Command(g.bin, args...)
	cmd.Dir = g.Data
	cmd.Env = append(append(os.Environ(), "GELATO_ROOT_ACCESS_KEY="+g.Access, "GELATO_ROOT_SECRET_KEY="+g.Secret), g.o.Env...)
	stdout, w, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout = w
	p, err := Start(cmd)
	w.Close()
	if err != nil {
		stdout.Close()
		return err
	}
	ready := make(chan string, 1)
	go func() { // ends when the process does
		defer stdout.Close()
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if line := lines.Text(); strings.HasPrefix(line, "gelato ready ") {
				ready <- line
				break
			}
		}
		_, _ = io.Copy(io.Discard, stdout)
	}()
	select {
	case line := <-ready:
		g.S3, g.API = field(line, "s3="), field(line, "api=")
		if g.S3 == "" || g.API == "" {
			p.Kill()
			return fmt.Errorf("ready line %q names no s3= and api=", line)
		}
	case <-p.Done():
		return fmt.Errorf("%w: %v\n%s", ErrExited, p.Err(), p.Output())
	case <-time.After(readyTimeout):
		p.Kill()
		return fmt.Errorf("no ready line within %v\n%s", readyTimeout, p.Output())
	}
	g.mu.Lock()
	g.proc = p
	g.mu.Unlock()
	return nil
}

// field returns the word after name in a line.
func field(line, name string) string {
	for word := range strings.FieldsSeq(line) {
		if v, ok := strings.CutPrefix(word, name); ok {
			return v
		}
	}
	return ""
}

// Process returns the current process, or the last one.
func (g *Gelato) Process() *Process {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.proc
}

// Kill ends the process with SIGKILL, as a power cut would end it.
func (g *Gelato) Kill() {
	g.remember()
	g.Process().Kill()
}

// Stop ends the process with SIGTERM; one that has ended is left alone.
func (g *Gelato) Stop() {
	if g.Process() != nil {
		g.remember()
		g.Process().Stop()
	}
}

// Drain sends SIGTERM and returns the exit code, an error if the process does not end within limit.
func (g *Gelato) Drain(limit time.Duration) (int, error) {
	g.remember()
	p := g.Process()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	select {
	case <-p.Done():
	case <-time.After(limit):
		return 0, fmt.Errorf("still running %v after SIGTERM", limit)
	}
	if err := p.Err(); err != nil {
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			return e.ExitCode(), nil
		}
		return 0, err
	}
	return 0, nil
}

// Restart starts the process again on the same data and the same ports, after stopping it if it runs.
func (g *Gelato) Restart() error {
	g.Stop()
	return g.start(strings.TrimPrefix(g.S3, "http://"), strings.TrimPrefix(g.API, "http://"))
}

// PeakMemory returns the largest resident set (VmHWM) in bytes of this process and those before it.
func (g *Gelato) PeakMemory() int64 {
	g.remember()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.peak
}

// remember folds the process's peak memory into g.peak: it is gone with the process.
func (g *Gelato) remember() {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.Process().PID()))
	if err != nil {
		return // it has ended
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			if err == nil {
				g.mu.Lock()
				g.peak = max(g.peak, kib<<10)
				g.mu.Unlock()
			}
		}
	}
}

// CPU returns the processor time, user and system, that the process has used; 0 once it has ended.
func (p *Process) CPU() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest) // from field 3 of proc(5) on: utime is 14, stime 15, in hundredths of a second
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// Endpoint returns the S3 endpoint with the root credentials.
func (g *Gelato) Endpoint() s3lite.Endpoint {
	return s3lite.Endpoint{URL: g.S3, Access: g.Access, Secret: g.Secret, Region: "us-east-1"}
}

// Client returns an S3 client with the root credentials.
func (g *Gelato) Client() *s3lite.Client { return client(g.t, g.Endpoint()) }

// S3 returns the server's endpoint with its credentials.
func (s *S3Server) S3() s3lite.Endpoint {
	return s3lite.Endpoint{URL: s.Endpoint, Access: s.Access, Secret: s.Secret, Region: s.Region}
}

// Client returns an S3 client of the server.
func (s *S3Server) Client() *s3lite.Client { return client(s.t, s.S3()) }

func client(t testing.TB, e s3lite.Endpoint) *s3lite.Client {
	t.Helper()
	c, err := s3lite.New(e)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
