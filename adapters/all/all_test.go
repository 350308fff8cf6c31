package all_test

import (
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/all"
	"github.com/opensds/gelato/internal/errs"
)

func TestRegistry(t *testing.T) {
	t.Parallel()
	r := all.Registry()
	for _, name := range r.Types() {
		d := r[name]
		if d.Description == "" || d.Open == nil || d.Capabilities.MaxPutSize == 0 {
			t.Errorf("%s: the descriptor is not complete: %+v", name, d)
		}
		seen := map[string]bool{}
		required := ""
		for _, f := range d.Fields {
			if f.Name == "" || f.Description == "" || seen[f.Name] {
				t.Errorf("%s: field %+v has no name or description, or comes twice", name, f)
			}
			seen[f.Name] = true
			if f.Secret != (f.Name == "security") {
				t.Errorf("%s: field %s is secret: %v", name, f.Name, f.Secret)
			}
			if f.Required && required == "" {
				required = f.Name
			}
		}
		if d.Missing != "" {
			if err := r.Validate(adapters.Config{Type: name}); !errs.Is(err, errs.Unimplemented) {
				t.Errorf("%s: Validate in a build without it: %v, want %v", name, err, errs.Unimplemented)
			}
			continue
		}
		if err := r.Validate(adapters.Config{Type: name}); required != "" && (!errs.Is(err, errs.InvalidArgument) || errs.ReasonOf(err) != required) {
			t.Errorf("%s: Validate of nothing: %v (%q), want %v because of %q", name, err, errs.ReasonOf(err), errs.InvalidArgument, required)
		}
	}
	if err := r.Validate(adapters.Config{Type: "nfs"}); errs.ReasonOf(err) != "type" {
		t.Errorf("Validate of an unknown type: %v", err)
	}
}
