// Package all names every type of store that Gelato has. Services and commands import it to open stores; nothing in
// adapters/ may.
//
// A new cloud is one line in Registry.
package all

import (
	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/posix"
)

// Registry returns the types of stores by name.
func Registry() adapters.Registry {
	return adapters.Registry{
		posix.Type: posix.Descriptor(),
	}
}
