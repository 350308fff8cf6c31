package pebble_test

import (
	"testing"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/docstoretest"
	"github.com/opensds/gelato/internal/docstore/pebble"
)

func BenchmarkStore(b *testing.B) {
	docstoretest.Bench(b, func(b *testing.B) docstore.Store {
		s, err := pebble.Open(b.TempDir(), pebble.Options{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { s.Close() })
		return s
	})
}
