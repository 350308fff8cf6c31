package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/opensds/gelato/internal/errs"
)

func TestPrecedenceAndStrictness(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file string
		args       []string
		env        map[string]string
		grace      time.Duration
		listen     string
		problems   []string
	}{
		{name: "defaults", grace: time.Hour, listen: "a"},
		{name: "file", file: "garbage-grace: 5s\ns3-listen: f", grace: 5 * time.Second, listen: "f"},
		{name: "environment over file", file: "garbage-grace: 5s", env: map[string]string{"GELATO_GARBAGE_GRACE": "6s"}, grace: 6 * time.Second, listen: "a"},
		{name: "flag over all", file: "garbage-grace: 5s", env: map[string]string{"GELATO_GARBAGE_GRACE": "6s"}, args: []string{"--garbage-grace", "7s"}, grace: 7 * time.Second, listen: "a"},
		{name: "unknown key", file: "garbage: 5s", problems: []string{`unknown key "garbage"`}},
		{name: "all problems at once", file: "garbage-grace: soon\nx: 1", env: map[string]string{"GELATO_S3_LISTEN": "e"}, problems: []string{`"soon" is no value for garbage-grace`, `unknown key "x"`}},
		{name: "nested", file: "s3-listen: {a: b}", problems: []string{"s3-listen must be a plain value"}},
		{name: "no YAML", file: "- a\n- b", problems: []string{"cannot unmarshal"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			flags := pflag.NewFlagSet("up", pflag.ContinueOnError)
			grace := flags.Duration("garbage-grace", time.Hour, "")
			listen := flags.String("s3-listen", "a", "")
			flags.String(FileFlag, "", "")
			path := filepath.Join(t.TempDir(), "gelato.yaml")
			if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := flags.Parse(append(c.args, "--config", path)); err != nil {
				t.Fatal(err)
			}
			err := Fill(flags, func(k string) (string, bool) { v, ok := c.env[k]; return v, ok })
			if len(c.problems) == 0 {
				if err != nil || *grace != c.grace || *listen != c.listen {
					t.Errorf("got %v %q %v, want %v %q", *grace, *listen, err, c.grace, c.listen)
				}
				return
			}
			for _, p := range c.problems {
				if !errs.Is(err, errs.InvalidArgument) || !strings.Contains(errs.Public(err), p) {
					t.Errorf("got %v, want %q", err, p)
				}
			}
		})
	}
}
