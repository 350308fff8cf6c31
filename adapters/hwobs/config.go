package hwobs

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/huaweicloud/huaweicloud-sdk-go-obs/obs"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/adapters/s3shape"
	"github.com/opensds/gelato/internal/errs"
)

// Values of options.signature.
const (
	dialectOBS = "obs"
	dialectV4  = "v4"
)

// Descriptor describes the type for adapters/all.
func Descriptor() adapters.Descriptor {
	return adapters.Descriptor{
		Description: "Huawei Object Storage Service (OBS)",
		Fields: []adapters.Field{
			{Name: "region", Description: "region, as in ap-southeast-1; required without an endpoint, and with options.signature v4 where the endpoint does not name it"},
			{Name: "endpoint", Description: "URL of the service", Default: "https://obs.REGION.myhuaweicloud.com"},
			{Name: "bucketName", Description: "the bucket", Required: true},
			{Name: "prefix", Description: "put in front of every key, as it is"},
			{Name: "access", Description: "access key id (AK)", Required: true},
			{Name: "security", Description: "secret access key (SK)", Required: true, Secret: true},
			{Name: "options.signature", Description: "dialect: obs (Authorization: OBS, x-obs-* headers) or v4 (that of S3)", Default: dialectOBS, Choices: []string{dialectOBS, dialectV4}},
			{Name: "options.pathStyle", Description: "bucket in the path instead of the host name; default false for names of myhuaweicloud, true for others"},
			httpstore.CAField(),
		},
		Capabilities: capabilities(0),
		Validate: func(c adapters.Config) error {
			_, err := parse(c)
			return err
		},
		Open: func(_ context.Context, c adapters.Config, _ adapters.Deps) (adapters.Store, error) { return Open(c) },
	}
}

func capabilities(prefixBytes int) adapters.Capabilities {
	return adapters.Capabilities{
		MaxObjectSize: maxObjectSize, MaxPutSize: maxPutSize,
		Multipart: true, MinPartSize: minPartSize, MaxPartSize: maxPartSize, MaxParts: s3shape.MaxParts,
		NeedsAllParts: true, // OBS does not say, and Ceph refuses
		MaxKeyBytes:   maxKeyBytes - prefixBytes,
		ServerCopy:    true, MaxCopySize: maxCopySize,
		StorageClasses: classes(), S3Classes: s3Classes(),
	}
}

// parsed is a checked Config.
type parsed struct {
	endpoint  *url.URL
	region    string
	signature obs.SignatureType
	pathStyle bool
}

var (
	regionName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	// bucketName follows the rules of OBS (API Reference, "Creating a Bucket").
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	// publicName is an endpoint of the public cloud, also of its partners and in Europe: obs.REGION.myhuaweicloud.com, .eu, .cn.
	publicName = regexp.MustCompile(`^obs(?:v3)?\.([a-z0-9-]+)\.myhuaweicloud\.[a-z.]+$`)
)

func parse(c adapters.Config) (parsed, error) {
	o := parsed{region: c.Region, signature: obs.SignatureObs}
	bad := func(field, format string, args ...any) error {
		return errs.Newf(errs.InvalidArgument, "%s: %s", field, fmt.Sprintf(format, args...)).Because(field)
	}
	if o.region != "" && !regionName.MatchString(o.region) {
		return o, bad("region", "must be the name of a region such as ap-southeast-1")
	}
	endpoint := c.Endpoint
	if endpoint == "" {
		if o.region == "" {
			return o, bad("region", "is required without an endpoint")
		}
		endpoint = "https://obs." + o.region + ".myhuaweicloud.com"
	}
	u, err := httpstore.CheckEndpoint(endpoint)
	if err != nil {
		return o, err
	}
	if u.Path != "" && u.Path != "/" {
		return o, bad("endpoint", "must have no path")
	}
	o.endpoint = u
	public := publicName.FindStringSubmatch(u.Hostname())
	switch c.Options["signature"] {
	case "", dialectOBS:
	case dialectV4:
		o.signature = obs.SignatureV4
		if o.region == "" && public != nil {
			o.region = public[1]
		}
		switch {
		case o.region == "":
			return o, bad("region", "is required to sign with options.signature v4")
		case strings.Contains(u.Hostname(), ":"):
			return o, bad("endpoint", "must be a name or an IPv4 address with options.signature v4")
		}
	default:
		return o, bad("options.signature", "must be obs or v4")
	}
	o.pathStyle = public == nil
	if text := c.Options["pathStyle"]; text != "" {
		if o.pathStyle, err = strconv.ParseBool(text); err != nil {
			return o, bad("options.pathStyle", "must be true or false")
		}
		if !o.pathStyle && net.ParseIP(u.Hostname()) != nil {
			return o, bad("options.pathStyle", "a bucket cannot be in front of an IP address")
		}
	}
	if !bucketName.MatchString(c.BucketName) {
		return o, bad("bucketName", "must be 3 to 63 lower case letters, digits, dots and hyphens")
	}
	// The SDK trims keys; a blank inside is a mistake in any case.
	for field, value := range map[string]string{"access": c.Access, "security": c.Security} {
		if value == "" || strings.ContainsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
			return o, bad(field, "must be a key without blanks")
		}
	}
	if strings.Contains(c.Access, ":") {
		return o, bad("access", "must be a key without a colon")
	}
	return o, nil
}
