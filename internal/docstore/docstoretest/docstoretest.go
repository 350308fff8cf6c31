// Package docstoretest holds the rules of docstore that every driver passes, and wrappers that misbehave as far as
// the rules allow, for the tests of services. Tests only.
package docstoretest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// Harness says how the suite gets a driver.
type Harness struct {
	// Open returns an empty store; the suite closes it.
	Open func(t *testing.T) docstore.Store
}

// Run runs the suite, its cases in parallel, each on a store of its own.
func Run(t *testing.T, h Harness) {
	cases := []struct {
		name string
		run  func(t *testing.T, s docstore.Store)
	}{
		{"Insert", testInsert},
		{"Replace", testReplace},
		{"Delete", testDelete},
		{"Revisions", testRevisions},
		{"Refused", testRefused},
		{"Cancelled", testCancelled},
		{"GetMany", testGetMany},
		{"ListOrder", testListOrder},
		{"ListBounds", testListBounds},
		{"ListPages", testListPages},
		{"ListWhileWriting", testListWhileWriting},
		{"Projection", testProjection},
		{"Collections", testCollections},
		{"KeyTorture", testKeys},
		{"BigDocument", testBigDocument},
		{"BodyTorture", testBodies},
		{"OwnCopies", testOwnCopies},
		{"InsertRace", testInsertRace},
		{"ReplaceRace", testReplaceRace},
		{"Counter", testCounter},
		{"ReadAfterWrite", testReadAfterWrite},
		{"Batch", testBatch},
		{"BatchRace", testBatchRace},
		{"Close", testClose},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := h.Open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			c.run(t, s)
		})
	}
}

// Body encodes a value as the body of a document.
func Body(t testing.TB, v any) bson.Raw {
	t.Helper()
	b, err := bson.Marshal(v)
	if err != nil {
		t.Fatalf("encode body: %v", err)
	}
	return b
}

// NewDoc makes a document with a fresh revision.
func NewDoc(t testing.TB, key string, v any) docstore.Doc {
	t.Helper()
	return docstore.Doc{Key: key, Rev: docstore.NewRev(time.Now(), ""), Body: Body(t, v)}
}

func insert(t *testing.T, s docstore.Store, collection, key string) docstore.Doc {
	t.Helper()
	d := NewDoc(t, key, bson.D{{Key: "key", Value: key}})
	if err := s.Insert(t.Context(), collection, d); err != nil {
		t.Fatalf("insert %.40q: %v", key, err)
	}
	return d
}

func wantDoc(t *testing.T, s docstore.Store, collection string, want docstore.Doc) {
	t.Helper()
	got, err := s.Get(t.Context(), collection, want.Key)
	if err != nil {
		t.Errorf("get %.40q: %v", want.Key, err)
		return
	}
	if err := same(got, want); err != nil {
		t.Error(err)
	}
}

func wantAbsent(t *testing.T, s docstore.Store, collection, key string) {
	t.Helper()
	if got, err := s.Get(t.Context(), collection, key); !errs.Is(err, errs.NotFound) {
		t.Errorf("get %.40q: got %v, %v, want NotFound", key, got.Rev, err)
	}
}

func wantCode(t *testing.T, what string, err error, want errs.Code) {
	t.Helper()
	if got := errs.CodeOf(err); err == nil || got != want {
		t.Errorf("%s: got %v (code %v), want code %v", what, err, got, want)
	}
}

func same(got, want docstore.Doc) error {
	if got.Key != want.Key || got.Rev != want.Rev || !bytes.Equal(got.Body, want.Body) {
		return fmt.Errorf("got document %.40q %s of %d bytes, want %.40q %s of %d bytes", got.Key, got.Rev, len(got.Body), want.Key, want.Rev, len(want.Body))
	}
	return nil
}
