package testbed

import (
	"errors"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// Server is a real server that a test runs: what all of them have in common. It ends with the test.
type Server struct {
	t       testing.TB
	name    string
	process func() (*Process, error) // starts the process and waits until it answers; again after Restart
	proc    *Process
	killed  bool // at the end of the test, rather than stopped
}

// launch starts the server for the first time, after find has looked for free ports: they may be taken between finding and using them.
func (s *Server) launch(t testing.TB, name string, find func(), process func() (*Process, error)) {
	t.Helper()
	s.t, s.name, s.process = t, name, process
	t.Cleanup(func() {
		if s.proc != nil && t.Failed() {
			keepLog(t, name, s.proc.Output())
		}
		if s.killed {
			s.Kill()
		}
		s.Stop()
	})
	for attempt := 0; ; attempt++ {
		find()
		err := s.start()
		if err == nil {
			return
		}
		if !errors.Is(err, ErrExited) || attempt == 5 {
			t.Fatalf("start %s: %v", name, err)
		}
	}
}

func (s *Server) start() (err error) {
	s.proc, err = s.process()
	return err
}

// Process returns the running server process, nil while stopped.
func (s *Server) Process() *Process { return s.proc }

// Stop ends the server; connections to its ports are refused from now on.
func (s *Server) Stop() {
	if s.proc != nil {
		s.proc.Stop()
		s.proc = nil
	}
}

// Kill ends the server with SIGKILL, as a crash would.
func (s *Server) Kill() {
	if s.proc != nil {
		s.proc.Kill()
		s.proc = nil
	}
}

// Restart starts the server again on the same ports and data, after stopping it if it runs.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	if err := s.start(); err != nil {
		s.t.Fatalf("restart %s: %v", s.name, err)
	}
}

// Pause freezes the server: it accepts connections and answers nothing, as a hanging one does.
func (s *Server) Pause() { s.act((*Process).Pause) }

// Resume ends a Pause.
func (s *Server) Resume() {
	s.act(func(p *Process) error { return p.Signal(syscall.SIGCONT) })
}

func (s *Server) act(f func(*Process) error) {
	s.t.Helper()
	if s.proc == nil {
		s.t.Fatalf("%s is stopped", s.name)
	}
	if err := f(s.proc); err != nil {
		s.t.Fatalf("signal %s: %v", s.name, err)
	}
}

// answersHTTP asks a server without a signature: any HTTP answer will do.
func answersHTTP(endpoint string) error {
	c := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(endpoint + "/")
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
