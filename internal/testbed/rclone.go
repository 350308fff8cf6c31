package testbed

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// Rclone prepares an rclone command whose remotes are the endpoints by name, as in "a:bucket/path". Nothing else configures it.
func Rclone(t testing.TB, remotes map[string]s3lite.Endpoint, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), Binary(t, "rclone"), args...)
	home := t.TempDir()
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "RCLONE_CONFIG=" + filepath.Join(home, "rclone.conf")}
	for name, e := range remotes {
		prefix := "RCLONE_CONFIG_" + strings.ToUpper(name) + "_"
		cmd.Env = append(cmd.Env, prefix+"TYPE=s3", prefix+"PROVIDER=Other", prefix+"ENDPOINT="+e.URL, prefix+"REGION="+e.Region,
			prefix+"ACCESS_KEY_ID="+e.Access, prefix+"SECRET_ACCESS_KEY="+e.Secret)
	}
	return cmd
}

// RcloneCopy copies with 16 transfers at once and without asking for the bucket; it fails the test unless all was copied.
func RcloneCopy(t testing.TB, remotes map[string]s3lite.Endpoint, from, to string) {
	t.Helper()
	cmd := Rclone(t, remotes, "copy", "--transfers", "16", "--checkers", "16", "--s3-no-check-bucket", "--retries", "1", from, to)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("rclone copy: %v\n%s", err, out)
	}
}
