package awss3

import (
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	good := adapters.Config{Type: Type, BucketName: "bucket", Access: "a", Security: "s"}
	reg := adapters.Registry{Type: Descriptor()}
	for _, c := range []struct {
		name  string
		edit  func(*adapters.Config)
		field string // of the error
	}{
		{"AWS", func(*adapters.Config) {}, ""},
		{"endpoint", func(c *adapters.Config) { c.Endpoint = "http://127.0.0.1:9000/" }, ""},
		{"all options", func(c *adapters.Config) {
			c.Options = map[string]string{"pathStyle": "false", "readOnly": "true", "conditionalWrites": "auto"}
		}, ""},
		{"endpoint without a scheme", func(c *adapters.Config) { c.Endpoint = "127.0.0.1:9000" }, "endpoint"},
		{"endpoint of another kind", func(c *adapters.Config) { c.Endpoint = "ftp://host" }, "endpoint"},
		{"endpoint with a secret", func(c *adapters.Config) { c.Endpoint = "http://u:p@host" }, "endpoint"},
		{"no bucket", func(c *adapters.Config) { c.BucketName = "" }, "bucketName"},
		{"bucket with a slash", func(c *adapters.Config) { c.BucketName = "a/b" }, "bucketName"},
		{"no access", func(c *adapters.Config) { c.Access = "" }, "access"},
		{"no secret", func(c *adapters.Config) { c.Security = "" }, "security"},
		{"not a boolean", func(c *adapters.Config) { c.Options = map[string]string{"pathStyle": "maybe"} }, "options.pathStyle"},
		{"unknown option", func(c *adapters.Config) { c.Options = map[string]string{"sse": "true"} }, "options.sse"},
	} {
		config := good
		c.edit(&config)
		err := reg.Validate(config)
		if got := errs.ReasonOf(err); got != c.field || (err != nil) != (c.field != "") || err != nil && !errs.Is(err, errs.InvalidArgument) {
			t.Errorf("%s: got %v (reason %q), want %q", c.name, err, got, c.field)
		}
	}
	caps := func(endpoint string, options map[string]string) adapters.Capabilities {
		c := good
		c.Endpoint, c.Options, c.Prefix = endpoint, options, "12345"
		s, err := Open(c)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		return s.Capabilities()
	}
	if c := caps("", nil); !c.ConditionalPut || !c.ConditionalDelete || c.MaxKeyBytes != 1019 || len(c.StorageClasses) == 0 {
		t.Errorf("AWS: %+v", c)
	}
	if c := caps("http://h", nil); c.ConditionalPut || c.ConditionalDelete || len(c.StorageClasses) != 0 {
		t.Errorf("an endpoint promises nothing by itself: %+v", c)
	}
	if c := caps("http://h", map[string]string{"conditionalWrites": "true"}); !c.ConditionalPut || c.ConditionalDelete {
		t.Errorf("conditionalWrites: %+v", c)
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	store := &oddStore{objects: map[string][]byte{"/bucket/key": []byte("x")}}
	s := openAt(t, store)
	s.readOnly = true
	ctx := t.Context()
	_, put := s.Put(ctx, "key", strings.NewReader("y"), 1, adapters.PutOptions{})
	_, create := s.CreateUpload(ctx, "key", adapters.PutOptions{})
	_, part := s.PutPart(ctx, "key", "c.u", 1, strings.NewReader("y"), 1, nil)
	_, complete := s.CompleteUpload(ctx, "key", "c.u", []adapters.Part{{N: 1}}, adapters.PutOptions{})
	for name, err := range map[string]error{"Put": put, "CreateUpload": create, "PutPart": part, "CompleteUpload": complete,
		"AbortUpload": s.AbortUpload(ctx, "key", "c.u"), "Delete": s.Delete(ctx, "key", "")} {
		if !errs.Is(err, errs.PermissionDenied) {
			t.Errorf("%s: got %v, want PermissionDenied", name, err)
		}
	}
	if len(store.methods) != 0 {
		t.Errorf("the store was asked %v", store.methods)
	}
	if _, err := s.Head(ctx, "key"); err != nil {
		t.Errorf("Head: %v", err)
	}
}
