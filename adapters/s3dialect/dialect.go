package s3dialect

import (
	"context"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/s3shape"
)

// Dialect declares one type of store: how it is described to its operator, and in what it departs from AWS. A package of a cloud is
// little more than one Dialect.
type Dialect struct {
	Description string
	Quirks      Quirks            // of a store of this type
	Presets     map[string]Quirks // those of well-known stores, by the value of options.preset; nil: there is no such option
	Default     string            // the preset where neither endpoint nor preset is given; "" demands an endpoint
	Signatures  []string          // accepted by options.signature, the first is the default; nil: V4 alone, without that option
}

// Signature versions.
const (
	V4 = "v4"
	V2 = "v2"
)

// Quirks are what is known of a store before it is asked. What is not known is found out by a trial (see trials.go) or from its answers.
type Quirks struct {
	Endpoint  string // where the operator names none, with {region} for the region; "" with OwnEndpoints unset: one must be named
	Region    string // to sign for where the operator names none; "" is us-east-1
	PathStyle bool   // the bucket is in the path, unless options.pathStyle says otherwise

	Service      string // domain of all its endpoints, where a bucket name means the same bucket in each; "" says that there is none
	OwnEndpoints bool   // AWS: the SDK knows the endpoints of each region
	ExactKeys    bool   // holds and lists every key as it is: no trial
	ExactNames   bool   // keeps names of metadata as they are, underscores and all: none are encoded
	PlainBodies  bool   // knows neither aws-chunked bodies nor x-amz-checksum headers: none are sent or asked for

	SelfCopies bool // CopyObject onto the same key replaces all that is beside the bytes: no trial

	ConditionalWrites bool // If-Match and If-None-Match on PUT and CompleteMultipartUpload are atomic, unless options.conditionalWrites says otherwise
	ConditionalDelete bool // If-Match on DELETE is atomic
	ConditionalCopy   bool // CopyObject heeds the same conditions as PUT
	BareIfMatch       bool // compares If-Match of PUT with its ETag without quotes
	StoresChecksum    bool // keeps a CRC-64/NVME of every object, also of those it got without one
	NeedsAllParts     bool // does not complete an upload unless all its parts are named

	StorageClasses []string // unless options.storageClasses lists others; the first is the default
}

// Limits of S3 as AWS documents them (Amazon S3 User Guide, "Amazon S3 multipart upload limits"; API reference, "CopyObject").
const (
	maxKeyBytes   = 1024
	maxObjectSize = 5 << 40
	maxPutSize    = 5 << 30
	maxCopySize   = 5 << 30
	minPartSize   = 5 << 20
	maxPartSize   = 5 << 30
	maxParts      = s3shape.MaxParts
)

// Capabilities are those of a store with these quirks and a prefix of so many bytes.
func (q Quirks) capabilities(prefixBytes int) adapters.Capabilities {
	return adapters.Capabilities{
		MaxObjectSize: maxObjectSize, MaxPutSize: maxPutSize,
		Multipart: true, MinPartSize: minPartSize, MaxPartSize: maxPartSize, MaxParts: maxParts, NeedsAllParts: q.NeedsAllParts,
		MaxKeyBytes:    maxKeyBytes - prefixBytes,
		ConditionalPut: q.ConditionalWrites, ConditionalDelete: q.ConditionalWrites && q.ConditionalDelete,
		StoresChecksum: q.StoresChecksum, StorageClasses: q.StorageClasses,
		ServerCopy: true, MaxCopySize: maxCopySize,
	}
}

// quirks picks what is known of the store that a Config names.
func (d Dialect) quirks(c adapters.Config) Quirks {
	preset := c.Options["preset"]
	if preset == "" && c.Endpoint == "" {
		preset = d.Default
	}
	if q, ok := d.Presets[preset]; ok {
		return q
	}
	return d.Quirks
}

// Descriptor describes the type for adapters/all.
func (d Dialect) Descriptor() adapters.Descriptor {
	quirks := d.quirks(adapters.Config{})
	return adapters.Descriptor{
		Description:  d.Description,
		Fields:       d.fields(quirks),
		Capabilities: quirks.capabilities(0),
		Host:         d.host,
		Validate: func(c adapters.Config) error {
			_, err := d.parse(c)
			return err
		},
		Open: func(_ context.Context, c adapters.Config, _ adapters.Deps) (adapters.Store, error) { return d.Open(c) },
	}
}
