package mongo

import (
	"math"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// Fields of a stored document.
const (
	fieldKey    = "_id"
	fieldRev    = "r"
	fieldBody   = "b" // a document
	fieldOpaque = "x" // or the same as bytes
)

// emptyBody is the BSON document without a field.
var emptyBody = []byte{5, 0, 0, 0, 0}

// encode makes the stored form of a document.
func encode(d docstore.Doc) bson.Raw {
	at, out := bsoncore.AppendDocumentStart(make([]byte, 0, 4+5+len(d.Key)+6+len(d.Rev)+7+len(d.Body)+16))
	out = bsoncore.AppendStringElement(out, fieldKey, d.Key)
	out = bsoncore.AppendStringElement(out, fieldRev, string(d.Rev))
	if plain(d.Body, maxDepth) {
		out = bsoncore.AppendDocumentElement(out, fieldBody, bsoncore.Document(d.Body))
	} else {
		out = bsoncore.AppendBinaryElement(out, fieldOpaque, 0, d.Body)
	}
	out, err := bsoncore.AppendDocumentEnd(out, at)
	if err != nil {
		panic(err) // only for a start that is not there
	}
	return out
}

// maxDepth is how deep a body may be nested to be stored as a document; MongoDB allows 180 levels, some of its kin fewer.
const maxDepth = 80

// plain reports whether every server takes a body as a document and gives it back byte by byte. What it does not know for sure goes as bytes:
// names that are empty or hold what means something in queries, values that are not comparable or of rare types, deep nesting.
func plain(body []byte, depth int) bool {
	if depth == 0 || len(body) < 5 {
		return false
	}
	rest := body[4 : len(body)-1]
	for len(rest) > 0 {
		e, after, ok := bsoncore.ReadElement(rest)
		if !ok {
			return false
		}
		name, err := e.KeyErr()
		if err != nil || name == "" || name[0] == '$' || strings.IndexByte(name, '.') >= 0 || !utf8.ValidString(name) {
			return false
		}
		v, err := e.ValueErr()
		if err != nil || !plainValue(v, depth) {
			return false
		}
		rest = after
	}
	return true
}

func plainValue(v bsoncore.Value, depth int) bool {
	switch v.Type {
	case bsoncore.TypeBoolean, bsoncore.TypeNull, bsoncore.TypeInt32, bsoncore.TypeInt64, bsoncore.TypeDateTime:
		return true
	case bsoncore.TypeDouble:
		f := v.Double()
		return !math.IsNaN(f) && !math.IsInf(f, 0) && (f != 0 || !math.Signbit(f))
	case bsoncore.TypeString:
		s, ok := v.StringValueOK()
		return ok && utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
	case bsoncore.TypeBinary:
		subtype, _, ok := v.BinaryOK()
		return ok && subtype == 0
	case bsoncore.TypeEmbeddedDocument, bsoncore.TypeArray:
		n := len(v.Data)
		return n >= 5 && int(int32(uint32(v.Data[0])|uint32(v.Data[1])<<8|uint32(v.Data[2])<<16|uint32(v.Data[3])<<24)) == n && v.Data[n-1] == 0 && plain(v.Data, depth-1)
	}
	return false
}

// decode reads a stored document; nothing of it refers to raw. Under a projection the body may be missing: then it has no field.
func decode(raw bson.Raw, projected bool) (docstore.Doc, error) {
	malformed := func(cause error) (docstore.Doc, error) {
		return docstore.Doc{}, errs.New(errs.DataLoss, "a stored document is malformed", cause)
	}
	var d docstore.Doc
	var body []byte
	rest := []byte(raw)
	if len(rest) < 5 {
		return malformed(nil)
	}
	for rest = rest[4 : len(rest)-1]; len(rest) > 0; {
		e, after, ok := bsoncore.ReadElement(rest)
		if !ok {
			return malformed(nil)
		}
		name, value := e.Key(), e.Value()
		switch name {
		case fieldKey:
			d.Key, ok = value.StringValueOK()
		case fieldRev:
			var rev string
			rev, ok = value.StringValueOK()
			d.Rev = docstore.Rev(rev)
		case fieldBody:
			body, ok = value.DocumentOK()
		case fieldOpaque:
			_, body, ok = value.BinaryOK()
		}
		if !ok {
			return malformed(nil)
		}
		rest = after
	}
	if body == nil && projected {
		body = emptyBody
	}
	if d.Key == "" || len(body) < 5 {
		return malformed(nil)
	}
	if err := docstore.CheckRev(d.Rev); err != nil {
		return malformed(err)
	}
	d.Body = append(bson.Raw(nil), body...)
	return d, nil
}
