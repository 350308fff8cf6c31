package certs

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/certs"
	"github.com/opensds/gelato/internal/errs"
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

func parse(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := certs.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestInitMakesWhatServicesNeed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "certs")
	out, err := run(t, "init", "--dir", dir, "--host", "db.example", "--host", "192.0.2.7")
	if err != nil {
		t.Fatal(err)
	}
	ca := parse(t, filepath.Join(dir, "ca.crt"))
	if left := time.Until(ca.NotAfter); left < certs.AuthorityLife-time.Hour || left > certs.AuthorityLife {
		t.Errorf("the authority lives for %v", left)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	for _, name := range services() {
		file := func(end string) string { return filepath.Join(dir, name+end) }
		c, err := rpc.TLS(rpc.Files{CA: filepath.Join(dir, "ca.crt"), Cert: file(".crt"), Key: file(".key")})
		if err != nil || c.Role() != name {
			t.Errorf("%s: role %q, %v", name, c.Role(), err)
		}
		cert := parse(t, file(".crt"))
		for _, host := range []string{"gelato-" + name, name, "localhost", "127.0.0.1", "::1", "db.example", "192.0.2.7"} {
			for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
				if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, KeyUsages: []x509.ExtKeyUsage{use}}); err != nil {
					t.Errorf("%s as %s: %v", name, host, err)
				}
			}
		}
		if left := time.Until(cert.NotAfter); left < certs.Life-time.Hour || left > certs.Life {
			t.Errorf("%s lives for %v", name, left)
		}
		if !strings.Contains(out, file(".crt")) || !strings.Contains(out, cert.NotAfter.UTC().Format(time.DateOnly)) {
			t.Errorf("%s is not in %q", name, out)
		}
		for _, key := range []string{file(".key"), filepath.Join(dir, "ca.key")} {
			if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v; want mode 0600", key, info.Mode(), err)
			}
		}
	}
}

func TestInitOverwritesNothing(t *testing.T) {
	t.Parallel()
	for _, there := range []string{"ca.crt", "ca.key", "s3.key", "datamover.crt"} {
		t.Run(there, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, there), []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := run(t, "init", "--dir", dir); errs.CodeOf(err) != errs.AlreadyExists {
				t.Errorf("got %v, want AlreadyExists", err)
			}
			files, err := os.ReadDir(dir)
			if err != nil || len(files) != 1 {
				t.Errorf("got %v, %v; want nothing more", files, err)
			}
		})
	}
}

func TestRenewKeepsAuthorityAndHostsAndMakesWhatIsMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := run(t, "init", "--dir", dir, "--host", "old.example"); err != nil {
		t.Fatal(err)
	}
	before := parse(t, filepath.Join(dir, "s3.crt"))
	for _, end := range []string{".crt", ".key"} {
		if err := os.Remove(filepath.Join(dir, "api"+end)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := run(t, "renew", "--dir", dir, "--host", "new.example"); err != nil {
		t.Fatal(err)
	}
	after := parse(t, filepath.Join(dir, "s3.crt"))
	if after.SerialNumber.Cmp(before.SerialNumber) == 0 {
		t.Error("the certificate is the old one")
	}
	if want := []string{"gelato-s3", "s3", "localhost", "new.example", "old.example"}; !slices.Equal(after.DNSNames, want) {
		t.Errorf("names %v, want %v", after.DNSNames, want)
	}
	if len(after.IPAddresses) != 2 {
		t.Errorf("addresses %v, want the two of localhost", after.IPAddresses)
	}
	for _, name := range services() {
		if _, err := rpc.TLS(rpc.Files{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, name+".crt"), Key: filepath.Join(dir, name+".key")}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := parse(t, filepath.Join(dir, name+".crt")).CheckSignatureFrom(parse(t, filepath.Join(dir, "ca.crt"))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"no authority", []string{"renew", "--dir", t.TempDir()}, "no authority"},
		{"a host that is none", []string{"init", "--dir", t.TempDir(), "--host", "a b"}, "neither"},
		{"a role as a host", []string{"init", "--dir", t.TempDir(), "--host", "gelato-backend"}, "which service"},
		{"a role in capitals", []string{"init", "--dir", t.TempDir(), "--host", "Gelato-Backend"}, "which service"},
		{"no directory", []string{"init"}, "dir"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := run(t, c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
