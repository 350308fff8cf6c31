package testbed_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/testbed"
)

// shared is a server that does nothing but say what happens to it, in the process of the role "shared".
var shared = testbed.Shared[string]{Start: func(t testing.TB) string {
	dir := t.TempDir()
	fmt.Println("started", dir)
	t.Cleanup(func() {
		_, err := os.Stat(dir)
		fmt.Println("ended with its directory:", err == nil)
	})
	return dir
}}

func TestSharedUser1(t *testing.T) { useShared(t) }

func TestSharedUser2(t *testing.T) { useShared(t) }

func useShared(t *testing.T) {
	if os.Getenv("TESTBED_ROLE") == "shared" {
		fmt.Println("used", shared.Get(t))
	}
}

func TestShared(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^TestSharedUser")
	cmd.Env = append(os.Environ(), "TESTBED_ROLE=shared")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, rest, _ := strings.Cut(string(out), "started ")
	dir, _, _ := strings.Cut(rest, "\n")
	if want := "started " + dir + "\nused " + dir + "\nused " + dir + "\nPASS\nended with its directory: true\n"; string(out) != want {
		t.Errorf("two tests with one server say\n%s\nwant\n%s", out, want)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("the directory %s is still there", dir)
	}
}
