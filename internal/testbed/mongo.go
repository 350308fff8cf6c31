package testbed

import (
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
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

	Server
	cmd []string
}

// Mongo starts a server of its own for the test and waits until it takes connections.
func Mongo(t testing.TB, o MongoOptions) *MongoServer {
	t.Helper()
	jars := Jars(t, "mongo", "server")
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s := &MongoServer{}
	s.launch(t, "the MongoDB stand-in", func() {
		port := strconv.Itoa(FreePort(t))
		s.Addr = net.JoinHostPort("127.0.0.1", port)
		s.cmd = []string{"java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(jars, "*"), "Server", "127.0.0.1", port, filepath.Join(o.Dir, "mongo.mv")}
	}, s.begin)
	return s
}

// URL returns the address of a database of the server, as mongo.Open takes it.
func (s *MongoServer) URL(database string) string { return "mongodb://" + s.Addr + "/" + database }

func (s *MongoServer) begin() (*Process, error) {
	return startAnswering(exec.Command(s.cmd[0], s.cmd[1:]...), s.accepts)
}

func (s *MongoServer) accepts() error {
	c, err := net.DialTimeout("tcp", s.Addr, 5*time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}
