package readme

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
)

// TestServeByHand follows README.md: the six services started one by one, then the first migration, then what the reference shows. MongoDB's
// stand-in, Kafka and the services have ports of the system's choice in place of those that README and the samples name.
func TestServeByHand(t *testing.T) {
	if testbed.Short() {
		t.Skip("needs real servers and clients")
	}
	blocks, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := Checkout(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	mongo, kafka := testbed.Mongo(t, testbed.MongoOptions{}), testbed.Kafka(t, testbed.KafkaOptions{})
	moved := map[string]string{"127.0.0.1:27017": mongo.Addr, "127.0.0.1:9092": kafka.Addr()}
	move := func(text string) string {
		return regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllStringFunc(text, func(address string) string {
			if moved[address] == "" {
				moved[address] = "127.0.0.1:" + strconv.Itoa(testbed.FreePort(t))
			}
			return moved[address]
		})
	}
	samples, err := filepath.Glob(filepath.Join(dir, "deploy", "config", "*.yaml"))
	if err != nil || len(samples) != 6 {
		t.Fatalf("%d samples, %v", len(samples), err)
	}
	for _, name := range samples {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(move(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", "export GELATO_ENDPOINT=http://"+move("127.0.0.1:8089")+"\n"+
		"trap 'kill $(jobs -p); wait' EXIT\n"+move(Script(blocks, "serve", "tour"))+"kill $(jobs -p)\nfor p in $(jobs -p); do wait $p; done\ntrap - EXIT\necho all ended well\n")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(testbed.Binary(t, "venv/bin/aws"))+":"+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that the services end with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		logs, _ := exec.CommandContext(t.Context(), "bash", "-c", `tail -n 20 "$0"/gelato-data/*.log`, dir).CombinedOutput()
		t.Fatalf("README's commands: %v\n%s\n%s", err, &out, logs)
	}
	wantMigrated(t, dir, out.String())
	for _, want := range []string{"gelato ready datamover ", "master-key-file: ", "/readyz is ready", " is serving", "all ended well"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("README's commands do not say %q:\n%s", want, &out)
		}
	}
}
