package kms

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/seal"
)

func run(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	c := Command()
	var out bytes.Buffer
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs(append(args, "--data", dir))
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

func TestCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := run(t, dir, "init"); !errs.Is(err, errs.InvalidArgument) {
		t.Errorf("without a master key: %v", err)
	}
	if _, err := seal.Load(filepath.Join(dir, "master.key"), true); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, dir, "ls"); !errs.Is(err, errs.InvalidArgument) {
		t.Errorf("without a keyring: %v", err)
	}
	for _, c := range []struct {
		args string
		want []string // of the last line
	}{
		{"init", []string{"aws/s3", "enabled", "1"}},
		{"init", []string{"aws/s3", "enabled", "1"}},
		{"create payroll --alias hr --alias pay", []string{"payroll", "hr,pay", "enabled", "1"}},
		{"rotate alias/hr", []string{"payroll", "hr,pay", "enabled", "2"}},
		{"disable payroll", []string{"payroll", "hr,pay", "disabled", "2"}},
		{"ls", []string{"payroll", "hr,pay", "disabled", "2"}},
		{"enable pay", []string{"payroll", "hr,pay", "enabled", "2"}},
	} {
		out, err := run(t, dir, strings.Fields(c.args)...)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		last := strings.Fields(lines[len(lines)-1])
		if err != nil || len(last) < len(c.want) || strings.Join(last[:len(c.want)], " ") != strings.Join(c.want, " ") {
			t.Errorf("%s: %q, %v, want %v", c.args, out, err, c.want)
		}
	}
	if out, err := run(t, dir, "ls", "-o", "json"); err != nil || !strings.Contains(out, `"id": "payroll"`) {
		t.Errorf("json: %q, %v", out, err)
	}
	if _, err := run(t, dir, "rotate", "none"); !errs.Is(err, errs.NotFound) {
		t.Errorf("an unknown key: %v", err)
	}
}
