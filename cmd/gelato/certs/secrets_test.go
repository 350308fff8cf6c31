package certs

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/certs"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/internal/seal"
)

func makeSecrets(t *testing.T, dir string) error {
	t.Helper()
	c := SecretsCommand()
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs([]string{"--dir", dir})
	return c.ExecuteContext(t.Context())
}

// files returns the content of each file below dir by its path there.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		all[rel] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestSecretsGiveEachServiceItsOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := makeSecrets(t, dir); err != nil {
		t.Fatal(err)
	}
	made := files(t, dir)
	want := []string{"api/root-credentials", "authority/ca.crt", "authority/ca.key", "authority/master.key", "s3/kms.keyring"}
	for _, s := range services() {
		want = append(want, s+"/ca.crt", s+"/"+s+".crt", s+"/"+s+".key")
		if s != "dataflow" {
			want = append(want, s+"/master.key")
		}
		own := filepath.Join(dir, s)
		c, err := rpc.TLS(rpc.Files{CA: filepath.Join(own, "ca.crt"), Cert: filepath.Join(own, s+".crt"), Key: filepath.Join(own, s+".key")})
		if err != nil || c.Role() != s {
			t.Errorf("the certificate of %s is of role %q, %v", s, c.Role(), err)
		}
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(made)); !slices.Equal(got, want) {
		t.Errorf("got files %v\nwant %v", got, want)
	}
	for name, content := range made {
		if strings.HasSuffix(name, "/master.key") {
			if content != made["authority/master.key"] {
				t.Errorf("%s is not the master key", name)
			}
			if _, err := seal.Load(filepath.Join(dir, name), false); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm()&0o077 != 0 && !strings.HasSuffix(name, ".crt") {
			t.Errorf("%s has mode %v, %v", name, info.Mode(), err)
		}
	}

	if err := makeSecrets(t, dir); err != nil {
		t.Fatal(err)
	}
	if again := files(t, dir); !maps.Equal(again, made) {
		t.Error("a second run changed files")
	}
}

func TestSecretsFinishWhatIsHalfDone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := makeSecrets(t, dir); err != nil {
		t.Fatal(err)
	}
	made := files(t, dir)
	for _, name := range []string{"s3/s3.crt", "datamover/master.key", "api/root-credentials", "backend/ca.crt"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := makeSecrets(t, dir); err != nil {
		t.Fatal(err)
	}
	again := files(t, dir)
	if len(again) != len(made) || again["datamover/master.key"] != made["authority/master.key"] || again["dataflow/dataflow.crt"] != made["dataflow/dataflow.crt"] {
		t.Error("a run after an interrupted one did not make just what was missing")
	}
	if _, err := rpc.TLS(rpc.Files{CA: filepath.Join(dir, "s3", "ca.crt"), Cert: filepath.Join(dir, "s3", "s3.crt"), Key: filepath.Join(dir, "s3", "s3.key")}); err != nil {
		t.Error(err)
	}
}

func TestSecretsRenewCertificates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start := time.Now()
	for _, c := range []struct {
		later time.Duration
		want  bool // renewed
	}{{0, true}, {certs.Life - renewBefore - time.Hour, false}, {certs.Life - renewBefore, true}} {
		before, _ := os.ReadFile(filepath.Join(dir, "s3", "s3.crt"))
		s := secrets{dir: dir, now: func() time.Time { return start.Add(c.later) }}
		if err := s.make(); err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(filepath.Join(dir, "s3", "s3.crt"))
		if got := !bytes.Equal(before, after); err != nil || got != c.want {
			t.Errorf("%v later: made anew is %v, %v, want %v", c.later, got, err, c.want)
		}
	}
}

func TestSecretsRefuseAnotherClusters(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"s3/master.key", "s3/ca.crt"} {
		dir, other := t.TempDir(), t.TempDir()
		for _, d := range []string{dir, other} {
			if err := makeSecrets(t, d); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Rename(filepath.Join(other, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := makeSecrets(t, dir); !errs.Is(err, errs.FailedPrecondition) {
			t.Errorf("with another cluster's %s: got %v, want FailedPrecondition", name, err)
		}
	}
}
