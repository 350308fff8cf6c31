package assemble

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/telemetry"
)

func TestOpenTargets(t *testing.T) {
	t.Parallel()
	tel, err := telemetry.New(io.Discard, "text", "info")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	token, public, empty := file("token", "xyzzy\n", 0o600), file("public", "xyzzy\n", 0o644), file("empty", "\n", 0o600)
	const hook, topic = "hook=https://example.com/a", "stream=kafka://127.0.0.1:1/events"
	for name, c := range map[string]struct {
		targets, tokens []string
		want            string // part of the error; empty: it works
	}{
		"none":              {nil, nil, ""},
		"both kinds":        {[]string{hook, topic}, []string{"hook=" + token}, ""},
		"options of Kafka":  {[]string{topic + "?partitions=3"}, nil, ""},
		"no name":           {[]string{"https://example.com/a"}, nil, "NAME=URL"},
		"twice":             {[]string{hook, hook}, nil, "two notification targets"},
		"no topic":          {[]string{"stream=kafka://127.0.0.1:1"}, nil, "TOPIC"},
		"unknown option":    {[]string{topic + "?oops=1"}, nil, "oops"},
		"token of a topic":  {[]string{topic}, []string{"stream=" + token}, "no webhook"},
		"token of nobody":   {[]string{hook}, []string{"other=" + token}, "no webhook"},
		"token in clear":    {[]string{"hook=http://example.com/a"}, []string{"hook=" + token}, "https"},
		"token for all":     {[]string{hook}, []string{"hook=" + public}, "chmod 600"},
		"empty token":       {[]string{hook}, []string{"hook=" + empty}, "one line"},
		"absent token":      {[]string{hook}, []string{"hook=" + filepath.Join(dir, "absent")}, "cannot be read"},
		"token without one": {[]string{hook}, []string{token}, "NAME=FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := openTargets(t.Context(), c.targets, c.tokens, tel)
			if c.want == "" {
				if err != nil || len(got.byName) != len(c.targets) {
					t.Errorf("got %d targets, %v", len(got.byName), err)
				}
				got.shut()
				return
			}
			if !errs.Is(err, errs.InvalidArgument) || !strings.Contains(errs.Public(err), c.want) || strings.Contains(err.Error(), "xyzzy") {
				t.Errorf("got %v, want InvalidArgument with %q", err, c.want)
			}
		})
	}
}
