// Package testbed starts real servers for tests: an S3 server, and any other program as a supervised child.
//
// Only tests import it. Binaries come from the directory in GELATO_TEST_BIN_DIR, or else from bin/testbed in the repository,
// which `make testbed` fills; Ceph's programs, which it installs too, from the PATH. What is not there fails the test, so that
// no run counts as green without it; only with GELATO_TEST_SHORT=1 (make test-short: the Go toolchain alone) the test is
// skipped instead.
//
// Servers listen on 127.0.0.1 on ports of the system's choice, end with the test that started them, and die with the
// test process even when it is killed.
package testbed

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	binDirEnv = "GELATO_TEST_BIN_DIR"
	shortEnv  = "GELATO_TEST_SHORT"
)

// Short reports whether only tests that need nothing but Go should run.
func Short() bool { return os.Getenv(shortEnv) == "1" }

// Binary returns the path of a program of the testbed. When it is missing the test fails, or is skipped if Short.
func Binary(t testing.TB, name string) string {
	t.Helper()
	path, err := find(name)
	switch {
	case err == nil:
		return path
	case Short():
		t.Skipf("needs the server %q, left out by %s=1", name, shortEnv)
	default:
		t.Fatalf("no test server %q: run make testbed (%v)", name, err)
	}
	return ""
}

func find(name string) (string, error) {
	dir, err := binDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return "", fmt.Errorf("%s is not a program", path)
	}
	return path, nil
}

// Jars returns the directory of a Java program of the testbed, which has a jar whose name begins with prefix. When that is
// missing the test fails, or is skipped if Short.
func Jars(t testing.TB, name, prefix string) string {
	t.Helper()
	if Short() {
		t.Skipf("needs the server %q, left out by %s=1", name, shortEnv)
	}
	dir, err := binDir()
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, name)
	if found, _ := filepath.Glob(filepath.Join(dir, prefix+"*.jar")); len(found) == 0 {
		t.Fatalf("no test server %q: run make testbed (no %s*.jar in %s)", name, prefix, dir)
	}
	return dir
}

func binDir() (string, error) {
	if dir := os.Getenv(binDirEnv); dir != "" {
		return dir, nil
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "bin", "testbed"), nil
}

// Root returns the top directory of the repository, found upwards from the working directory of the test.
func Root() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module github.com/opensds/gelato\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no repository above %s", start)
		}
	}
}

// FreePort returns a TCP port of 127.0.0.1 that nobody listened on a moment ago. Programs that take port 0 should get that instead.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
