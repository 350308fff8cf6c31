// Package all names every type of store that Gelato has. Services and commands import it to open stores; nothing in
// adapters/ may.
//
// A new cloud is one line in Registry.
package all

import (
	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/awss3"
	"github.com/opensds/gelato/adapters/azureblob"
	"github.com/opensds/gelato/adapters/cephrados"
	"github.com/opensds/gelato/adapters/cephs3"
	"github.com/opensds/gelato/adapters/fusionstorage"
	"github.com/opensds/gelato/adapters/hwobs"
	"github.com/opensds/gelato/adapters/posix"
)

// Registry returns the types of stores by name.
func Registry() adapters.Registry {
	return adapters.Registry{
		awss3.Type:         awss3.Descriptor(),
		azureblob.Type:     azureblob.Descriptor(),
		cephrados.Type:     cephrados.Descriptor(),
		cephs3.Type:        cephs3.Descriptor(),
		fusionstorage.Type: fusionstorage.Descriptor(),
		hwobs.Type:         hwobs.Descriptor(),
		posix.Type:         posix.Descriptor(),
	}
}
