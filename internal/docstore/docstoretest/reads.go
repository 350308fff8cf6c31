package docstoretest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

func testGetMany(t *testing.T, s docstore.Store) {
	a, b := insert(t, s, "c", "a"), insert(t, s, "c", "b")
	got, err := s.GetMany(t.Context(), "c", []string{"b", "absent", "a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []docstore.Doc{b, {Key: "absent"}, a, b} {
		if err := same(got[i], want); err != nil {
			t.Errorf("result %d: %v", i, err)
		}
	}
	if got, err := s.GetMany(t.Context(), "c", nil); err != nil || len(got) != 0 {
		t.Errorf("of nothing: got %v, %v, want nothing", got, err)
	}
}

// orderKeys sort differently bytewise than by locale, by UTF-16 or by length.
var orderKeys = []string{"\x01", " ", "!", "$", "%", "%20", "+", "-", ".", "..", "/", "//", "0", "10", "2", "A", "B", "Z", "_", "a", "a\x01", "a\x01z", "a/", "a/b", "aB", "aa", "ab", "b",
	"z", "~", "\u00e4", "e\u0301", "\u00e9", "\u0416", "\u4e16\u754c", "\ue000", "\uffff", "\U00010000", "\U0001f366", "\U0010ffff"}

func testListOrder(t *testing.T, s docstore.Store) {
	keys := slices.Clone(orderKeys)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	docs := map[string]docstore.Doc{}
	for _, k := range keys {
		docs[k] = insert(t, s, "c", k)
	}
	slices.Sort(keys)
	got, err := s.List(t.Context(), "c", docstore.Range{Limit: 1000})
	if err != nil || len(got) != len(keys) {
		t.Fatalf("got %d documents, %v, want %d", len(got), err, len(keys))
	}
	for i, k := range keys {
		if err := same(got[i], docs[k]); err != nil {
			t.Errorf("place %d: %v", i, err)
		}
	}
}

func testListBounds(t *testing.T, s docstore.Store) {
	for _, k := range []string{"a", "b", "b/1", "b/2", "c"} {
		insert(t, s, "c", k)
	}
	insert(t, s, "c-2", "b/0")
	insert(t, s, "b", "b/0")
	for _, tt := range []struct {
		from, to string
		limit    int
		want     string
	}{
		{"", "", 10, "a b b/1 b/2 c"},
		{"", "", 2, "a b"},
		{"b", "", 10, "b b/1 b/2 c"},
		{"b", "c", 10, "b b/1 b/2"},
		{"b\x01", "c", 1, "b/1"},
		{"", "b", 10, "a"},
		{"b/3", "c", 10, ""},
		{"c", "a", 10, ""},
		{"b", "b", 10, ""},
		{"z", "", 10, ""},
		{docstore.After("b"), "", 10, "b/1 b/2 c"},
	} {
		docs, err := s.List(t.Context(), "c", docstore.Range{From: tt.from, To: tt.to, Limit: tt.limit})
		if err != nil {
			t.Errorf("list %q to %q: %v", tt.from, tt.to, err)
		}
		if got := keysOf(docs); got != tt.want {
			t.Errorf("list %q to %q limit %d: got %q, want %q", tt.from, tt.to, tt.limit, got, tt.want)
		}
	}
	if docs, err := s.List(t.Context(), "absent", docstore.Range{Limit: 1}); err != nil || len(docs) != 0 {
		t.Errorf("absent collection: got %v, %v, want nothing", docs, err)
	}
	for _, limit := range []int{0, -1} {
		_, err := s.List(t.Context(), "c", docstore.Range{Limit: limit})
		wantCode(t, fmt.Sprintf("limit %d", limit), err, errs.InvalidArgument)
	}
}

func keysOf(docs []docstore.Doc) string {
	var keys []string
	for _, d := range docs {
		keys = append(keys, d.Key)
	}
	return strings.Join(keys, " ")
}

func testListPages(t *testing.T, s docstore.Store) {
	const n = 257
	for i := range n {
		insert(t, s, "c", fmt.Sprintf("%05d", i))
	}
	from, count := "", 0
	for {
		docs, err := s.List(t.Context(), "c", docstore.Range{From: from, Limit: 16})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			if want := fmt.Sprintf("%05d", count); d.Key != want {
				t.Fatalf("got %q, want %q", d.Key, want)
			}
			count++
		}
		if len(docs) < 16 {
			break
		}
		from = docstore.After(docs[15].Key)
	}
	if count != n {
		t.Errorf("got %d documents, want %d", count, n)
	}
}

// testListWhileWriting keeps some documents still while others come and go between them: the still ones are always listed, once.
func testListWhileWriting(t *testing.T, s docstore.Store) {
	const still = 50
	for i := range still {
		insert(t, s, "c", fmt.Sprintf("%03d", i))
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				d := NewDoc(t, fmt.Sprintf("%03d-%d", i%still, w), bson.D{})
				if err := s.Insert(t.Context(), "c", d); err != nil {
					t.Errorf("insert: %v", err)
				}
				if err := s.Delete(t.Context(), "c", d.Key, d.Rev); err != nil {
					t.Errorf("delete: %v", err)
				}
			}
		})
	}
	for range 30 {
		docs, err := s.List(t.Context(), "c", docstore.Range{Limit: 10000})
		if err != nil {
			t.Errorf("list: %v", err)
		}
		seen := 0
		for i, d := range docs {
			if i > 0 && docs[i-1].Key >= d.Key {
				t.Errorf("%q is listed before %q", docs[i-1].Key, d.Key)
			}
			if len(d.Key) == 3 {
				seen++
			}
		}
		if seen != still {
			t.Errorf("got %d of the documents that nobody touched, want %d", seen, still)
		}
	}
	close(stop)
	wg.Wait()
}

func testProjection(t *testing.T, s docstore.Store) {
	type full struct {
		Size  int64          `bson:"size"`
		ETag  string         `bson:"etag"`
		Where map[string]any `bson:"where"`
		Meta  string         `bson:"meta"`
	}
	type summary struct {
		Size  int64             `bson:"size"`
		Where map[string]string `bson:"where"`
	}
	c := docstore.NewCollection[full](s, "c")
	revs := map[string]docstore.Rev{}
	for _, k := range []string{"a", "b"} {
		rev, err := c.Insert(t.Context(), k, full{Size: 7, ETag: "e", Where: map[string]any{"x": k}, Meta: strings.Repeat("m", 1000)})
		if err != nil {
			t.Fatal(err)
		}
		revs[k] = rev
	}
	r := docstore.Range{Limit: 10, Fields: []string{"size", "where", "absent"}}
	items, err := docstore.ListAs[summary](t.Context(), c, r)
	if err != nil || len(items) != 2 {
		t.Fatalf("got %v, %v, want 2 summaries", items, err)
	}
	for _, i := range items {
		if i.Value.Size != 7 || i.Value.Where["x"] != i.Key || i.Rev != revs[i.Key] {
			t.Errorf("got %+v, want size 7, where.x %s, revision %s", i, i.Key, revs[i.Key])
		}
	}
	docs, err := s.List(t.Context(), "c", r)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		if err := d.Body.Validate(); err != nil {
			t.Errorf("the projected body of %s is malformed: %v", d.Key, err)
		}
	}
}

func testCollections(t *testing.T, s docstore.Store) {
	a, b := insert(t, s, "a", "k"), insert(t, s, "a-b", "k")
	wantDoc(t, s, "a", a)
	wantDoc(t, s, "a-b", b)
	if err := s.Delete(t.Context(), "a", "k", a.Rev); err != nil {
		t.Fatal(err)
	}
	wantAbsent(t, s, "a", "k")
	wantDoc(t, s, "a-b", b)
	docs, err := s.List(t.Context(), "a", docstore.Range{Limit: 10})
	if err != nil || len(docs) != 0 {
		t.Errorf("got %v, %v, want an empty collection", docs, err)
	}
}

// testOwnCopies changes what it gave and what it got: neither may reach what is stored.
func testOwnCopies(t *testing.T, s docstore.Store) {
	d := NewDoc(t, "k", bson.D{{Key: "v", Value: "before"}})
	want := d
	want.Body = slices.Clone(d.Body)
	if err := s.Insert(t.Context(), "c", d); err != nil {
		t.Fatal(err)
	}
	clear(d.Body)
	got, err := s.Get(t.Context(), "c", "k")
	if err != nil {
		t.Fatal(err)
	}
	clear(got.Body)
	docs, err := s.List(t.Context(), "c", docstore.Range{Limit: 1})
	if err != nil || len(docs) != 1 {
		t.Fatalf("got %v, %v, want one document", docs, err)
	}
	clear(docs[0].Body)
	wantDoc(t, s, "c", want)
}
