// Package fusionstorage declares the object service of Huawei FusionStorage and OceanStor, on premises (type "fusionstorage-object"). What it does
// is done by adapters/s3dialect.
//
// What is peculiar to it: the bucket is in the path, requests are signed with V4 or, for older installations, V2, and certificates are mostly signed by an
// authority of the company's own (options.caFile). Nothing that the protocol got in later years is taken for granted.
//
// adapters/all and tests import it.
package fusionstorage

import (
	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/s3dialect"
)

// Type is the name of this kind of backend.
const Type adapters.Type = "fusionstorage-object"

// Dialect declares the type.
func Dialect() s3dialect.Dialect {
	return s3dialect.Dialect{
		Description: "Huawei FusionStorage and OceanStor object service",
		Quirks:      s3dialect.Quirks{PathStyle: true, NeedsAllParts: true},
		Signatures:  []string{s3dialect.V4, s3dialect.V2},
	}
}

// Descriptor describes the type for adapters/all.
func Descriptor() adapters.Descriptor { return Dialect().Descriptor() }
