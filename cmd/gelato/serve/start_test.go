package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/cmd/gelato/assemble"
)

// TestEndWhileStarting starts each service where nothing is that it needs: it lives, is not ready, answers 503 to its users, and ends well when it is
// told to.
func TestEndWhileStarting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	token, key, root := filepath.Join(dir, "token"), filepath.Join(dir, "key"), filepath.Join(dir, "root")
	for path, text := range map[string]string{token: strings.Repeat("ab", 32), key: strings.Repeat("cd", 32),
		root: "GELATO_ROOT_ACCESS_KEY=rootaccess\nGELATO_ROOT_SECRET_KEY=rootsecret0123\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range assemble.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ops, front := free(t), free(t)
			args := []string{name, "--listen", "127.0.0.1:0", "--state", "mongodb://127.0.0.1:1/db?serverSelectionTimeoutMS=100", "--cluster-token-file", token, "--log-level", "error"}
			if name != "dataflow" {
				args = append(args, "--master-key-file", key)
			}
			switch name {
			case "api":
				ops = front
				args = append(args, "--api-listen", front, "--root-credentials-file", root)
			case "s3":
				args = append(args, "--s3-listen", front)
			case "scheduler", "datamover":
				args = append(args, "--queue", "kafka://127.0.0.1:1")
			}
			if name != "api" {
				args = append(args, "--ops-listen", ops)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			ended := make(chan error, 1)
			c := Command()
			c.SilenceUsage, c.SilenceErrors = true, true
			c.SetOut(io.Discard)
			c.SetArgs(args)
			go func() { ended <- c.ExecuteContext(ctx) }()
			for _, a := range []struct {
				url    string
				status int
				body   string
			}{
				{"http://" + ops + "/healthz", http.StatusOK, "ok"},
				{"http://" + ops + "/readyz", http.StatusServiceUnavailable, "still starting"},
				{"http://" + ops + "/metrics", http.StatusOK, "go_goroutines"},
				{"http://" + front + "/photos/a", http.StatusServiceUnavailable, "still starting"},
			} {
				if strings.Contains(a.url, front+"/photos") && name != "api" && name != "s3" {
					continue
				}
				status, body := eventually(t, a.url, ended)
				if status != a.status || !strings.Contains(body, a.body) {
					t.Errorf("%s: got %d %q, want %d %q", a.url, status, body, a.status, a.body)
				}
			}
			cancel(errors.New("signal terminated"))
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("got %v, want a good end", err)
				}
			case <-time.After(10 * time.Second):
				t.Error("it does not end")
			}
		})
	}
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// eventually asks until somebody answers.
func eventually(t *testing.T, url string, ended <-chan error) (status int, body string) {
	t.Helper()
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-ended:
			t.Fatalf("the service ended by itself: %v", err)
		default:
		}
		status, body, err := get(t.Context(), url)
		if err == nil {
			return status, body
		}
		if time.Since(start) > 20*time.Second {
			t.Fatal(err)
		}
	}
}

func get(ctx context.Context, url string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", fmt.Errorf("ask: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, string(text), err
}
