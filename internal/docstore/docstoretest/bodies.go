package docstoretest

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// testKeys stores, finds, lists and removes keys that databases stumble over.
func testKeys(t *testing.T, s docstore.Store) {
	keys := append([]string{
		"$set", "$", "_id", "a.b.c", "...", "../../etc/passwd", "a$b", "#", "?x=y", "%2F", "\\", "\"'`", "{\"$gt\":\"\"}", "null", "true", "-1", "1e9", " lead", "trail ", "a\nb", "a\tb",
		"\x01", "\x02\x03", "\u200b", "\ufeff", "\u202e", "\u00e9", "e\u0301", "\U0001f468\u200d\U0001f469",
		strings.Repeat("k", docstore.MaxKeyBytes), strings.Repeat("\U0001f366", docstore.MaxKeyBytes/4), strings.Repeat("k", docstore.MaxKeyBytes-1) + "l",
	}, orderKeys...)
	seen := map[string]docstore.Doc{}
	for _, k := range keys {
		if _, ok := seen[k]; !ok {
			seen[k] = insert(t, s, "c", k)
		}
	}
	for k, d := range seen {
		wantDoc(t, s, "c", d)
		docs, err := s.List(t.Context(), "c", docstore.Range{From: k, To: docstore.After(k), Limit: 2})
		if err != nil || len(docs) != 1 {
			t.Errorf("list %.40q alone: got %d documents, %v", k, len(docs), err)
		}
	}
	for k, d := range seen {
		if err := s.Delete(t.Context(), "c", k, d.Rev); err != nil {
			t.Errorf("delete %.40q: %v", k, err)
		}
		wantAbsent(t, s, "c", k)
	}
	for name, k := range map[string]string{"empty": "", "NUL": "a\x00b", "not UTF-8": "a\xff", "half a surrogate": "\xed\xa0\x80", "too long": strings.Repeat("k", docstore.MaxKeyBytes+1)} {
		wantCode(t, "insert key "+name, s.Insert(t.Context(), "c", NewDoc(t, k, bson.D{})), errs.InvalidArgument)
		_, err := s.Get(t.Context(), "c", k)
		wantCode(t, "get key "+name, err, errs.InvalidArgument)
	}
}

func testBigDocument(t *testing.T, s docstore.Store) {
	for i := range 4 {
		data := make([]byte, 1<<20)
		for j := range data {
			data[j] = byte(i + j*j>>3)
		}
		d := NewDoc(t, fmt.Sprint(i), bson.D{{Key: "data", Value: data}, {Key: "n", Value: i}})
		if err := s.Insert(t.Context(), "c", d); err != nil {
			t.Fatal(err)
		}
		wantDoc(t, s, "c", d)
	}
	docs, err := s.List(t.Context(), "c", docstore.Range{Limit: 10, Fields: []string{"n"}})
	if err != nil || len(docs) != 4 {
		t.Errorf("got %d documents, %v, want 4", len(docs), err)
	}
	d := NewDoc(t, "too-big", bson.D{{Key: "data", Value: make([]byte, docstore.MaxBodyBytes)}})
	wantCode(t, "too big", s.Insert(t.Context(), "c", d), errs.InvalidArgument)
}

// testBodies stores every kind of value and field name that Gelato may use and gets the same bytes back.
func testBodies(t *testing.T, s docstore.Store) {
	deep := bson.D{{Key: "leaf", Value: 1}}
	for range 40 {
		deep = bson.D{{Key: "d", Value: deep}}
	}
	for name, v := range map[string]bson.D{
		"empty":   {},
		"kinds":   {{Key: "i32", Value: int32(math.MinInt32)}, {Key: "i64", Value: int64(math.MaxInt64)}, {Key: "f", Value: math.Inf(-1)}, {Key: "b", Value: true}, {Key: "nil", Value: nil}, {Key: "t", Value: time.Unix(1, 5e6).UTC()}},
		"bytes":   {{Key: "empty", Value: []byte{}}, {Key: "nul", Value: []byte{0, 255}}},
		"strings": {{Key: "empty", Value: ""}, {Key: "nul", Value: "a\x00b"}, {Key: "u", Value: "\U0001f366"}},
		"arrays":  {{Key: "a", Value: bson.A{1, "x", bson.D{{Key: "y", Value: bson.A{}}}}}},
		"deep":    deep,
		"names":   {{Key: "sub", Value: bson.D{{Key: "x-amz-meta-a.b", Value: "dots"}, {Key: "\u00e4", Value: 1}, {Key: "", Value: "empty name"}}}},
	} {
		d := NewDoc(t, name, v)
		if err := s.Insert(t.Context(), "c", d); err != nil {
			t.Errorf("insert %s: %v", name, err)
			continue
		}
		wantDoc(t, s, "c", d)
	}
}
