package clients

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
)

const (
	bigBytes  = 20 << 20
	hugeBytes = 210 << 20 // above rclone's default of 200 MiB for a single PUT
	rowLimit  = 90 * time.Second
)

// script is a command-line client with its rows in testdata.
type script struct {
	name     string
	files    []string          // in testdata, one after the other
	programs map[string]string // name in the script: program of the testbed
	version  []string
	mount    func(t *testing.T, e target, work string, env []string) // what has to be there before the first row
}

func scripts() []client {
	all := []script{
		{name: "awscli2", files: []string{"awscli", "awscli-settings", "awscli-remove"}, programs: map[string]string{"aws": "awscli2/bin/aws"}, version: []string{"aws", "--version"}},
		{name: "awscli1", files: []string{"awscli", "awscli-remove"}, programs: map[string]string{"aws": "venv/bin/aws"}, version: []string{"aws", "--version"}},
		{name: "s3cmd", files: []string{"s3cmd"}, programs: map[string]string{"s3cmd": "venv/bin/s3cmd"}, version: []string{"s3cmd", "--version"}},
		{name: "rclone", files: []string{"rclone"}, programs: map[string]string{"rclone": "rclone"}, version: []string{"rclone", "version"}},
		{name: "s5cmd", files: []string{"s5cmd"}, programs: map[string]string{"s5cmd": "s5cmd"}, version: []string{"s5cmd", "version"}},
		{name: "mc", files: []string{"mc"}, programs: map[string]string{"mc": "mc"}, version: []string{"mc", "--version"}},
		{name: "restic", files: []string{"restic"}, programs: map[string]string{"restic": "restic"}, version: []string{"restic", "version"}},
		{name: "s3fs", files: []string{"s3fs"}, version: []string{"s3fs", "--version"}, mount: mountS3fs},
	}
	var out []client
	for _, s := range all {
		out = append(out, client{name: s.name, version: s.firstLine, run: s.run})
	}
	return out
}

// environment returns the directory that holds the programs of a script under their names, and what they are configured
// with: nothing but the endpoint, the region and the credentials, and that they do not try again.
func (s script) environment(t *testing.T, e target) []string {
	t.Helper()
	bin, home := t.TempDir(), t.TempDir()
	for name, program := range s.programs {
		if err := os.Symlink(testbed.Binary(t, program), filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	host := strings.TrimPrefix(e.URL, "http://")
	s3cfg := fmt.Sprintf("[default]\naccess_key = %s\nsecret_key = %s\nhost_base = %s\nhost_bucket = %[3]s\nbucket_location = %s\nuse_https = False\nmax_retries = 1\n",
		e.Access, e.Secret, host, e.Region)
	if err := os.WriteFile(filepath.Join(home, ".s3cfg"), []byte(s3cfg), 0o600); err != nil {
		t.Fatal(err)
	}
	bucket := s.name + "-bucket"
	return []string{
		"HOME=" + home, "PATH=" + bin + ":" + os.Getenv("PATH"), "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "TMPDIR=" + t.TempDir(),
		"B=" + bucket, "E=" + e.URL, "PROXY=" + e.proxy,
		"AWS_ACCESS_KEY_ID=" + e.Access, "AWS_SECRET_ACCESS_KEY=" + e.Secret, "AWS_DEFAULT_REGION=" + e.Region, "AWS_REGION=" + e.Region,
		"AWS_ENDPOINT_URL=" + e.URL, "AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", // a retry would hide a failure
		"S3_ENDPOINT_URL=" + e.URL, // s5cmd
		"MC_HOST_t=http://" + e.Access + ":" + e.Secret + "@" + host, "MC_CONFIG_DIR=" + filepath.Join(home, ".mc"), "MC_DISABLE_PAGER=1",
		"RESTIC_REPOSITORY=s3:" + e.URL + "/" + bucket + "/repository", "RESTIC_PASSWORD=secret", "RESTIC_CACHE_DIR=" + filepath.Join(home, "cache"),
		"RCLONE_CONFIG=" + filepath.Join(home, "rclone.conf"), "RCLONE_RETRIES=1", "RCLONE_LOW_LEVEL_RETRIES=1",
		"RCLONE_CONFIG_T_TYPE=s3", "RCLONE_CONFIG_T_PROVIDER=Other", "RCLONE_CONFIG_T_ENDPOINT=" + e.URL, "RCLONE_CONFIG_T_REGION=" + e.Region,
		"RCLONE_CONFIG_T_ACCESS_KEY_ID=" + e.Access, "RCLONE_CONFIG_T_SECRET_ACCESS_KEY=" + e.Secret,
	}
}

// firstLine returns the first line of what the client says of its version.
func (s script) firstLine(t *testing.T) string {
	t.Helper()
	program := s.version[0]
	if s.programs != nil {
		program = testbed.Binary(t, s.programs[program])
	}
	out, err := exec.CommandContext(t.Context(), program, s.version[1:]...).Output()
	if err != nil {
		t.Fatalf("ask %s for its version: %v", s.name, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line[:min(len(line), 50)]
}

// run runs the rows one after the other.
func (s script) run(t *testing.T, e target, m *column) {
	env := s.environment(t, e)
	work := t.TempDir()
	writeFiles(t, work)
	if s.name == "rclone" {
		writeRandom(t, filepath.Join(work, "huge"), hugeBytes)
	}
	if s.mount != nil {
		s.mount(t, e, work, env)
	}
	prelude, err := os.ReadFile(filepath.Join("testdata", "prelude.sh"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for _, file := range s.files {
		more, err := readRows(filepath.Join("testdata", file+".sh"))
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, more...)
	}
	for _, row := range rows {
		m.run(t, row.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), rowLimit)
			defer cancel()
			cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", string(prelude)+"set -x\n"+row.text)
			cmd.Dir, cmd.Env, cmd.WaitDelay = work, env, 5*time.Second
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Run(); err != nil {
				t.Errorf("%v\n%s", err, tail(out.String(), 3000))
			}
		})
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// row is a part of a script, from a line `## name` to the next.
type row struct{ name, text string }

func readRows(path string) ([]row, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var rows []row
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "## "); ok {
			rows = append(rows, row{name: strings.TrimSpace(name)})
			continue
		}
		if len(rows) == 0 {
			return nil, fmt.Errorf("%s: commands before the first row", path)
		}
		rows[len(rows)-1].text += line
	}
	return rows, nil
}

// writeFiles makes the files that prelude.sh promises.
func writeFiles(t *testing.T, dir string) {
	t.Helper()
	files := map[string]string{
		"hello.txt": "hello\n", "empty": "", "odd/a b+c&d=e (1) 100%25 'q'.txt": "blanks, plus and ampersand", "odd/ünï/日本語.txt": "unicode",
	}
	for i := range 30 {
		files[fmt.Sprintf("tree/d%d/%sf%d", i%3, strings.Repeat("x/", i/3%3), i)] = strings.Repeat(fmt.Sprint(i), i*97)
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writeRandom(t, filepath.Join(dir, "big"), bigBytes)
}

// writeRandom writes a file of bytes that do not compress.
func writeRandom(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(f, rand.NewChaCha8(sha256.Sum256([]byte(filepath.Base(path)))), size); err != nil {
		t.Fatal(err)
	}
}
