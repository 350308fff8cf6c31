package mongo_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/docstoretest"
	"github.com/opensds/gelato/internal/docstore/mongo"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/testbed"
)

// TestRoundTrips counts the commands of each call.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	server := testbed.Mongo(t, testbed.MongoOptions{})
	var mu sync.Mutex
	var sent []string
	s := open(t, server.URL("trips"), mongo.Options{}.OnCommand(func(name string) {
		mu.Lock()
		defer mu.Unlock()
		sent = append(sent, name)
	}))
	var keys []string
	var inserts []docstore.Op
	for i := range 1000 {
		d := doc(t, fmt.Sprintf("%04d", i))
		keys = append(keys, d.Key)
		inserts = append(inserts, docstore.Op{Kind: docstore.OpInsert, Collection: "c", Doc: d})
	}
	first := inserts[0].Doc
	next := docstore.Doc{Key: first.Key, Rev: docstore.NewRev(time.Now(), first.Rev), Body: first.Body}
	single := doc(t, "single")
	for _, tt := range []struct {
		name string
		call func() error
		want string
	}{
		{"first use", func() error { _, err := s.List(t.Context(), "c", docstore.Range{Limit: 1}); return err }, "listCollections create find"},
		{"Insert", func() error { return s.Insert(t.Context(), "c", single) }, "insert"},
		{"Delete", func() error { return s.Delete(t.Context(), "c", "single", single.Rev) }, "delete"},
		{"Batch of one kind", func() error { return joined(s.Batch(t.Context(), inserts)) }, "insert"},
		{"Get", func() error { _, err := s.Get(t.Context(), "c", "0000"); return err }, "find"},
		{"GetMany", func() error { _, err := s.GetMany(t.Context(), "c", keys); return err }, "find"},
		{"List", func() error { _, err := s.List(t.Context(), "c", docstore.Range{Limit: 1000}); return err }, "find"},
		{"List, fewer", func() error {
			_, err := s.List(t.Context(), "c", docstore.Range{From: "0500", Limit: 1000, Fields: []string{"v"}})
			return err
		}, "find"},
		{"Replace", func() error { return s.Replace(t.Context(), "c", next, first.Rev) }, "update"},
		{"Batch of all kinds", func() error {
			return joined(s.Batch(t.Context(), []docstore.Op{
				{Kind: docstore.OpInsert, Collection: "c", Doc: doc(t, "a")},
				{Kind: docstore.OpInsert, Collection: "c", Doc: doc(t, "b")},
				{Kind: docstore.OpDelete, Collection: "c", Doc: docstore.Doc{Key: "0000"}, Old: next.Rev},
				{Kind: docstore.OpReplace, Collection: "c", Doc: doc(t, "0001"), Old: inserts[1].Doc.Rev},
				{Kind: docstore.OpReplace, Collection: "c", Doc: doc(t, "0002"), Old: inserts[2].Doc.Rev},
			}))
		}, "delete insert update"},
	} {
		mu.Lock()
		sent = nil
		mu.Unlock()
		if err := tt.call(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		mu.Lock()
		if strings.HasPrefix(tt.name, "Batch") { // its commands run side by side
			slices.Sort(sent)
		}
		if got := strings.Join(sent, " "); got != tt.want {
			t.Errorf("%s: got the commands %q, want %q", tt.name, got, tt.want)
		}
		mu.Unlock()
	}
}

func joined(outcomes []error, err error) error {
	for _, e := range outcomes {
		if err == nil {
			err = e
		}
	}
	return err
}

// TestBatchOutcomes mixes operations that match with ones that do not.
func TestBatchOutcomes(t *testing.T) {
	t.Parallel()
	server := testbed.Mongo(t, testbed.MongoOptions{})
	p := newProxy(t, server.Addr)
	s := open(t, p.url("outcomes"), mongo.Options{})
	other := open(t, server.URL("outcomes"), mongo.Options{})
	stale := docstore.NewRev(time.Now(), "")

	// Each key has a good replace, a stale one, or one of the absent; want says which are told.
	replace := func(prefix string, kinds string) (ops []docstore.Op) {
		for i, kind := range kinds {
			d := doc(t, fmt.Sprintf("%s/%d", prefix, i))
			op := docstore.Op{Kind: docstore.OpReplace, Collection: "c", Doc: docstore.Doc{Key: d.Key, Rev: docstore.NewRev(time.Now(), d.Rev), Body: d.Body}, Old: d.Rev}
			if kind != 'a' {
				if err := s.Insert(t.Context(), "c", d); err != nil {
					t.Fatal(err)
				}
			}
			if kind != 'g' {
				op.Old = stale
			}
			ops = append(ops, op)
		}
		return ops
	}
	codes := func(outcomes []error, err error) string {
		if err != nil {
			return err.Error()
		}
		var got []string
		for _, e := range outcomes {
			if e == nil {
				got = append(got, "ok")
			} else {
				got = append(got, errs.CodeOf(e).String())
			}
		}
		return strings.Join(got, " ")
	}
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	check("all match", codes(s.Batch(t.Context(), replace("all", "ggg"))), "ok ok ok")
	check("none matches", codes(s.Batch(t.Context(), replace("none", "sas"))), "failed_precondition failed_precondition failed_precondition")
	check("some match", codes(s.Batch(t.Context(), replace("some", "gsaggs"))), "ok failed_precondition failed_precondition ok ok failed_precondition")

	// Another writer comes between the update and the look at the revisions: its document and the stale one cannot be told apart.
	ops := replace("race", "gsg")
	var once atomic.Bool
	p.behave(func(name string, _ bson.Raw) action {
		if name == "find" && !once.Swap(true) {
			over := docstore.Doc{Key: ops[0].Doc.Key, Rev: docstore.NewRev(time.Now(), ops[0].Doc.Rev), Body: ops[0].Doc.Body}
			if err := other.Replace(t.Context(), "c", over, ops[0].Doc.Rev); err != nil {
				t.Errorf("the other writer: %v", err)
			}
		}
		return action{}
	})
	check("another writer in between", codes(s.Batch(t.Context(), ops)), "unavailable unavailable ok")
	p.behave(func(string, bson.Raw) action { return action{} })

	remove := func(prefix, kinds string) []docstore.Op {
		ops := replace(prefix, kinds)
		for i, op := range ops {
			ops[i] = docstore.Op{Kind: docstore.OpDelete, Collection: "c", Doc: docstore.Doc{Key: op.Doc.Key}, Old: op.Old}
		}
		return ops
	}
	check("all deletes match", codes(s.Batch(t.Context(), remove("d-all", "ggg"))), "ok ok ok")
	check("no delete matches", codes(s.Batch(t.Context(), remove("d-none", "as"))), "failed_precondition failed_precondition")
	check("some deletes match", codes(s.Batch(t.Context(), remove("d-some", "gag"))), "unavailable unavailable unavailable")

	mixed := append(replace("mixed", "g"), docstore.Op{Kind: docstore.OpInsert, Collection: "c", Doc: doc(t, "all/0")}, docstore.Op{Kind: docstore.OpInsert, Collection: "c", Doc: doc(t, "new")},
		docstore.Op{Kind: docstore.OpInsert, Collection: "d", Doc: doc(t, "all/0")}, docstore.Op{Kind: docstore.OpInsert, Collection: "c", Doc: docstore.Doc{Key: "bad"}})
	check("inserts", codes(s.Batch(t.Context(), mixed)), "ok already_exists ok ok invalid_argument")

	// A part without an answer does not take the others with it.
	p.once("update", action{drop: true, cut: true})
	check("a lost part", codes(s.Batch(t.Context(), append(replace("lost", "gg"), docstore.Op{Kind: docstore.OpInsert, Collection: "c", Doc: doc(t, "kept")}))), "unavailable unavailable ok")
}

// TestBigBatch writes and reads more than fits one command.
func TestBigBatch(t *testing.T) {
	t.Parallel()
	server := testbed.Mongo(t, testbed.MongoOptions{})
	s := open(t, server.URL("big"), mongo.Options{})
	pad := strings.Repeat("x", 1<<20)
	want := map[string]docstore.Doc{}
	var ops []docstore.Op
	add := func(key string, v any) {
		d := docstoretest.NewDoc(t, key, v)
		want[key] = d
		ops = append(ops, docstore.Op{Kind: docstore.OpInsert, Collection: "c", Doc: d})
	}
	for i := range 40 { // 40 MiB
		add(fmt.Sprintf("big/%d", i), bson.D{{Key: "pad", Value: pad}})
	}
	for i := range 3000 {
		add(fmt.Sprintf("many/%d", i), bson.D{{Key: "i", Value: i}})
	}
	if err := joined(s.Batch(t.Context(), ops)); err != nil {
		t.Fatal(err)
	}
	keys := slices.Sorted(maps.Keys(want))
	docs, err := s.GetMany(t.Context(), "c", keys)
	if err != nil || len(docs) != len(keys) {
		t.Fatalf("got %d documents, %v, want %d", len(docs), err, len(keys))
	}
	for i, d := range docs {
		if d.Key != keys[i] || d.Rev != want[d.Key].Rev || string(d.Body) != string(want[d.Key].Body) {
			t.Errorf("%s came back as %s %s", keys[i], d.Key, d.Rev)
		}
	}
	listed, err := s.List(t.Context(), "c", docstore.Range{Limit: 1 << 40})
	if err != nil || len(listed) != len(keys) {
		t.Errorf("got %d documents, %v, want %d", len(listed), err, len(keys))
	}
}
