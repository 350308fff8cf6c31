package cephrados

import (
	"slices"
	"strings"

	"github.com/opensds/gelato/adapters"
)

// Type is the name of this kind of store.
const Type adapters.Type = "ceph-rados"

const (
	maxKeyBytes = 1024
	maxParts    = 10_000
	maxSize     = 1 << 44 // 16 TiB, of an object and of a part: what one index row may describe, not a limit of Ceph
)

// Descriptor describes the type for a registry, in every build.
func Descriptor() adapters.Descriptor {
	return adapters.Descriptor{
		Description:  "A Ceph pool, direct",
		Missing:      missing,
		Fields:       fields(),
		Capabilities: capabilities(""),
		Host:         host,
		Validate:     func(c adapters.Config) error { _, err := parse(c); return err },
		Open:         open,
	}
}

func capabilities(prefix string) adapters.Capabilities {
	return adapters.Capabilities{
		MaxObjectSize: maxSize, MaxPutSize: maxSize,
		Multipart: true, MinPartSize: 0, MaxPartSize: maxSize, MaxParts: maxParts,
		MaxKeyBytes:    maxKeyBytes - len(prefix),
		ConditionalPut: true, ConditionalDelete: true, StoresChecksum: true,
	}
}

// host names the cluster by its monitors, whatever their order, and the namespace, as a pool has many.
func host(c adapters.Config) string {
	mons := splitMonitors(strings.ToLower(c.Endpoint))
	slices.Sort(mons)
	return strings.Join(mons, ",") + " " + c.Options["namespace"]
}
