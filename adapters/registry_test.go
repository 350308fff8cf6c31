package adapters_test

import (
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	r := adapters.Registry{"box": {Fields: []adapters.Field{{Name: "bucketName", Required: true}, {Name: "prefix"}, {Name: "options.size"}, {Name: "options.kind", Choices: []string{"big", "small"}}}}}
	for _, c := range []struct {
		name   string
		config adapters.Config
		field  string
	}{
		{"good", adapters.Config{Type: "box", BucketName: "b", Options: map[string]string{"size": "1"}}, ""},
		{"read-only", adapters.Config{Type: "box", BucketName: "b", Options: map[string]string{"readOnly": "true"}}, ""},
		{"unknown type", adapters.Config{Type: "bag", BucketName: "b"}, "type"},
		{"missing field", adapters.Config{Type: "box"}, "bucketName"},
		{"foreign field", adapters.Config{Type: "box", BucketName: "b", Region: "r"}, "region"},
		{"foreign option", adapters.Config{Type: "box", BucketName: "b", Options: map[string]string{"color": "red"}}, "options.color"},
		{"good choice", adapters.Config{Type: "box", BucketName: "b", Options: map[string]string{"kind": "big"}}, ""},
		{"bad choice", adapters.Config{Type: "box", BucketName: "b", Options: map[string]string{"kind": "huge"}}, "options.kind"},
		{"bad read-only", adapters.Config{Type: "box", BucketName: "b", Options: map[string]string{"readOnly": "yes"}}, "options.readOnly"},
		{"bad prefix", adapters.Config{Type: "box", BucketName: "b", Prefix: "\xff"}, "prefix"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := r.Validate(c.config)
			if c.field == "" {
				if err != nil {
					t.Errorf("got %v, want no error", err)
				}
			} else if !errs.Is(err, errs.InvalidArgument) || errs.ReasonOf(err) != c.field {
				t.Errorf("got %v with reason %q, want InvalidArgument with %q", err, errs.ReasonOf(err), c.field)
			}
		})
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	r := adapters.Registry{"gone": {Missing: "install the thing"}}
	_, err := r.Open(t.Context(), adapters.Config{Type: "gone"}, adapters.Deps{})
	if !errs.Is(err, errs.Unimplemented) || !strings.Contains(errs.Public(err), "install the thing") {
		t.Errorf("open a type that is not in this build: %v, want Unimplemented with what to install", err)
	}
}
