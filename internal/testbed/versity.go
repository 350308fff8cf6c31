package testbed

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// VersityOptions changes how Versity starts its server. The zero value is good.
type VersityOptions struct {
	Dir          string   // kept after the test; empty: a temporary one
	Access       string   // default "testaccess"
	Secret       string   // default "testsecret"
	VersionsDir  string   // switches bucket versioning on
	ExtraOptions []string // global ones, as in "--keep-alive": without it the server closes each connection after one answer
}

// S3Server is a running versitygw that keeps its objects as files in Dir, one directory per bucket.
type S3Server struct {
	Endpoint string // "http://127.0.0.1:PORT", the same after Restart
	Region   string
	Access   string
	Secret   string
	Dir      string

	t    testing.TB
	bin  string
	args []string
	proc *Process
}

// Versity starts a versitygw of its own for the test and waits until it answers.
func Versity(t testing.TB, o VersityOptions) *S3Server {
	t.Helper()
	s := &S3Server{Region: "us-east-1", Access: o.Access, Secret: o.Secret, Dir: o.Dir, t: t, bin: Binary(t, "versitygw")}
	if s.Access == "" {
		s.Access = "testaccess"
	}
	if s.Secret == "" {
		s.Secret = "testsecret"
	}
	if s.Dir == "" {
		s.Dir = t.TempDir()
	}
	t.Cleanup(s.Stop)
	for attempt := 0; ; attempt++ { // the port may be taken between finding and using it
		port := FreePort(t)
		s.Endpoint = "http://127.0.0.1:" + strconv.Itoa(port)
		s.args = append([]string{"--port", "127.0.0.1:" + strconv.Itoa(port), "--region", s.Region, "--quiet"}, o.ExtraOptions...)
		s.args = append(s.args, "posix")
		if o.VersionsDir != "" {
			s.args = append(s.args, "--versioning-dir", o.VersionsDir)
		}
		s.args = append(s.args, s.Dir)
		err := s.start()
		if err == nil {
			return s
		}
		if !errors.Is(err, ErrExited) || attempt == 5 {
			t.Fatalf("start versitygw: %v", err)
		}
	}
}

func (s *S3Server) start() error {
	cmd := exec.Command(s.bin, s.args...)
	cmd.Dir = s.Dir
	// In the environment, not on the command line, so that a listing of processes does not show it.
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s.Access, "ROOT_SECRET_KEY="+s.Secret)
	p, err := Start(cmd)
	if err != nil {
		return err
	}
	if err := p.WaitReady(s.answers); err != nil {
		p.Kill()
		return err
	}
	s.proc = p
	return nil
}

// answers asks without a signature: any HTTP answer will do.
func (s *S3Server) answers() error {
	c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(s.Endpoint + "/")
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// CreateBucket makes an empty bucket: versitygw shows each directory as one.
func (s *S3Server) CreateBucket(name string) {
	s.t.Helper()
	if err := os.Mkdir(filepath.Join(s.Dir, name), 0o755); err != nil {
		s.t.Fatalf("create bucket: %v", err)
	}
}

// Process returns the running server process, nil while stopped.
func (s *S3Server) Process() *Process { return s.proc }

// Stop ends the server; connections to its port are refused from now on.
func (s *S3Server) Stop() {
	if s.proc != nil {
		s.proc.Stop()
		s.proc = nil
	}
}

// Kill ends the server with SIGKILL, as a crash would.
func (s *S3Server) Kill() {
	if s.proc != nil {
		s.proc.Kill()
		s.proc = nil
	}
}

// Restart starts the server again on the same port and directory, after stopping it if it runs.
func (s *S3Server) Restart() {
	s.t.Helper()
	s.Stop()
	if err := s.start(); err != nil {
		s.t.Fatalf("restart versitygw: %v", err)
	}
}

// Pause freezes the server: it accepts connections and answers nothing, as a hanging store does.
func (s *S3Server) Pause() { s.act((*Process).Pause) }

// Resume ends a Pause.
func (s *S3Server) Resume() {
	s.act(func(p *Process) error { return p.Signal(syscall.SIGCONT) })
}

func (s *S3Server) act(f func(*Process) error) {
	s.t.Helper()
	if s.proc == nil {
		s.t.Fatal("the server is stopped")
	}
	if err := f(s.proc); err != nil {
		s.t.Fatalf("signal versitygw: %v", err)
	}
}
