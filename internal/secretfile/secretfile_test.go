package secretfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/errs"
)

func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct {
		name, content string
		mode          fs.FileMode
		want          string // in the message; empty: fine
	}{
		{"good", "12345678", 0o600, ""},
		{"read-only", "1", 0o400, ""},
		{"empty", "", 0o600, ""},
		{"long", "123456789", 0o600, "longer than 8 bytes"},
		{"readable by the group", "1", 0o640, "mode 0640"},
		{"readable by all", "1", 0o604, "chmod 600"},
		{"writable by all", "1", 0o602, "chmod 600"},
	} {
		file := filepath.Join(dir, c.name)
		if err := errors.Join(os.WriteFile(file, []byte(c.content), 0o600), os.Chmod(file, c.mode)); err != nil {
			t.Fatal(err)
		}
		got, err := Read(file, "test", 8)
		if c.want == "" && (err != nil || string(got) != c.content) {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.content)
		}
		if c.want != "" && (errs.CodeOf(err) != errs.InvalidArgument || !strings.Contains(errs.Public(err), c.want)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := Read(filepath.Join(dir, "absent"), "test", 8); !errors.Is(err, fs.ErrNotExist) || errs.Public(err) != "the test file cannot be read" {
		t.Errorf("absent: got %v", err)
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode         fs.FileMode
		mine, others bool // want: too open
	}{{0o600, false, false}, {0o400, false, false}, {0o440, true, false}, {0o640, true, false}, {0o660, true, true}, {0o444, true, true}, {0o650, true, true}} {
		if got := open(c.mode, true); got != c.mine {
			t.Errorf("%04o of ours: got %v, want %v", c.mode, got, c.mine)
		}
		if got := open(c.mode, false); got != c.others {
			t.Errorf("%04o of another: got %v, want %v", c.mode, got, c.others)
		}
	}
}
