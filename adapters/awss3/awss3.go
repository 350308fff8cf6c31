// Package awss3 declares AWS S3, and stores that speak its protocol (type "aws-s3"). What it does is done by adapters/s3dialect.
//
// options.preset names a well-known store. With an endpoint and no preset nothing is taken for granted: what can be tried is tried.
//
// adapters/all and tests import it.
package awss3

import (
	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/s3dialect"
)

// Type is the name of this kind of backend.
const Type adapters.Type = "aws-s3"

// Dialect declares the type.
func Dialect() s3dialect.Dialect {
	return s3dialect.Dialect{
		Description: "AWS S3, and any endpoint that speaks its protocol",
		Quirks:      s3dialect.Quirks{PathStyle: true, NeedsAllParts: true},
		Default:     "aws",
		Presets: map[string]s3dialect.Quirks{
			"aws": {
				Service: "amazonaws.com", OwnEndpoints: true, ExactKeys: true, ExactNames: true, SelfCopies: true,
				ConditionalWrites: true, ConditionalDelete: true, ConditionalCopy: true, StoresChecksum: true,
				StorageClasses: []string{"STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE", "REDUCED_REDUNDANCY"},
			},
			// MinIO judges conditions under the lock of the key, on PUT and on completion.
			"minio": {PathStyle: true, ExactNames: true, ConditionalWrites: true, StorageClasses: []string{"STANDARD", "REDUCED_REDUNDANCY"}},
			// The XML API of Google Cloud Storage with HMAC keys: its conditions have other names, and it has no aws-chunked bodies.
			"gcs": {
				Endpoint: "https://storage.googleapis.com", Service: "storage.googleapis.com", Region: "auto", PathStyle: true, ExactKeys: true, ExactNames: true, PlainBodies: true,
				StorageClasses: []string{"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"},
			},
			// IBM Cloud Object Storage: the class is the bucket's.
			"ibm-cos": {
				Endpoint: "https://s3.{region}.cloud-object-storage.appdomain.cloud", Service: "cloud-object-storage.appdomain.cloud", Region: "us-south", PathStyle: true, ExactNames: true, PlainBodies: true, NeedsAllParts: true,
			},
		},
	}
}

// Descriptor describes the type for adapters/all.
func Descriptor() adapters.Descriptor { return Dialect().Descriptor() }
