package config

import (
	"os"
	"path/filepath"
	"slices"
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
		ca, cert   string
		peers      []string
		problems   []string
	}{
		{name: "defaults", grace: time.Hour, listen: "a"},
		{name: "file", file: "garbage-grace: 5s\ns3-listen: f", grace: 5 * time.Second, listen: "f"},
		{name: "environment over file", file: "garbage-grace: 5s", env: map[string]string{"GELATO_GARBAGE_GRACE": "6s"}, grace: 6 * time.Second, listen: "a"},
		{name: "flag over all", file: "garbage-grace: 5s", env: map[string]string{"GELATO_GARBAGE_GRACE": "6s"}, args: []string{"--garbage-grace", "7s"}, grace: 7 * time.Second, listen: "a"},
		{name: "unknown key", file: "garbage: 5s", problems: []string{`unknown key "garbage"`}},
		{name: "all problems at once", file: "garbage-grace: soon\nx: 1", env: map[string]string{"GELATO_S3_LISTEN": "e"}, problems: []string{`"soon" is no value for garbage-grace`, `unknown key "x"`}},
		{name: "nested", file: "s3-listen: {a: b}", problems: []string{`gelato.yaml:1: unknown key "s3-listen.a"`}},
		{name: "deeper", file: "tls: {ca: {x: y}}", problems: []string{"gelato.yaml:1: tls.ca must be a plain value"}},
		{name: "no mapping", file: "# c\n- a\n- b", problems: []string{"gelato.yaml:2: a configuration file is a mapping"}},
		{name: "no YAML", file: "a: b: c", problems: []string{"gelato.yaml: yaml: "}},
		{name: "comments alone", file: "# c\n", grace: time.Hour, listen: "a"},
		{name: "two documents", file: "s3-listen: f\n---\ns3-listen: g", problems: []string{"one YAML document"}},
		{name: "twice", file: "s3-listen: f\n\ns3-listen: g", problems: []string{"gelato.yaml:3: s3-listen is given twice"}},
		{name: "group", file: "tls:\n  ca: f\n  cert: x", env: map[string]string{"GELATO_TLS_CERT": "c"}, ca: "f", cert: "c", grace: time.Hour, listen: "a"},
		{name: "unknown in a group", file: "tls:\n  ca: f\n  key: f", problems: []string{`gelato.yaml:3: unknown key "tls.key"`}},
		{name: "group written flat", file: "tls-ca: f", problems: []string{`gelato.yaml:1: unknown key "tls-ca"`}},
		{name: "empty group", file: "tls: {}", problems: []string{`gelato.yaml:1: unknown key "tls"`}},
		{name: "list", file: "peers: [a, b]", grace: time.Hour, listen: "a", peers: []string{"a", "b"}},
		{name: "list of lists", file: "peers: [a, [b]]", problems: []string{"gelato.yaml:1: peers must be a list of plain values"}},
		{name: "no duration", file: "\ngarbage-grace: soon", problems: []string{`gelato.yaml:2: "soon" is no value for garbage-grace`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			flags := pflag.NewFlagSet("up", pflag.ContinueOnError)
			grace := flags.Duration("garbage-grace", time.Hour, "")
			listen := flags.String("s3-listen", "a", "")
			ca, cert := flags.String("tls-ca", "", ""), flags.String("tls-cert", "", "")
			peers := flags.StringSlice("peers", nil, "")
			flags.String(FileFlag, "", "")
			Group(flags, "tls")
			path := filepath.Join(t.TempDir(), "gelato.yaml")
			if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := flags.Parse(append(c.args, "--config", path)); err != nil {
				t.Fatal(err)
			}
			err := Fill(flags, func(k string) (string, bool) { v, ok := c.env[k]; return v, ok })
			if len(c.problems) == 0 {
				if err != nil || *grace != c.grace || *listen != c.listen || *ca != c.ca || *cert != c.cert || !slices.Equal(*peers, c.peers) {
					t.Errorf("got %v %q %q %q %q %v, want %v %q %q %q %q", *grace, *listen, *ca, *cert, *peers, err, c.grace, c.listen, c.ca, c.cert, c.peers)
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

// TestPrint prints flags, masks what is secret, and takes what it printed.
func TestPrint(t *testing.T) {
	t.Parallel()
	make := func() *pflag.FlagSet {
		f := pflag.NewFlagSet("up", pflag.ContinueOnError)
		f.Duration("garbage-grace", time.Hour, "")
		f.String("domain", "", "")
		f.String("tls-ca", "", "")
		f.String("state", "", "")
		f.StringSlice("peers-api", nil, "")
		f.String(FileFlag, "", "")
		Group(f, "tls")
		Group(f, "peers")
		SecretURL(f, "state")
		return f
	}
	f := make()
	if err := f.Parse([]string{"--tls-ca", "a b: c", "--state", "mongodb://me:hunter2@h1:1,h2:2/db?x=y", "--peers-api", "a:1,b:2"}); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := Print(&b, f); err != nil {
		t.Fatal(err)
	}
	want := "domain: \"\"\ngarbage-grace: 1h0m0s\npeers:\n  api: ['a:1', 'b:2']\nstate: mongodb://me:***@h1:1,h2:2/db?x=y\ntls:\n  ca: 'a b: c'\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	path := filepath.Join(t.TempDir(), "gelato.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	again := make()
	if err := again.Parse([]string{"--config", path}); err != nil {
		t.Fatal(err)
	}
	if err := Fill(again, func(string) (string, bool) { return "", false }); err != nil {
		t.Fatal(err)
	}
	var second strings.Builder
	if err := Print(&second, again); err != nil || second.String() != want {
		t.Errorf("taken again: %v\n%s", err, second.String())
	}
}

func TestMaskURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                     "",
		"pebble:/var/x":                        "pebble:/var/x",
		"mongodb://h/db":                       "mongodb://h/db",
		"mongodb://u:p@h/db":                   "mongodb://u:***@h/db",
		"mongodb://u:p/a@s?s@h1:1,h2:2/db?w=1": "mongodb://u:***@h1:1,h2:2/db?w=1",
		"mongodb://u@h/db":                     "mongodb://u@h/db",
		"kafka://h:1?sasl-password=x&topic=y":  "kafka://h:1?sasl-password=***&topic=y",
		"mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:x&tlsCertificateKeyFilePassword=y": "mongodb://h/?authMechanismProperties=***&tlsCertificateKeyFilePassword=***",
	} {
		if got := MaskURL(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
