package testbed

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// FerretDB starts FerretDB on SQLite, commands one at a time, and returns the URLs of its databases, as mongo.Open
// takes them. It ends with the test. Its reads scan: keep collections small.
func FerretDB(t testing.TB) (url func(database string) string) {
	t.Helper()
	if Short() {
		t.Skipf("needs the server %q, left out by %s=1", "ferretdb", shortEnv)
	}
	bin := Binary(t, "ferretdb")
	dir := t.TempDir()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(bin, dir)
	cmd.Dir = dir
	cmd.Stdout = w
	p := Run(t, cmd, nil)
	w.Close()
	line := make([]byte, 256)
	n, err := r.Read(line) // ends when the process does
	addr, ok := strings.CutPrefix(strings.TrimSpace(string(line[:n])), "listening ")
	if !ok {
		t.Fatalf("start ferretdb: got %q, %v\n%s", line[:n], err, p.Output())
	}
	return func(database string) string { return "mongodb://" + addr + "/" + database }
}
