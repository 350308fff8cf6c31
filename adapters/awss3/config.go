package awss3

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/internal/errs"
)

// Descriptor describes the type for adapters/all.
func Descriptor() adapters.Descriptor {
	return adapters.Descriptor{
		Description: "AWS S3, and any endpoint that speaks its protocol",
		Fields: []adapters.Field{
			{Name: "region", Description: "region to sign for", Default: defaultRegion},
			{Name: "endpoint", Description: "URL of an S3-compatible store; empty for AWS"},
			{Name: "bucketName", Description: "the bucket", Required: true},
			{Name: "prefix", Description: "put in front of every key, as it is"},
			{Name: "access", Description: "access key id", Required: true},
			{Name: "security", Description: "secret access key", Required: true, Secret: true},
			{Name: "options.pathStyle", Description: "bucket in the path instead of the host name; default true with an endpoint, false without"},
			{Name: "options.readOnly", Description: "refuse every write", Default: "false"},
			{Name: "options.conditionalWrites", Description: "whether the store enforces If-Match and If-None-Match on writes atomically; default true for AWS, false with an endpoint"},
		},
		Capabilities: capabilities(parsed{conditional: true}, 0),
		Host:         host,
		Validate: func(c adapters.Config) error {
			_, err := parse(c)
			return err
		},
		Open: func(_ context.Context, c adapters.Config, _ adapters.Deps) (adapters.Store, error) { return Open(c) },
	}
}

const defaultRegion = "us-east-1"

func capabilities(o parsed, prefixBytes int) adapters.Capabilities {
	isAWS := o.endpoint == ""
	c := adapters.Capabilities{
		MaxObjectSize: maxObjectSize, MaxPutSize: maxPutSize,
		Multipart: true, MinPartSize: minPartSize, MaxPartSize: maxPartSize, MaxParts: maxParts,
		MaxKeyBytes:    maxKeyBytes - prefixBytes,
		ConditionalPut: o.conditional,
		// On DELETE too since 2024 in AWS, but compatible stores that have atomic conditions on PUT (versitygw) check and delete in two steps.
		ConditionalDelete: isAWS && o.conditional,
		StoresChecksum:    isAWS,
	}
	if isAWS {
		c.StorageClasses = []string{"STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE", "REDUCED_REDUNDANCY"}
	}
	return c
}

// parsed is a checked Config.
type parsed struct {
	region, endpoint                 string
	pathStyle, readOnly, conditional bool
}

func parse(c adapters.Config) (parsed, error) {
	o := parsed{region: c.Region, endpoint: strings.TrimSuffix(c.Endpoint, "/")}
	bad := func(field, format string, args ...any) error {
		return errs.Newf(errs.InvalidArgument, "%s: %s", field, fmt.Sprintf(format, args...)).Because(field)
	}
	if o.region == "" {
		o.region = defaultRegion
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
	o.pathStyle, o.conditional = o.endpoint != "", o.endpoint == ""
	for _, f := range []struct {
		name string
		to   *bool
	}{{"pathStyle", &o.pathStyle}, {"readOnly", &o.readOnly}, {"conditionalWrites", &o.conditional}} {
		text, ok := c.Options[f.name]
		if !ok || text == "" || (text == "auto" && f.name == "conditionalWrites") {
			continue
		}
		v, err := strconv.ParseBool(text)
		if err != nil {
			return o, bad("options."+f.name, "must be true or false")
		}
		*f.to = v
	}
	return o, nil
}
