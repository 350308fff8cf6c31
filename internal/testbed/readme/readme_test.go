package readme

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
)

func TestBlocks(t *testing.T) {
	t.Parallel()
	text := "a\n```sh\none\ntwo\n```\nb\n```\nnot\n```\n```sh tour\nthree\n```\n```go\n```\n"
	want := []Block{{3, "", "one\ntwo\n"}, {11, "tour", "three\n"}}
	if got := Blocks(text); !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// stage is a checkout with `make run` going in it.
type stage struct {
	dir         string
	env         []string
	s3          string // as the ready line says
	credentials int    // lines of credentials that it printed
}

// TestCommands follows README.md: make run, then the first migration in a second shell.
func TestCommands(t *testing.T) {
	if testbed.Short() {
		t.Skip("needs real clients")
	}
	blocks, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"make run\n", "make test\n"} {
		if len(blocks) < 2 || blocks[i].Text != want {
			t.Fatalf("README's first commands are %+v, want make run and make test", blocks)
		}
	}
	if !slices.ContainsFunc(blocks, func(b Block) bool { return b.Info == "tour" }) {
		t.Fatal("README has no block marked tour")
	}

	s := start(t)
	script := strings.ReplaceAll(Script(blocks, "run", "tour"), "http://127.0.0.1:8090", s.s3)
	cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
	cmd.Dir, cmd.Env = s.dir, s.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("README's commands: %v\n%s", err, &out)
	}
	wantMigrated(t, s.dir, out.String())
}

// wantMigrated wants a job that succeeded, after it each file of proto listed under the bucket at the end, and a blob of it below the second store's directory.
func wantMigrated(t *testing.T, dir, out string) {
	t.Helper()
	if !strings.Contains(out, "succeeded") {
		t.Fatalf("README's commands do not say that the job succeeded:\n%s", out)
	}
	var files []string
	err := filepath.WalkDir(filepath.Join(dir, "proto"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			files = append(files, rel)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files in proto, %v", len(files), err)
	}
	listing := out[strings.LastIndex(out, "succeeded"):] // the last block of the first migration
	for _, f := range files {
		if !strings.Contains(listing, " "+f+"\n") {
			t.Errorf("the last listing lacks %s:\n%s", f, listing)
		}
	}
	if !strings.Contains(listing, "second") {
		t.Errorf("the last commands do not say where the bucket is:\n%s", listing)
	}
	blobs, err := exec.CommandContext(t.Context(), "grep", "-rl", "package gelato", filepath.Join(dir, "gelato-data", "second")).Output()
	if n := strings.Count(string(blobs), "\n"); err != nil || n < len(files)/3 {
		t.Errorf("the second store holds %d of the .proto files, %v", n, err)
	}
}

// start copies the repository's files, as git would check them out, and runs `make run` there, on ports of the system's choice.
func start(t *testing.T) stage {
	t.Helper()
	s := stage{dir: t.TempDir()}
	if err := Checkout(t.Context(), s.dir); err != nil {
		t.Fatal(err)
	}
	clients := filepath.Dir(testbed.Binary(t, "venv/bin/aws"))
	s.env = append(os.Environ(), "PATH="+clients+":"+os.Getenv("PATH"), "GELATO_S3_LISTEN=127.0.0.1:0", "GELATO_API_LISTEN=127.0.0.1:0")

	build := exec.CommandContext(t.Context(), "make", "build") // make run does it too, but would spend its time limit on the compiler
	build.Dir = s.dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make build: %v\n%s", err, out)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "make-run"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("make", "run")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, s.env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a reader's Ctrl-C reaches make and its children alike
	p, err := testbed.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-p.PID(), syscall.SIGTERM)
		select {
		case <-p.Done():
		case <-time.After(30 * time.Second):
			t.Error("make run does not end after SIGTERM")
			_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
		}
	})
	ready := regexp.MustCompile(`(?m)^gelato ready s3=(\S+) api=(\S+)$`)
	err = p.WaitReady(func() error {
		text, err := os.ReadFile(log.Name())
		if err != nil {
			return err
		}
		m := ready.FindSubmatch(text)
		if m == nil {
			return fmt.Errorf("no ready line in %q", text)
		}
		s.s3 = string(m[1])
		s.env = append(s.env, "GELATO_ENDPOINT="+string(m[2]))
		s.credentials = len(regexp.MustCompile(`(?m)^GELATO_ROOT_(ACCESS|SECRET)_KEY=\S+$`).FindAll(text, -1))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.credentials != 2 {
		t.Fatalf("make run printed %d of the 2 root credentials", s.credentials)
	}
	return s
}

// TestTour wants `make tour` to end with 0.
func TestTour(t *testing.T) {
	if testbed.Short() {
		t.Skip("builds and runs the product")
	}
	root, err := testbed.Root()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "make", "tour")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make tour: %v\n%s", err, out)
	}
}
