package clients

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/testbed"
)

// README's table of clients has the versions that run here.
func TestReadme(t *testing.T) {
	t.Parallel()
	root, err := testbed.Root()
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	readme, pins := read("README.md"), read("tools/testbed.sh")+read("go.mod")
	for client, pin := range map[string]string{
		"awscli 2": `AWSCLI2=([0-9.]+)-`, "awscli 1": `awscli==([0-9.]+)`, "boto3": `boto3==([0-9.]+)`, "s3cmd": `s3cmd==([0-9.]+)`,
		"AWS SDK for JavaScript v3": `client-s3@([0-9.]+)`, "AWS SDK for Go v2": `service/s3 (v[0-9.]+)`, "minio-go": `minio-go/v7 (v[0-9.]+)`,
		"mc": `minio/mc@(\S+)`, "s5cmd": `s5cmd/v2@(\S+)`, "rclone": `rclone@(\S+)`, "restic": `restic@(\S+)`,
	} {
		m := regexp.MustCompile(pin).FindStringSubmatch(pins)
		if m == nil {
			t.Errorf("%s: %s is nowhere pinned", client, pin)
			continue
		}
		line := regexp.MustCompile(`(?m)^\| ` + client + `[ (].*$`).FindString(readme)
		if !strings.HasSuffix(line, "| "+m[1]+" |") {
			t.Errorf("%s: %s runs, README says %q", client, m[1], line)
		}
	}
}
