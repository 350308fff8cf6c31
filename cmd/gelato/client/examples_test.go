package client_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/all"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/readme"
)

// TestAdapterExamples runs what adapters/README.md shows: every type has a section, and every `gelato backend add` there goes through the real command line and is
// what the registry takes.
func TestAdapterExamples(t *testing.T) {
	t.Parallel()
	root, err := testbed.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "adapters", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	types := all.Registry()
	for name, d := range types {
		d.Missing = "" // what is not in this build is checked all the same
		types[name] = d
	}
	sections := sectionsOf(string(text))
	for name, d := range types {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			section, ok := sections[string(name)]
			if !ok {
				t.Fatalf("there is no section ## %s", name)
			}
			for _, f := range d.Fields {
				if option, ok := strings.CutPrefix(f.Name, "options."); ok && option != "readOnly" && !strings.Contains(section, "`"+option+"`") {
					t.Errorf("the section does not mention the option `%s`", option)
				}
			}
			examples := 0
			for _, b := range readme.Blocks(section) {
				if b.Info != "backend" {
					continue
				}
				for _, c := range examplesOf(t, b.Text) {
					if examples++; examples == 1 {
						refuses(t, types, d, c)
					}
					if c.Type != name {
						t.Errorf("an example adds type %s", c.Type)
					}
					if err := types.Validate(c); err != nil {
						t.Errorf("%+v: %v", c.Options, err)
					}
				}
			}
			if examples == 0 {
				t.Error("the section has no example, a block that begins with ```sh backend")
			}
		})
	}
}

// refuses spoils a good configuration in every way that can be told offline: each is refused by the name of its field, in the message too.
func refuses(t *testing.T, types adapters.Registry, d adapters.Descriptor, good adapters.Config) {
	t.Helper()
	try := func(what, field, value string) {
		t.Helper()
		bad := good
		bad.Options = maps.Clone(good.Options)
		if bad.Options == nil {
			bad.Options = map[string]string{}
		}
		if option, ok := strings.CutPrefix(field, "options."); ok {
			bad.Options[option] = value
		} else {
			*map[string]*string{"region": &bad.Region, "endpoint": &bad.Endpoint, "bucketName": &bad.BucketName, "prefix": &bad.Prefix, "access": &bad.Access, "security": &bad.Security}[field] = value
		}
		err := types.Validate(bad)
		if !errs.Is(err, errs.InvalidArgument) || errs.ReasonOf(err) != field || !strings.Contains(errs.Public(err), field) {
			t.Errorf("%s: got %v with reason %q, want InvalidArgument that names %s", what, err, errs.ReasonOf(err), field)
		}
		if field == "security" && value != "" && err != nil && strings.Contains(err.Error(), value) {
			t.Errorf("%s: the message tells the secret", what)
		}
	}
	try("an unknown option", "options.colour", "red")
	try("read-only and not", "options.readOnly", "perhaps")
	try("a prefix that is no text", "prefix", "\xff")
	for _, f := range d.Fields {
		if f.Required {
			try("without "+f.Name, f.Name, "")
		}
		if len(f.Choices) > 0 {
			try("no choice of "+f.Name, f.Name, "neither-nor")
		}
		if f.Name == "endpoint" {
			try("an endpoint of another scheme", "endpoint", "gopher://host/")
			try("an endpoint without a host", "endpoint", "http://")
			try("an endpoint with blanks", "endpoint", "http://a b/")
		}
	}
}

// sectionsOf cuts a text at its second-level headings.
func sectionsOf(markdown string) map[string]string {
	sections := map[string]string{}
	for part := range strings.SplitSeq("\n"+markdown, "\n## ") {
		name, body, _ := strings.Cut(part, "\n")
		sections[strings.TrimSpace(name)] = body
	}
	return sections
}

// examplesOf runs a block in bash, with a gelato that only notes its arguments, and sends what it noted through the command line to a REST that notes the bodies. Files
// that commands name as secrets may be made by the block; else there is one with a secret in base64.
func examplesOf(t *testing.T, block string) []adapters.Config {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "bash", "-euc", `gelato() { printf '%s\0' "$@"; printf '\n\0'; }`+"\n"+block)
	cmd.Dir = dir
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("run %s: %v\n%s", block, err, &stderr)
	}
	var found []adapters.Config
	for line := range strings.SplitSeq(strings.TrimSuffix(out.String(), "\n\x00"), "\n\x00") {
		args := strings.Split(strings.TrimSuffix(line, "\x00"), "\x00")
		for i, a := range args {
			if a == "--security-file" && i+1 < len(args) {
				args[i+1] = secretIn(t, dir, args[i+1])
			}
		}
		f := serve(t, map[string][]answer{"POST /backends": {{201, `{}`}}})
		if _, err := gelato(t, "", f.at(args...)...); err != nil {
			t.Fatalf("gelato %s: %v", strings.Join(args, " "), err)
		}
		var in struct {
			Type, Region, Endpoint, BucketName, Prefix, Access, Security string
			Options                                                      map[string]string
		}
		if err := json.Unmarshal([]byte(f.requests()[0].body), &in); err != nil {
			t.Fatal(err)
		}
		found = append(found, adapters.Config{Type: adapters.Type(in.Type), Region: in.Region, Endpoint: in.Endpoint, BucketName: in.BucketName, Prefix: in.Prefix,
			Access: in.Access, Security: in.Security, Options: in.Options})
	}
	return found
}

func secretIn(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, filepath.Base(name))
	if _, err := os.Stat(path); err != nil {
		if err := os.WriteFile(path, []byte("c2VjcmV0LXNlY3JldA=="), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}
