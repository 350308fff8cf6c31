package seal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/opensds/gelato/internal/errs"
)

func TestSealedSecretsOpenInTheirPlaceOnly(t *testing.T) {
	t.Parallel()
	box, other := newBox(t, 1), newBox(t, 2)
	secret := []byte("a secret that nobody must see")
	sealed := box.Seal("backend/a", secret)
	if got, err := box.Open("backend/a", sealed); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("got %q, %v", got, err)
	}
	if bytes.Contains(sealed, secret[:8]) || bytes.Equal(sealed, box.Seal("backend/a", secret)) {
		t.Error("a sealed secret shows what it is, or that it is the same one")
	}
	for name, open := range map[string]func() ([]byte, error){
		"another place": func() ([]byte, error) { return box.Open("backend/b", sealed) },
		"another key":   func() ([]byte, error) { return other.Open("backend/a", sealed) },
		"empty":         func() ([]byte, error) { return box.Open("backend/a", nil) },
		"cut":           func() ([]byte, error) { return box.Open("backend/a", sealed[:14]) },
		"in clear":      func() ([]byte, error) { return box.Open("backend/a", secret) },
	} {
		if got, err := open(); errs.CodeOf(err) != errs.DataLoss || got != nil {
			t.Errorf("%s: got %q, %v, want DataLoss", name, got, err)
		}
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if got, err := box.Open("backend/a", changed); err == nil {
			t.Errorf("with byte %d changed: got %q", i, got)
		}
	}
}

func newBox(t *testing.T, b byte) *Box {
	t.Helper()
	box, err := New(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return box
}

func TestLoadMakesOneKey(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "master.key")
	if _, err := Load(file, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: got %v", err)
	}
	boxes := make([]*Box, 8)
	var all sync.WaitGroup
	for i := range boxes {
		all.Go(func() {
			var err error
			if boxes[i], err = Load(file, true); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	sealed := boxes[0].Seal("x", []byte("secret"))
	for i, b := range boxes {
		if got, err := b.Open("x", sealed); err != nil || string(got) != "secret" {
			t.Errorf("starter %d has another key: %v", i, err)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file, true); errs.CodeOf(err) != errs.InvalidArgument {
		t.Errorf("readable by all: got %v, want InvalidArgument", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"empty": "", "short": "00ff", "no digits": string(bytes.Repeat([]byte{'x'}, 64))} {
		file := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(file, false)
		if errs.CodeOf(err) != errs.InvalidArgument {
			t.Errorf("%s: got %v, want InvalidArgument", name, err)
		}
		if content != "" && bytes.Contains([]byte(err.Error()), []byte(content)) {
			t.Errorf("%s: the key is shown: %v", name, err)
		}
	}
}
