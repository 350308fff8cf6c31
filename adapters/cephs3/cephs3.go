// Package cephs3 declares Ceph reached through its RADOS Gateway (type "ceph-s3"). What it does is done by adapters/s3dialect.
//
// What is peculiar to RGW, seen on version 16:
//   - If-None-Match of a PUT is atomic, but of writers that race with the same If-Match two may win, and CompleteMultipartUpload and DELETE pay no heed to
//     conditions at all. So they are declared missing, unless options.conditionalWrites says that this RGW is a newer one. If-Match is compared without quotes.
//   - An upload completes only with all the parts that were stored.
//   - The ETag of a copy is carried along from its source, so copies are not verified; neither are ETags of CompleteMultipartUpload answered.
//   - A user is not told which storage classes a zone has: options.storageClasses lists them. A placement target belongs to the bucket, and buckets
//     are not made by Gelato: its operator makes one per placement target and registers each as a backend.
//
// adapters/all and tests import it.
package cephs3

import (
	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/s3dialect"
)

// Type is the name of this kind of backend.
const Type adapters.Type = "ceph-s3"

// Dialect declares the type.
func Dialect() s3dialect.Dialect {
	return s3dialect.Dialect{
		Description: "Ceph through its RADOS Gateway (RGW)",
		Quirks:      s3dialect.Quirks{PathStyle: true, BareIfMatch: true, NeedsAllParts: true, StorageClasses: []string{"STANDARD"}},
	}
}

// Descriptor describes the type for adapters/all.
func Descriptor() adapters.Descriptor { return Dialect().Descriptor() }
