package testbed

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
)

// Shared is a server that the tests of one package share: it starts with the first test that asks for it, and ends with the
// test process.
//
//	var cluster = testbed.Shared[*testbed.CephCluster]{Start: func(t testing.TB) *testbed.CephCluster { return testbed.Ceph(t, testbed.CephOptions{}) }}
//
//	func TestMain(m *testing.M) { os.Exit(cluster.Main(m)) }
//
//	func TestIt(t *testing.T) { c := cluster.Get(t); ... }
//
// Tests must not stop, kill or pause it.
type Shared[S any] struct {
	Start func(testing.TB) S

	once   sync.Once
	owner  owner
	server S

	skipped bool
}

// Main runs the tests, ends the server, and returns the exit code.
func (s *Shared[S]) Main(m *testing.M) int {
	code := m.Run()
	s.owner.failed = code != 0
	if err := s.owner.end(); err != nil {
		fmt.Fprintln(os.Stderr, "testbed: end the shared server:", err)
		return 1
	}
	return code
}

// Get returns the server. A test that finds it did not start fails, or is skipped as the first one was.
func (s *Shared[S]) Get(t testing.TB) S {
	t.Helper()
	started := false
	s.once.Do(func() {
		s.owner.TB = t
		defer func() { s.skipped = t.Skipped() }()
		s.server = s.Start(&s.owner)
		s.owner.started, started = true, true
	})
	if s.skipped {
		t.Skip("the shared server is left out")
	}
	if !s.owner.started && !started {
		t.Fatal("the shared server did not start: see the test that asked for it first")
	}
	return s.server
}

// owner is what a server takes for its test: the first one that asked, but that lasts as long as the process.
type owner struct {
	testing.TB
	started, failed bool
	cleanups        []func()
	dirs            []string
}

func (o *owner) Cleanup(f func()) { o.cleanups = append(o.cleanups, f) }

func (o *owner) Failed() bool { return o.failed }

func (o *owner) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func (o *owner) TempDir() string {
	dir, err := os.MkdirTemp("", "testbed")
	if err != nil {
		o.Fatalf("make a temporary directory: %v", err)
	}
	o.dirs = append(o.dirs, dir)
	return dir
}

// end runs the cleanups, last first, and removes the directories.
func (o *owner) end() error {
	for i := len(o.cleanups) - 1; i >= 0; i-- {
		o.cleanups[i]()
	}
	var errs []error
	for _, dir := range o.dirs {
		errs = append(errs, os.RemoveAll(dir))
	}
	return errors.Join(errs...)
}
