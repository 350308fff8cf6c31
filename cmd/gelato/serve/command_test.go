package serve

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/opensds/gelato/internal/errs"
)

func execute(t *testing.T, c *cobra.Command, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&out)
	c.SilenceUsage, c.SilenceErrors = true, true
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

// TestConfig prints what comes of flags, environment and file, without passwords.
func TestConfig(t *testing.T) {
	t.Setenv("GELATO_STATE", "mongodb://gelato:hunter2@h1:27017,h2:27017/db")
	t.Setenv("GELATO_PEERS_DATAFLOW", "d1:1,d2:2")
	file := filepath.Join(t.TempDir(), "gelato.yaml")
	text := "queue: kafka://k:9092\nmaster-key-file: /m\ncluster-token-file: /t\nstate: mongodb://from-the-file/db\npeers:\n  s3: [\"s:1\"]\nlog-level: debug\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := execute(t, ConfigCommand(), "datamover", "--config", file, "--log-level", "warn")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"state: mongodb://gelato:***@h1:27017,h2:27017/db\n", "queue: kafka://k:9092\n", "  dataflow: ['d1:1', 'd2:2']\n", "  s3: ['s:1']\n",
		"  backend: ['127.0.0.1:8101']\n", "log-level: warn\n", "task-concurrency: 4\n", "tls:\n  ca: \"\"\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%swithout %q", got, want)
		}
	}
	if strings.Contains(got, "hunter2") {
		t.Errorf("the password is shown:\n%s", got)
	}
}

// TestRefusals gives bad settings, each of which is named.
func TestRefusals(t *testing.T) {
	t.Parallel()
	good := []string{"--state", "mongodb://h/db", "--master-key-file", "/m", "--cluster-token-file", "/t"}
	for _, c := range []struct {
		service string
		args    []string
		want    []string
	}{
		{"s3", nil, []string{"--state is missing", "--master-key-file is missing", "--tls-ca, --tls-cert and --tls-key to talk"}},
		{"s3", append(good, "--state", "pebble:"), []string{"--state pebble: is for gelato up"}},
		{"s3", append(good, "--state", "postgres://me:secret@h"), []string{"--state: want mongodb://"}},
		{"s3", append(good, "--queue", "kafka://h:1"), []string{"unknown flag: --queue"}},
		{"s3", append(good, "--tls-ca", "x"), []string{"--tls-ca, --tls-cert and --tls-key go together"}},
		{"s3", append(good, "--tls-ca", "x", "--tls-cert", "x", "--tls-key", "x"), []string{"exclude one another"}},
		{"s3", append(good, "--peers-api", ""), []string{"--peers-api is empty"}},
		{"s3", append(good, "--garbage-grace", "-1s", "--leader-ttl", "1ms"), []string{"--garbage-grace must not be negative", "--leader-ttl must be at least 1s"}},
		{"scheduler", good, []string{"--queue is missing"}},
		{"scheduler", append(good, "--queue", "h:1"), []string{"--queue: want kafka://"}},
		{"scheduler", append(good, "--queue", "embedded:"), []string{"--queue embedded: is for gelato up"}},
		{"datamover", append(good, "--queue", "kafka://h:1", "--part-concurrency", "0"), []string{"at least 1"}},
		{"backend", append(good, "--s3-region", ""), []string{"--s3-region must not be empty"}},
	} {
		_, err := execute(t, ConfigCommand(), append([]string{c.service}, c.args...)...)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %q: got %v, want %q", c.service, c.args, err, want)
			}
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is shown: %v", err)
		}
	}
}

// TestFilesAreLookedAtFirst starts services whose files or addresses are no good: they say so at once, without asking anything on the network.
func TestFilesAreLookedAtFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	token, key, root := filepath.Join(dir, "token"), filepath.Join(dir, "key"), filepath.Join(dir, "root")
	if err := os.WriteFile(root, []byte("GELATO_ROOT_ACCESS_KEY=access\nGELATO_ROOT_SECRET_KEY=secret12\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{token, key} {
		if err := os.WriteFile(path, []byte(strings.Repeat("ab", 32)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	common := []string{"--listen", "127.0.0.1:0", "--state", "mongodb://127.0.0.1:1/db"}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"backend", "--ops-listen", "127.0.0.1:0", "--cluster-token-file", dir + "/none", "--master-key-file", key}, "the cluster token file cannot be read"},
		{[]string{"backend", "--ops-listen", "127.0.0.1:0", "--cluster-token-file", token, "--master-key-file", dir + "/none"}, "the master key file cannot be read"},
		{[]string{"backend", "--ops-listen", "127.0.0.1:none", "--cluster-token-file", token, "--master-key-file", key}, "--ops-listen"},
		{[]string{"backend", "--ops-listen", "127.0.0.1:0", "--cluster-token-file", token, "--master-key-file", key, "--peers-s3", "nohost"}, "--peers-s3: cannot dial"},
		{[]string{"api", "--api-listen", "127.0.0.1:0", "--cluster-token-file", token, "--master-key-file", key}, "no root credentials"},
		{[]string{"api", "--api-listen", "127.0.0.1:0", "--cluster-token-file", token, "--master-key-file", key, "--root-credentials-file", root}, "chmod 600"},
	} {
		_, err := execute(t, Command(), append(c.args, common...)...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.args, err, c.want)
		}
		if err != nil && errs.Retryable(err) {
			t.Errorf("%q: got an error that may pass: %v", c.args, err)
		}
	}
}
