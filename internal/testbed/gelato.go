package testbed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
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
	Front
	Data string

	bin  string
	o    GelatoOptions
	mu   sync.Mutex
	proc *Process
	peak int64 // VmHWM of processes that are gone
}

// StartGelato starts `gelato up` on ports of the system's choice and waits for its ready line. It ends with the test.
func StartGelato(t testing.TB, o GelatoOptions) *Gelato {
	t.Helper()
	g := &Gelato{Front: newFront(t), Data: o.Data, bin: GelatoBinary(t), o: o}
	if g.Data == "" {
		g.Data = t.TempDir()
	}
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

// GelatoBinary returns the path of a gelato built from this repository as it is now, with the build tags of the test.
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
	path := filepath.Join(root, "bin", "testbed", "gelato"+buildTags) // each a name of its own, so that both stay current
	cmd := exec.Command("go", "build", "-tags", buildTags, "-o", path, "./cmd/gelato")
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
	p, line, err := startReady(cmd, "gelato ready ")
	if err != nil {
		return err
	}
	g.S3, g.API = field(line, "s3="), field(line, "api=")
	if g.S3 == "" || g.API == "" {
		p.Kill()
		return fmt.Errorf("ready line %q names no s3= and api=", line)
	}
	g.mu.Lock()
	g.proc = p
	g.mu.Unlock()
	return nil
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
	return g.Process().Drain(limit)
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
	now := g.Process().PeakMemory()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.peak = max(g.peak, now)
}
