package mongo

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

func TestEncoding(t *testing.T) {
	t.Parallel()
	deep := func(levels int) bson.D {
		d := bson.D{}
		for range levels {
			d = bson.D{{Key: "d", Value: d}}
		}
		return d
	}
	one := func(v any) bson.D { return bson.D{{Key: "v", Value: v}} }
	for _, tt := range []struct {
		name  string
		body  bson.D
		plain bool
	}{
		{"empty", bson.D{}, true},
		{"usual values", bson.D{{Key: "s", Value: "x"}, {Key: "i", Value: 1}, {Key: "l", Value: int64(1) << 60}, {Key: "f", Value: 0.5}, {Key: "t", Value: time.Unix(1, 0)}, {Key: "n", Value: nil}, {Key: "b", Value: true}}, true},
		{"nested", bson.D{{Key: "a", Value: bson.A{bson.D{{Key: "x", Value: []byte{0}}}, bson.A{}}}}, true},
		{"deep", deep(maxDepth - 1), true},
		{"too deep", deep(maxDepth), false},
		{"empty name", bson.D{{Key: "", Value: 1}}, false},
		{"dot in a name", one(bson.D{{Key: "a.b", Value: 1}}), false},
		{"dollar before a name", one(bson.D{{Key: "$set", Value: 1}}), false},
		{"dollar in a name", bson.D{{Key: "a$", Value: 1}}, true},
		{"NUL in a string", one("a\x00b"), false},
		{"not UTF-8", one("a\xff"), false},
		{"infinite", one(math.Inf(1)), false},
		{"not a number", one(math.NaN()), false},
		{"minus zero", one(math.Copysign(0, -1)), false},
		{"decimal", one(bson.Decimal128{}), false},
		{"subtype", one(bson.Binary{Subtype: 4, Data: make([]byte, 16)}), false},
		{"regular expression", one(bson.Regex{Pattern: "."}), false},
	} {
		body, err := bson.Marshal(tt.body)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		d := docstore.Doc{Key: "k", Rev: docstore.NewRev(time.Now(), ""), Body: body}
		raw := encode(d)
		if err := raw.Validate(); err != nil {
			t.Errorf("%s: encoded to %v: %v", tt.name, raw, err)
		}
		if _, err := raw.LookupErr(fieldBody); (err == nil) != tt.plain {
			t.Errorf("%s: stored as a document: got %v, want %v", tt.name, err == nil, tt.plain)
		}
		got, err := decode(raw, false)
		if err != nil || got.Key != d.Key || got.Rev != d.Rev || !bytes.Equal(got.Body, d.Body) {
			t.Errorf("%s: got %v, %v, want %v", tt.name, got, err, d)
		}
	}
	// A body whose insides are malformed goes as bytes.
	bad := []byte{12, 0, 0, 0, 3, 'd', 0, 99, 0, 0, 0, 0}
	if got, err := decode(encode(docstore.Doc{Key: "k", Rev: docstore.NewRev(time.Now(), ""), Body: bad}), false); err != nil || !bytes.Equal(got.Body, bad) {
		t.Errorf("malformed inside: got %v, %v", got, err)
	}
}

func TestDecodeMalformed(t *testing.T) {
	t.Parallel()
	rev := string(docstore.NewRev(time.Now(), ""))
	for name, d := range map[string]bson.D{
		"no key":        {{Key: "r", Value: rev}, {Key: "b", Value: bson.D{}}},
		"foreign key":   {{Key: "_id", Value: 7}, {Key: "r", Value: rev}, {Key: "b", Value: bson.D{}}},
		"no revision":   {{Key: "_id", Value: "k"}, {Key: "b", Value: bson.D{}}},
		"bad revision":  {{Key: "_id", Value: "k"}, {Key: "r", Value: "7"}, {Key: "b", Value: bson.D{}}},
		"no body":       {{Key: "_id", Value: "k"}, {Key: "r", Value: rev}},
		"body a string": {{Key: "_id", Value: "k"}, {Key: "r", Value: rev}, {Key: "b", Value: "x"}},
	} {
		raw, err := bson.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decode(raw, false); !errs.Is(err, errs.DataLoss) {
			t.Errorf("%s: got %v, %v, want DataLoss", name, got, err)
		}
	}
}

func TestProjection(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fields []string
		want   string
	}{
		{nil, ""},
		{[]string{"size", "etag", "size"}, "r x b.etag b.size"},
		{[]string{"size", "a.b"}, ""},
		{[]string{"$x"}, ""},
		{[]string{""}, ""},
	} {
		var got []string
		for _, e := range projection(tt.fields) {
			got = append(got, e.Key)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("fields %q: got %q, want %q", tt.fields, got, tt.want)
		}
	}
}

func TestHarmless(t *testing.T) {
	t.Parallel()
	raw := func(v any) bson.RawValue {
		b, err := bson.Marshal(bson.D{{Key: "v", Value: v}})
		if err != nil {
			t.Fatal(err)
		}
		return bson.Raw(b).Lookup("v")
	}
	for _, tt := range []struct {
		option string
		value  any
		want   bool
	}{
		{"collation", bson.D{{Key: "locale", Value: "simple"}}, true},
		{"collation", bson.D{{Key: "locale", Value: "de"}}, false},
		{"capped", false, true},
		{"capped", true, false},
		{"validator", bson.D{}, true},
		{"validator", bson.D{{Key: "x", Value: 1}}, false},
	} {
		if got := harmless(tt.option, raw(tt.value)); got != tt.want {
			t.Errorf("%s %v: got %v, want %v", tt.option, tt.value, got, tt.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(encode(docstore.Doc{Key: "k", Rev: docstore.NewRev(time.Now(), ""), Body: emptyBody})))
	f.Add([]byte{5, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := decode(raw, false)
		if err != nil {
			return
		}
		again, err := decode(encode(d), false)
		if err != nil || again.Key != d.Key || again.Rev != d.Rev || !bytes.Equal(again.Body, d.Body) {
			t.Errorf("got %v, %v, want %v", again, err, d)
		}
	})
}
