package testbed

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// logsEnv names a directory that gets what the servers of failed tests logged.
const logsEnv = "GELATO_TEST_LOGS"

// shownLog is how many bytes of a server's log are printed.
const shownLog = 2 << 10

var noFileName = regexp.MustCompile(`[^\w.-]+`)

// keepLog prints the end of a server's log after its test has failed, and keeps all of it in $GELATO_TEST_LOGS.
func keepLog(t testing.TB, name, log string) {
	t.Helper()
	if log == "" {
		return
	}
	t.Logf("the end of the log of %s:\n%s", name, log[max(0, len(log)-shownLog):])
	dir := os.Getenv(logsEnv)
	if dir == "" {
		return
	}
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, noFileName.ReplaceAllString(t.Name()+"-"+name, "_")+".log"), []byte(log), 0o600)
	}
	if err != nil {
		t.Logf("keep the log of %s: %v", name, err)
	}
}

// keepLogs does so at the end of the test with each *.log in a directory. It is to be called before the servers that write there
// start, so that they have ended by then.
func keepLogs(t testing.TB, server, dir string) {
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*.log"))
		for _, file := range files {
			log, err := os.ReadFile(file)
			if err != nil {
				t.Logf("read the log of %s: %v", server, err)
				continue
			}
			keepLog(t, server+"-"+filepath.Base(file), string(log))
		}
	})
}
