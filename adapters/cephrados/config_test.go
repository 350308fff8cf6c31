package cephrados

import (
	"maps"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

const someKey = "AQCKl6FoAAAAABAA7Q2tHhC6zJ0yqk2Tn4yK5A=="

func TestParse(t *testing.T) {
	t.Parallel()
	good := adapters.Config{Type: Type, Endpoint: "10.0.0.1:6789,mon-b", BucketName: "gelato", Access: "gelato", Security: someKey}
	for _, c := range []struct {
		name   string
		change func(*adapters.Config)
		field  string
	}{
		{"plain", func(*adapters.Config) {}, ""},
		{"v2", func(c *adapters.Config) { c.Endpoint = "[v2:10.0.0.1:3300/0,v1:10.0.0.1:6789/0],[v2:10.0.0.2:3300/0]" }, ""},
		{"v2 alone", func(c *adapters.Config) { c.Endpoint = "v2:127.0.0.1:3300" }, ""},
		{"IPv6", func(c *adapters.Config) { c.Endpoint = "[v2:[fd00::1]:3300/0],[fd00::2]:3300" }, ""},
		{"all options", func(c *adapters.Config) {
			c.Options = map[string]string{"namespace": "n", "stripeSize": "8388608", "indexShards": "1", "timeout": "600", "readOnly": "true"}
		}, ""},
		{"no monitor", func(c *adapters.Config) { c.Endpoint = " , " }, "endpoint"},
		{"a URL", func(c *adapters.Config) { c.Endpoint = "http://10.0.0.1:6789" }, "endpoint"},
		{"a port too large", func(c *adapters.Config) { c.Endpoint = "10.0.0.1:67890" }, "endpoint"},
		{"v3", func(c *adapters.Config) { c.Endpoint = "[v3:10.0.0.1:3300]" }, "endpoint"},
		{"a bracket left open", func(c *adapters.Config) { c.Endpoint = "[v2:10.0.0.1:3300" }, "endpoint"},
		{"an option in disguise", func(c *adapters.Config) { c.Endpoint = "a b=c" }, "endpoint"},
		{"pool", func(c *adapters.Config) { c.BucketName = "a b" }, "bucketName"},
		{"client.", func(c *adapters.Config) { c.Access = "client.gelato" }, "access"},
		{"user", func(c *adapters.Config) { c.Access = "a\nb" }, "access"},
		{"key not base64", func(c *adapters.Config) { c.Security = "secret" }, "security"},
		{"key cut", func(c *adapters.Config) { c.Security = someKey[:36] }, "security"},
		{"stripe too small", func(c *adapters.Config) { c.Options = map[string]string{"stripeSize": "4096"} }, "options.stripeSize"},
		{"stripe too large", func(c *adapters.Config) { c.Options = map[string]string{"stripeSize": "268435456"} }, "options.stripeSize"},
		{"stripe odd", func(c *adapters.Config) { c.Options = map[string]string{"stripeSize": "4259840"} }, "options.stripeSize"},
		{"stripe with a unit", func(c *adapters.Config) { c.Options = map[string]string{"stripeSize": "4M"} }, "options.stripeSize"},
		{"shards", func(c *adapters.Config) { c.Options = map[string]string{"indexShards": "0"} }, "options.indexShards"},
		{"timeout", func(c *adapters.Config) { c.Options = map[string]string{"timeout": "0"} }, "options.timeout"},
		{"namespace", func(c *adapters.Config) { c.Options = map[string]string{"namespace": "\x01"} }, "options.namespace"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := good
			config.Options = maps.Clone(good.Options)
			c.change(&config)
			err := Descriptor().Validate(config)
			if c.field == "" && err != nil {
				t.Errorf("Validate: %v", err)
			}
			if c.field != "" && (!errs.Is(err, errs.InvalidArgument) || errs.ReasonOf(err) != c.field) {
				t.Errorf("Validate: %v (%q), want %v because of %q", err, errs.ReasonOf(err), errs.InvalidArgument, c.field)
			}
		})
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	a := host(adapters.Config{Endpoint: "Mon-B,mon-a:3300", Options: map[string]string{"namespace": "x"}})
	if b := host(adapters.Config{Endpoint: "mon-a:3300, mon-b", Options: map[string]string{"namespace": "x"}}); a != b {
		t.Errorf("two spellings of one place are %q and %q", a, b)
	}
	if c := host(adapters.Config{Endpoint: "mon-b,mon-a:3300"}); a == c {
		t.Errorf("two namespaces are one place, %q", c)
	}
}
