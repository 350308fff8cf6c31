package mongo_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/docstoretest"
	"github.com/opensds/gelato/internal/docstore/mongo"
	"github.com/opensds/gelato/internal/testbed"
)

// TestSuite runs the rules of docstore on mongo-java-server, each case in a database of its own.
func TestSuite(t *testing.T) {
	t.Parallel()
	suite(t, testbed.Mongo(t, testbed.MongoOptions{}).URL)
}

// TestSuiteFerretDB runs them on FerretDB.
func TestSuiteFerretDB(t *testing.T) {
	t.Parallel()
	suite(t, testbed.FerretDB(t))
}

func suite(t *testing.T, url func(database string) string) {
	var n atomic.Int32
	docstoretest.Run(t, docstoretest.Harness{Open: func(t *testing.T) docstore.Store {
		return open(t, url(fmt.Sprintf("suite%d", n.Add(1))), mongo.Options{})
	}})
}

func open(t testing.TB, url string, o mongo.Options) *mongo.Store {
	t.Helper()
	s, err := mongo.Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}
