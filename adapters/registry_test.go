package adapters_test

import (
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	r := adapters.Registry{"box": {Fields: []adapters.Field{{Name: "bucketName", Required: true}, {Name: "prefix"}, {Name: "options.size"}}}}
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
