package health

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/certs"
	"github.com/opensds/gelato/internal/rpc"
)

func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := Command()
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

func write(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func serve(t *testing.T, c rpc.Credentials) (*rpc.Server, string) {
	t.Helper()
	l, err := rpc.Listen("127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	s := rpc.NewServer(rpc.ServerOptions{Name: "backend", Credentials: c})
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		rpc.Stop(s, time.Second)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, l.Addr().String()
}

func TestAsksOverTLS(t *testing.T) {
	t.Parallel()
	a, err := certs.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "ca.crt", a.Cert)
	for _, name := range []string{"backend", "datamover"} {
		p, err := a.Issue(name, nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name+".crt", p.Cert)
		write(t, dir, name+".key", p.Key)
	}
	files := func(name string) []string {
		return []string{"--tls-ca", filepath.Join(dir, "ca.crt"), "--tls-cert", filepath.Join(dir, name+".crt"), "--tls-key", filepath.Join(dir, name+".key")}
	}
	c, err := rpc.TLS(rpc.Files{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "backend.crt"), Key: filepath.Join(dir, "backend.key")})
	if err != nil {
		t.Fatal(err)
	}
	server, addr := serve(t, c)
	want := "backend at " + addr + " is serving\n"
	for name, args := range map[string][]string{
		"by directory":                append([]string{"backend", "--tls-dir", dir}, "--address", addr),
		"of itself":                   append(files("backend"), "--address", addr),
		"with another's certificates": append(append([]string{"backend"}, files("datamover")...), "--address", addr),
	} {
		if got, err := run(t, args...); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, want)
		}
	}
	if _, err := run(t, append(files("datamover"), "--address", addr)...); err == nil || !strings.Contains(err.Error(), "gelato-datamover") {
		t.Errorf("another service answers: got %v, want its certificate refused", err)
	}
	server.SetServing(false)
	if _, err := run(t, append(files("backend"), "--address", addr)...); err == nil || !strings.Contains(err.Error(), "NOT_SERVING") {
		t.Errorf("got %v, want NOT_SERVING", err)
	}
}

func TestAsksWithToken(t *testing.T) {
	t.Parallel()
	file := write(t, t.TempDir(), "token", bytes.Repeat([]byte("t"), 32))
	c, err := rpc.Token(file)
	if err != nil {
		t.Fatal(err)
	}
	_, addr := serve(t, c)
	if got, err := run(t, "backend", "--token-file", file, "--address", addr); err != nil || got != "backend at "+addr+" is serving\n" {
		t.Errorf("got %q, %v", got, err)
	}
	other := write(t, t.TempDir(), "token", bytes.Repeat([]byte("u"), 32))
	if _, err := run(t, "backend", "--token-file", other, "--address", addr); err == nil || !strings.Contains(err.Error(), "cluster token") {
		t.Errorf("got %v, want the token refused", err)
	}
	if _, err := run(t, "--token-file", file, "--address", addr); err == nil || !strings.Contains(err.Error(), "name the service") {
		t.Errorf("got %v, want the name asked for", err)
	}
}

func TestAsksOverHTTP(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			w.WriteHeader(http.StatusServiceUnavailable)
			w.Write([]byte("state: away\n"))
		}
	}))
	defer s.Close()
	if got, err := run(t, "--url", s.URL+"/readyz"); err != nil || got != s.URL+"/readyz is ready\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := run(t, "--url", s.URL+"/other"); err == nil || !strings.Contains(err.Error(), "503 Service Unavailable: state: away") {
		t.Errorf("got %v, want 503 with its reason", err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing to ask", nil, "required"},
		{"two to ask", []string{"--address", "127.0.0.1:1", "--url", "http://127.0.0.1:1/"}, "none of the others"},
		{"no credentials", []string{"backend", "--address", "127.0.0.1:1"}, "needs"},
		{"a directory of whom", []string{"--tls-dir", t.TempDir(), "--address", "127.0.0.1:1"}, "name of the service"},
		{"no URL", []string{"--url", "127.0.0.1:80"}, "must be"},
		{"nobody listens", []string{"--url", "http://127.0.0.1:1/readyz"}, "does not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := run(t, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
