package s3dialect

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/internal/errs"
)

const defaultRegion = "us-east-1"

// fields are those of the type; q is what holds by default.
func (d Dialect) fields(q Quirks) []adapters.Field {
	yesNo := []string{"true", "false"}
	all := []adapters.Field{
		{Name: "region", Description: "region to sign for", Default: cmp.Or(q.Region, defaultRegion)},
		{Name: "endpoint", Description: "URL of the store", Required: d.Default == ""},
		{Name: "bucketName", Description: "the bucket", Required: true},
		{Name: "prefix", Description: "put in front of every key, as it is"},
		{Name: "access", Description: "access key id", Required: true},
		{Name: "security", Description: "secret access key", Required: true, Secret: true},
		{Name: "options.pathStyle", Description: "whether the bucket is in the path in place of the host name", Choices: yesNo},
		{Name: "options.conditionalWrites", Description: "whether the store enforces If-Match and If-None-Match on PUT and CompleteMultipartUpload atomically", Choices: yesNo},
		{Name: "options.storageClasses", Description: "the storage classes of the store, with commas between, its default first", Default: strings.Join(q.StorageClasses, ",")},
		httpstore.CAField(),
	}
	for i, f := range all {
		switch {
		case f.Name == "endpoint" && d.Default != "":
			all[i].Description = "URL of the store; empty for " + d.Default + ", and for presets that know theirs"
		case d.Presets != nil && slices.Contains([]string{"options.pathStyle", "options.conditionalWrites", "options.storageClasses"}, f.Name):
			all[i].Description += "; the default is that of the preset"
			all[i].Default = ""
		case f.Name == "options.pathStyle":
			all[i].Default = strconv.FormatBool(q.PathStyle)
		case f.Name == "options.conditionalWrites":
			all[i].Default = strconv.FormatBool(q.ConditionalWrites)
		}
	}
	if d.Presets != nil {
		all = append(all, adapters.Field{Name: "options.preset", Description: "a well-known store, whose limits and ways are set; the default is " + d.Default + " without an endpoint, and with one a store of which nothing is known",
			Choices: slices.Sorted(maps.Keys(d.Presets))})
	}
	if len(d.Signatures) > 0 {
		all = append(all, adapters.Field{Name: "options.signature", Description: "version of the request signature", Default: d.Signatures[0], Choices: d.Signatures})
	}
	return all
}

// parsed is a checked Config.
type parsed struct {
	Quirks
	region, endpoint string // no endpoint: AWS
	v2               bool
	roots            *x509.CertPool
}

func bad(field, format string, args ...any) error {
	return errs.Newf(errs.InvalidArgument, "%s: %s", field, fmt.Sprintf(format, args...)).Because(field)
}

// isName says whether text can be a region, which is a part of host names and signatures, or a storage class, which is a header.
func isName(text string) bool {
	return text != "" && len(text) <= 64 && !strings.ContainsFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	})
}

func (d Dialect) parse(c adapters.Config) (parsed, error) {
	o := parsed{Quirks: d.quirks(c), v2: c.Options["signature"] == V2}
	o.region = cmp.Or(c.Region, o.Region, defaultRegion)
	if !isName(o.region) {
		return o, bad("region", "must be letters, digits, dots, - and _")
	}
	o.endpoint = strings.TrimSuffix(cmp.Or(c.Endpoint, strings.ReplaceAll(o.Endpoint, "{region}", o.region)), "/")
	if o.endpoint == "" && !o.OwnEndpoints {
		return o, bad("endpoint", "the URL of the store is missing")
	}
	if o.endpoint != "" {
		if _, err := httpstore.CheckEndpoint(o.endpoint); err != nil {
			return o, err
		}
	}
	switch {
	case c.BucketName == "" || strings.ContainsAny(c.BucketName, "/?#\\ \x00"):
		return o, bad("bucketName", "must be the name of a bucket")
	case c.Access == "":
		return o, bad("access", "the access key is missing")
	case c.Security == "":
		return o, bad("security", "the secret key is missing")
	}
	for name, to := range map[string]*bool{"pathStyle": &o.PathStyle, "conditionalWrites": &o.ConditionalWrites} {
		if text := c.Options[name]; text != "" { // one of the field's choices
			*to = text == "true"
		}
	}
	if text := c.Options["storageClasses"]; text != "" {
		o.StorageClasses = strings.Split(text, ",")
		for i, class := range o.StorageClasses {
			if !isName(class) || slices.Contains(o.StorageClasses[:i], class) {
				return o, bad("options.storageClasses", "must be names with commas between, each once")
			}
		}
	}
	var err error
	o.roots, err = httpstore.Roots(c.Options["caFile"])
	return o, err
}

// host makes all endpoints of one service the same: its bucket names are unique there, whatever the region.
func (d Dialect) host(c adapters.Config) string {
	h := adapters.EndpointHost(c.Endpoint)
	if h == "" {
		return d.quirks(c).Service
	}
	for _, q := range d.Presets {
		if q.Service != "" && (h == q.Service || strings.HasSuffix(h, "."+q.Service)) {
			return q.Service
		}
	}
	return ""
}
