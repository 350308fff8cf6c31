package testbed

import (
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// MongoOptions changes how Mongo starts its server. The zero value is good.
type MongoOptions struct {
	Dir string // kept after the test; empty: a temporary one
}

// MongoServer is a running stand-in for mongod: mongo-java-server on its H2 backend, made durable and ordered as internal/testbed/mongoserver
// says. It is no replica set, knows no users, and ignores write and read concerns.
type MongoServer struct {
	Addr string // "127.0.0.1:PORT", the same after Restart

	t    testing.TB
	cmd  []string
	proc *Process
}

// Mongo starts a server of its own for the test and waits until it takes connections.
func Mongo(t testing.TB, o MongoOptions) *MongoServer {
	t.Helper()
	jars := Jars(t, "mongo", "server")
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s := &MongoServer{t: t}
	t.Cleanup(s.Stop)
	for attempt := 0; ; attempt++ { // the port may be taken between finding and using it
		port := strconv.Itoa(FreePort(t))
		s.Addr = net.JoinHostPort("127.0.0.1", port)
		s.cmd = []string{"java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(jars, "*"), "Server", "127.0.0.1", port, filepath.Join(o.Dir, "mongo.mv")}
		err := s.start()
		if err == nil {
			return s
		}
		if !errors.Is(err, ErrExited) || attempt == 5 {
			t.Fatalf("start the MongoDB stand-in: %v", err)
		}
	}
}

// URL returns the address of a database of the server, as mongo.Open takes it.
func (s *MongoServer) URL(database string) string { return "mongodb://" + s.Addr + "/" + database }

func (s *MongoServer) start() error {
	p, err := Start(exec.Command(s.cmd[0], s.cmd[1:]...))
	if err != nil {
		return err
	}
	if err := p.WaitReady(s.accepts); err != nil {
		p.Kill()
		return err
	}
	s.proc = p
	return nil
}

func (s *MongoServer) accepts() error {
	c, err := net.DialTimeout("tcp", s.Addr, 5*time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}

// Process returns the running server process, nil while stopped.
func (s *MongoServer) Process() *Process { return s.proc }

// Stop ends the server; connections to its port are refused from now on.
func (s *MongoServer) Stop() {
	if s.proc != nil {
		s.proc.Stop()
		s.proc = nil
	}
}

// Kill ends the server with SIGKILL, as a crash would.
func (s *MongoServer) Kill() {
	if s.proc != nil {
		s.proc.Kill()
		s.proc = nil
	}
}

// Restart starts the server again on the same port and data, after stopping it if it runs.
func (s *MongoServer) Restart() {
	s.t.Helper()
	s.Stop()
	if err := s.start(); err != nil {
		s.t.Fatalf("restart the MongoDB stand-in: %v", err)
	}
}

// Pause freezes the server: it accepts connections and answers nothing, as a hanging one does.
func (s *MongoServer) Pause() { s.act((*Process).Pause) }

// Resume ends a Pause.
func (s *MongoServer) Resume() {
	s.act(func(p *Process) error { return p.Signal(syscall.SIGCONT) })
}

func (s *MongoServer) act(f func(*Process) error) {
	s.t.Helper()
	if s.proc == nil {
		s.t.Fatal("the server is stopped")
	}
	if err := f(s.proc); err != nil {
		s.t.Fatalf("signal the MongoDB stand-in: %v", err)
	}
}
