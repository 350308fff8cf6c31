package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/opensds/gelato"

// services never import one another; each is reached through its generated client.
var services = []string{"api", "backend", "dataflow", "datamover", "s3", "scheduler"}

// layers in the order of their imports: a package imports its own layer or a later one.
var layers = []struct {
	name string
	tops []string
}{
	{"cmd", []string{"cmd"}},
	{"services", services},
	{"adapters", []string{"adapters"}},
	{"internal", []string{"internal"}},
	{"proto", []string{"proto"}},
}

// pkg is what the test reads of `go list -json`.
type pkg struct {
	ImportPath, Doc, Name              string
	Imports, TestImports, XTestImports []string
}

// top is the first folder of a package of this module, "" for foreign packages.
func top(path string) string {
	rest, ok := strings.CutPrefix(path, module+"/")
	if !ok {
		return ""
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
}

func layerOf(topFolder string) int {
	for i, l := range layers {
		for _, t := range l.tops {
			if t == topFolder {
				return i
			}
		}
	}
	return -1
}

func isService(topFolder string) bool { return layers[1].name == "services" && layerOf(topFolder) == 1 }

// judge returns what is wrong with one import, or "".
func judge(from, to string) string {
	f, t := top(from), top(to)
	if t == "" {
		return ""
	}
	lf, lt := layerOf(f), layerOf(t)
	switch {
	case lf < 0:
		return fmt.Sprintf("%s: the top-level folder %q has no layer", from, f)
	case lt < 0:
		return fmt.Sprintf("%s imports %s: the top-level folder %q has no layer", from, to, t)
	case lt < lf:
		return fmt.Sprintf("%s imports %s: imports point from %s to %s only", from, to, layers[lt].name, layers[lf].name)
	case isService(f) && isService(t) && f != t:
		return fmt.Sprintf("%s imports %s: services know each other by their generated clients only", from, to)
	}
	return ""
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Doc,Name,Imports,TestImports,XTestImports", module+"/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("read go list's answer: %v", err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list named %d packages: the test looks at the wrong place", len(all))
	}
	return all
}

func TestImportsPointOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		for _, to := range p.Imports {
			if wrong := judge(p.ImportPath, to); wrong != "" {
				t.Error(wrong)
			}
		}
		// Tests of plumbing and of the harness may drive higher layers from outside, but a service's tests know no other service either.
		for _, to := range append(p.TestImports, p.XTestImports...) {
			if f, other := top(p.ImportPath), top(to); isService(f) && isService(other) && f != other {
				t.Errorf("tests of %s import %s: services know each other by their generated clients only", p.ImportPath, to)
			}
		}
	}
}

func TestEveryPackageIsDocumented(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		if p.Doc == "" && !strings.HasPrefix(p.ImportPath, module+"/proto/") {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		from, to string
		ok       bool
	}{
		"cmd to a service":              {"cmd/gelato", "s3", true},
		"a service to an adapter":       {"s3", "adapters/posix", true},
		"a service to its own package":  {"s3", "s3/catalog", true},
		"a service to plumbing":         {"api", "internal/httpx", true},
		"plumbing to proto":             {"internal/rpc", "proto/catalogpb", true},
		"a service to another":          {"scheduler", "dataflow", false},
		"an adapter to a service":       {"adapters/posix", "s3/catalog", false},
		"plumbing to an adapter":        {"internal/blob", "adapters", false},
		"a service to cmd":              {"api", "cmd/gelato", false},
		"from an unknown top folder":    {"util/x", "internal/errs", false},
		"to an unknown top folder":      {"s3", "common", false},
		"a folder whose name begins so": {"s3", "apiextra", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := judge(module+"/"+tc.from, module+"/"+tc.to)
			if (got == "") != tc.ok {
				t.Errorf("got %q, want allowed %v", got, tc.ok)
			}
		})
	}
	if got := judge(module+"/s3", "net/http"); got != "" {
		t.Errorf("foreign import: got %q", got)
	}
}
