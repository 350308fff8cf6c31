package s3dialect

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	d := some()
	d.Presets = map[string]Quirks{"known": {Endpoint: "https://{region}.example.com", Service: "example.com", Region: "here"}}
	reg := adapters.Registry{"some": d.Descriptor()}
	good := adapters.Config{Type: "some", Endpoint: "http://127.0.0.1:9000/", BucketName: "bucket", Access: "a", Security: "s"}
	noCA := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noCA, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	option := func(name, value string) func(*adapters.Config) {
		return func(c *adapters.Config) { c.Options = map[string]string{name: value} }
	}
	for _, c := range []struct {
		name  string
		edit  func(*adapters.Config)
		field string // of the error
	}{
		{"endpoint", func(*adapters.Config) {}, ""},
		{"all options", func(c *adapters.Config) {
			c.Options = map[string]string{"pathStyle": "false", "readOnly": "true", "conditionalWrites": "true", "signature": "v2", "storageClasses": "STANDARD,COLD"}
		}, ""},
		{"no endpoint", func(c *adapters.Config) { c.Endpoint = "" }, "endpoint"},
		{"endpoint without a scheme", func(c *adapters.Config) { c.Endpoint = "127.0.0.1:9000" }, "endpoint"},
		{"endpoint of another kind", func(c *adapters.Config) { c.Endpoint = "ftp://host" }, "endpoint"},
		{"endpoint with a secret", func(c *adapters.Config) { c.Endpoint = "http://u:p@host" }, "endpoint"},
		{"a region that is none", func(c *adapters.Config) { c.Region = "evil.example.com/" }, "region"},
		{"no bucket", func(c *adapters.Config) { c.BucketName = "" }, "bucketName"},
		{"bucket with a slash", func(c *adapters.Config) { c.BucketName = "a/b" }, "bucketName"},
		{"no access", func(c *adapters.Config) { c.Access = "" }, "access"},
		{"no secret", func(c *adapters.Config) { c.Security = "" }, "security"},
		{"not a boolean", option("pathStyle", "maybe"), "options.pathStyle"},
		{"no such signature", option("signature", "v3"), "options.signature"},
		{"no such preset", option("preset", "unknown"), "options.preset"},
		{"no class", option("storageClasses", "STANDARD,,COLD"), "options.storageClasses"},
		{"a class twice", option("storageClasses", "COLD,COLD"), "options.storageClasses"},
		{"a class that is no word", option("storageClasses", "A B"), "options.storageClasses"},
		{"no certificate", option("caFile", noCA), "options.caFile"},
		{"no file", option("caFile", noCA+"x"), "options.caFile"},
		{"unknown option", option("sse", "true"), "options.sse"},
	} {
		config := good
		c.edit(&config)
		err := reg.Validate(config)
		if c.name == "no endpoint" { // the field is required only where there is no default
			d := d
			d.Default = "known"
			if err := (adapters.Registry{"some": d.Descriptor()}).Validate(config); err != nil {
				t.Errorf("the preset's own endpoint: %v", err)
			}
		}
		if got := errs.ReasonOf(err); got != c.field || (err != nil) != (c.field != "") || err != nil && !errs.Is(err, errs.InvalidArgument) {
			t.Errorf("%s: got %v (reason %q), want %q", c.name, err, got, c.field)
		}
	}
	d.Default = "known"
	for _, c := range []struct {
		endpoint, region, preset string
		url, signFor, host       string
	}{
		{"", "", "", "https://here.example.com", "here", "example.com"},
		{"", "there", "known", "https://there.example.com", "there", "example.com"},
		{"http://own/", "", "known", "http://own", "here", ""},
		{"https://there.example.com", "", "", "https://there.example.com", defaultRegion, "example.com"},
	} {
		config := good
		config.Endpoint, config.Region, config.Options = c.endpoint, c.region, map[string]string{"preset": c.preset}
		o, err := d.parse(config)
		if err != nil || o.endpoint != c.url || o.region != c.signFor || d.host(config) != c.host {
			t.Errorf("%+v: got %s, %s, %q, %v", c, o.endpoint, o.region, d.host(config), err)
		}
	}
}

func TestClasses(t *testing.T) {
	t.Parallel()
	c := adapters.Config{Endpoint: "http://127.0.0.1:1", BucketName: "b", Access: "a", Security: "s", Prefix: "12345", Options: map[string]string{"storageClasses": "HOT,COLD", "conditionalWrites": "true"}}
	s, err := some().Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	caps := s.Capabilities()
	if want := []string{"HOT", "COLD"}; !slices.Equal(caps.StorageClasses, want) || caps.MaxKeyBytes != 1019 || !caps.ConditionalPut || caps.ConditionalDelete {
		t.Errorf("got %+v", caps)
	}
	if got := s.class(""); got != "HOT" {
		t.Errorf("no class answered is %q, want HOT", got)
	}
	if err := s.accepts(adapters.PutOptions{StorageClass: "ICE"}); !errs.Is(err, errs.InvalidArgument) {
		t.Errorf("an unknown class: %v", err)
	}
	if err := s.accepts(adapters.PutOptions{StorageClass: "COLD"}); err != nil {
		t.Errorf("a known class: %v", err)
	}
}
