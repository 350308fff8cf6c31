package mongo_test

import (
	"testing"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/docstoretest"
	"github.com/opensds/gelato/internal/docstore/mongo"
	"github.com/opensds/gelato/internal/testbed"
)

// BenchmarkStore measures the driver together with mongo-java-server, each run on a server of its own.
func BenchmarkStore(b *testing.B) {
	docstoretest.Bench(b, func(b *testing.B) docstore.Store {
		return open(b, testbed.Mongo(b, testbed.MongoOptions{}).URL("bench"), mongo.Options{})
	})
}
