package rpc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/errs"
)

func tokenFile(t *testing.T, content string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
	return file
}

func tokenOf(t *testing.T, secret string) Credentials {
	t.Helper()
	c, err := Token(tokenFile(t, secret+"\n", 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var tokenA = strings.Repeat("a", minToken)

func TestTokenFilesAreChecked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, content string
		mode          os.FileMode
		want          string // in the message; empty: fine
	}{
		{"good", tokenA + "\n", 0o600, ""},
		{"read only", tokenA, 0o400, ""},
		{"readable by the group", tokenA, 0o640, "chmod 600"},
		{"short", tokenA[1:], 0o600, "at least"},
		{"empty", "", 0o600, "at least"},
		{"long", strings.Repeat("a", 5000), 0o600, "longer than"},
		{"white space inside", tokenA + " " + tokenA, 0o600, "white space"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Token(tokenFile(t, c.content, c.mode))
			if c.want == "" && err != nil || c.want != "" && !strings.Contains(errs.Public(err), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestCredentialsAreRefusedWhereTheyAreNotFit(t *testing.T) {
	t.Parallel()
	token := tokenOf(t, tokenA)
	for _, c := range []struct {
		name, addr string
		with       Credentials
		want       string
	}{
		{"token anywhere", "0.0.0.0:0", token, "loopback only"},
		{"token on every interface", ":0", token, "loopback only"},
		{"token elsewhere", "192.0.2.1:80", token, "loopback only"},
		{"token by name", "backend:80", token, "loopback only"},
		{"no such port", "127.0.0.1:99999", token, "127.0.0.1:99999"},
		{"no credentials", "127.0.0.1:0", Credentials{}, "needs TLS"},
		{"no port", "127.0.0.1", token, "HOST:PORT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if l, err := Listen(c.addr, c.with); !strings.Contains(errs.Public(err), c.want) {
				t.Errorf("listen: got %v, %v; want %q", l, err, c.want)
			}
			if conn, err := Dial("backend", []string{c.addr}, c.with, DialOptions{}); !strings.Contains(errs.Public(err), c.want) {
				t.Errorf("dial: got %v, %v; want %q", conn, err, c.want)
			}
		})
	}
}
