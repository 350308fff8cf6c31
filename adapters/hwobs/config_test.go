package hwobs

import (
	"testing"

	"github.com/huaweicloud/huaweicloud-sdk-go-obs/obs"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	good := adapters.Config{Type: Type, Region: "ap-southeast-1", BucketName: "my-bucket", Access: "AK", Security: "SK"}
	reg := adapters.Registry{Type: Descriptor()}
	for _, c := range []struct {
		name   string
		change func(*adapters.Config)
		want   string // the reason, "" for none
	}{
		{"good", func(*adapters.Config) {}, ""},
		{"no region and no endpoint", func(c *adapters.Config) { c.Region = "" }, "region"},
		{"a region that is a host", func(c *adapters.Config) { c.Region = "x.example.com/" }, "region"},
		{"an endpoint alone", func(c *adapters.Config) { c.Region, c.Endpoint = "", "https://obs.example.com" }, ""},
		{"an IPv6 endpoint", func(c *adapters.Config) { c.Endpoint = "http://[::1]:9000" }, ""},
		{"no URL", func(c *adapters.Config) { c.Endpoint = "obs.example.com" }, "endpoint"},
		{"credentials in the endpoint", func(c *adapters.Config) { c.Endpoint = "https://a:b@obs.example.com" }, "endpoint"},
		{"a path in the endpoint", func(c *adapters.Config) { c.Endpoint = "https://obs.example.com/bucket" }, "endpoint"},
		{"no bucket", func(c *adapters.Config) { c.BucketName = "" }, "bucketName"},
		{"a bucket in capitals", func(c *adapters.Config) { c.BucketName = "Bucket" }, "bucketName"},
		{"a bucket that is a path", func(c *adapters.Config) { c.BucketName = "a/../b" }, "bucketName"},
		{"no access key", func(c *adapters.Config) { c.Access = "" }, "access"},
		{"a blank in the access key", func(c *adapters.Config) { c.Access = "AK " }, "access"},
		{"a colon in the access key", func(c *adapters.Config) { c.Access = "A:K" }, "access"},
		{"no secret", func(c *adapters.Config) { c.Security = "" }, "security"},
		{"a line end in the secret", func(c *adapters.Config) { c.Security = "SK\n" }, "security"},
		{"an unknown dialect", func(c *adapters.Config) { c.Options["signature"] = "v2" }, "options.signature"},
		{"V4, the region known by name", func(c *adapters.Config) {
			c.Options["signature"], c.Region, c.Endpoint = "v4", "", "https://obs.eu-west-101.myhuaweicloud.eu"
		}, ""},
		{"V4 without a region", func(c *adapters.Config) {
			c.Options["signature"], c.Region, c.Endpoint = "v4", "", "https://obs.example.com"
		}, "region"},
		{"V4 at an IPv6 address", func(c *adapters.Config) { c.Options["signature"], c.Endpoint = "v4", "http://[::1]:9000" }, "endpoint"},
		{"pathStyle", func(c *adapters.Config) { c.Options["pathStyle"] = "yes" }, "options.pathStyle"},
		{"no path style at an address", func(c *adapters.Config) { c.Options["pathStyle"], c.Endpoint = "false", "http://127.0.0.1:9000" }, "options.pathStyle"},
		{"an unknown option", func(c *adapters.Config) { c.Options["conditionalWrites"] = "true" }, "options.conditionalWrites"},
	} {
		config := good
		config.Options = map[string]string{}
		c.change(&config)
		err := reg.Validate(config)
		if got := errs.ReasonOf(err); got != c.want || (c.want == "") != (err == nil) || err != nil && !errs.Is(err, errs.InvalidArgument) {
			t.Errorf("%s: %v (reason %q), want reason %q", c.name, err, got, c.want)
		}
	}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config    adapters.Config
		endpoint  string
		region    string
		pathStyle bool
		signature obs.SignatureType
	}{
		{adapters.Config{Region: "cn-north-4"}, "https://obs.cn-north-4.myhuaweicloud.com", "cn-north-4", false, obs.SignatureObs},
		{adapters.Config{Endpoint: "https://obs.eu-west-101.myhuaweicloud.eu", Options: map[string]string{"signature": "v4"}}, "https://obs.eu-west-101.myhuaweicloud.eu", "eu-west-101", false, obs.SignatureV4},
		{adapters.Config{Endpoint: "https://obs.example.com"}, "https://obs.example.com", "", true, obs.SignatureObs},
		{adapters.Config{Endpoint: "http://10.0.0.1:9000", Region: "r", Options: map[string]string{"signature": "v4"}}, "http://10.0.0.1:9000", "r", true, obs.SignatureV4},
		{adapters.Config{Endpoint: "https://obs.example.com", Options: map[string]string{"pathStyle": "false"}}, "https://obs.example.com", "", false, obs.SignatureObs},
	} {
		c.config.BucketName, c.config.Access, c.config.Security = "bucket", "a", "s"
		o, err := parse(c.config)
		if err != nil {
			t.Fatalf("%+v: %v", c.config, err)
		}
		if o.endpoint.String() != c.endpoint || o.region != c.region || o.pathStyle != c.pathStyle || o.signature != c.signature {
			t.Errorf("%+v: %+v at %s, want %s, region %q, path style %v, %s", c.config, o, o.endpoint, c.endpoint, c.region, c.pathStyle, c.signature)
		}
	}
}

func TestClasses(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"": "", "STANDARD": "STANDARD", "WARM": "WARM", "COLD": "COLD", "STANDARD_IA": "WARM", "GLACIER": "COLD"} {
		if got, err := toClass(given); got != want || err != nil {
			t.Errorf("toClass(%q) = %q, %v, want %q", given, got, err, want)
		}
	}
	if _, err := toClass("FROZEN"); errs.ReasonOf(err) != "InvalidStorageClass" {
		t.Errorf("toClass of an unknown class: %v", err)
	}
}
