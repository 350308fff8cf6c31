package catalog

import (
	"context"
	"fmt"
	"sort"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/pebble"
)

// folders is a document store with a bucket of many keys in folders, made up as they are asked for. It counts what is read.
type folders struct {
	docstore.Store
	bucketID       string
	of, each       int // folders, keys in each
	doc            docstore.Doc
	lists, handed  int
	largestRequest int
}

func (f *folders) key(i int) string {
	return headKey(f.bucketID, fmt.Sprintf("folder-%05d/key-%07d", i/f.each, i%f.each))
}

func (f *folders) List(_ context.Context, _ string, r docstore.Range) ([]docstore.Doc, error) {
	f.lists++
	f.largestRequest = max(f.largestRequest, r.Limit)
	var docs []docstore.Doc
	for i := sort.Search(f.of*f.each, func(i int) bool { return f.key(i) >= r.From }); i < f.of*f.each && len(docs) < r.Limit && f.key(i) < r.To; i++ {
		d := f.doc
		d.Key = f.key(i)
		docs = append(docs, d)
	}
	f.handed += len(docs)
	return docs, nil
}

// A listing with a delimiter seeks from folder to folder: it reads a small share of a million keys.
func TestDelimiterSeeks(t *testing.T) {
	t.Parallel()
	docs, err := pebble.Open("state", pebble.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer docs.Close()
	c, err := New(docs, memStores{"a": newMemStore()}, blob.TagOf("test"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.CreateBucket(t.Context(), Bucket{Name: "bucket", Owner: "u", BackendID: "a"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w, err := c.Begin(t.Context(), b, "k", "", 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Commit(t.Context(), w, object("k"), nil, Condition{}); err != nil {
		t.Fatal(err)
	}
	head, err := docs.Get(t.Context(), collObjects, headKey(b.ID, "k"))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		of, each, prefixes, lists, handed int // the last two are limits
	}{
		{100, 10_000, 100, 101, 1001 + 100*seekRun},
		{1000, 1000, 1000, 1001, 1001 + 1000*seekRun},
		{100_000, 10, 1000, 13, 12_000},   // a page of short folders: no seek is worth while
		{1_000_000, 1, 1000, 2, 2 * 1001}, // nor here
		{1, 1_000_000, 1, 2, 1001 + seekRun},
		{100, 200, 100, 30, 21_000},
	} {
		f := &folders{bucketID: b.ID, of: k.of, each: k.each, doc: head}
		c.docs = f
		page, err := c.List(t.Context(), Listing{Bucket: b, Delimiter: "/", Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.CommonPrefixes) != k.prefixes || len(page.Objects) != 0 || page.More != (k.of > 1000) || f.lists > k.lists || f.handed > k.handed || f.largestRequest > 1001 {
			t.Errorf("%d folders of %d keys: got %d prefixes, more %t; %d lists read %d documents, %d at most at once", k.of, k.each, len(page.CommonPrefixes), page.More, f.lists, f.handed, f.largestRequest)
		}
		t.Logf("%d folders of %d keys: %d lists read %d documents", k.of, k.each, f.lists, f.handed)
	}
	c.docs = docs
}
