package catalog

import (
	"math"
	"strconv"
	"strings"
	"unsafe"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"

	"github.com/opensds/gelato/internal/errs"
)

// maxDoc is the largest catalog document, in bytes.
const maxDoc = 16 << 10

// BSON types that catalog documents use.
const (
	bString = 0x02
	bDoc    = 0x03
	bArray  = 0x04
	bBinary = 0x05
	bInt32  = 0x10
	bInt64  = 0x12
)

// reader walks over the elements of one BSON document. It knows only the types that the catalog writes; at anything else, or at a
// document that is cut short, it stops with bad set. Everything it hands out shares the memory of the document.
type reader struct {
	rest string
	bad  bool
}

// elem is one element; val is the bare value: the text of a string, the bytes of a binary, a whole document.
type elem struct {
	typ byte
	key string
	val string
}

// newReader reads a stored body in place. That is safe because nobody writes to it any more: drivers hand out bodies that nobody else uses.
func newReader(doc []byte) reader { return nested(unsafe.String(unsafe.SliceData(doc), len(doc))) }

func nested(doc string) reader {
	if len(doc) < 5 || int64(uint32At(doc)) != int64(len(doc)) || doc[len(doc)-1] != 0 {
		return reader{bad: true}
	}
	return reader{rest: doc[4 : len(doc)-1]}
}

func uint32At(s string) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

func (r *reader) next() (elem, bool) {
	if len(r.rest) == 0 {
		return elem{}, false
	}
	typ, b := r.rest[0], r.rest[1:]
	end := strings.IndexByte(b, 0)
	if end < 0 {
		return r.stop()
	}
	key, b := b[:end], b[end+1:]
	var from, size, tail int64 // of the value within b
	switch typ {
	case bInt32:
		size = 4
	case bInt64:
		size = 8
	case bString, bDoc, bArray, bBinary:
		if len(b) < 4 {
			return r.stop()
		}
		size = int64(uint32At(b))
		switch typ {
		case bString:
			from, size, tail = 4, size-1, 1 // less the final NUL
		case bBinary:
			from = 5 // length and subtype
		}
	default:
		return r.stop()
	}
	if size < 0 || from+size+tail > int64(len(b)) {
		return r.stop()
	}
	r.rest = b[from+size+tail:]
	return elem{typ, key, b[from : from+size]}, true
}

func (r *reader) stop() (elem, bool) {
	r.rest, r.bad = "", true
	return elem{}, false
}

func (e elem) str() string {
	if e.typ != bString {
		return ""
	}
	return e.val
}

func (e elem) int() int64 {
	switch e.typ {
	case bInt64:
		return int64(uint64(uint32At(e.val)) | uint64(uint32At(e.val[4:]))<<32)
	case bInt32:
		return int64(int32(uint32At(e.val)))
	}
	return 0
}

func (e elem) bytes() []byte {
	if e.typ != bBinary {
		return nil
	}
	return []byte(e.val)
}

func malformed(collection, key string) error {
	return errs.Newf(errs.DataLoss, "the document %s %q cannot be read", collection, key)
}

// writer builds one BSON document. Zero values are left out: absent and zero are read alike.
type writer struct {
	b      []byte
	starts []int32
}

func newWriter(size int) *writer {
	w := &writer{b: make([]byte, 0, size)}
	w.begin()
	return w
}

func (w *writer) begin() {
	i, b := bsoncore.AppendDocumentStart(w.b)
	w.b, w.starts = b, append(w.starts, i)
}

func (w *writer) end() {
	n := len(w.starts) - 1
	w.b, _ = bsoncore.AppendDocumentEnd(w.b, w.starts[n]) // fails only for an index that is out of range
	w.starts = w.starts[:n]
}

func (w *writer) doc(name string)   { w.b = bsoncore.AppendHeader(w.b, bDoc, name); w.begin() }
func (w *writer) array(name string) { w.b = bsoncore.AppendHeader(w.b, bArray, name); w.begin() }

func (w *writer) str(name, v string) {
	if v != "" {
		w.b = bsoncore.AppendStringElement(w.b, name, v)
	}
}

func (w *writer) int(name string, v int64) {
	switch {
	case v == 0:
	case v >= math.MinInt32 && v <= math.MaxInt32:
		w.b = bsoncore.AppendInt32Element(w.b, name, int32(v))
	default:
		w.b = bsoncore.AppendInt64Element(w.b, name, v)
	}
}

func (w *writer) crc(name string, v *uint64) {
	if v != nil {
		w.b = bsoncore.AppendInt64Element(w.b, name, int64(*v))
	}
}

func (w *writer) flag(name string, v bool) {
	if v {
		w.int(name, 1)
	}
}

func (w *writer) bytes(name string, v []byte) {
	if len(v) > 0 {
		w.b = bsoncore.AppendBinaryElement(w.b, name, 0, v)
	}
}

// pairs stores a map as an array of names and values: names of metadata may hold dots and dollars, which field names may not.
func (w *writer) pairs(name string, m map[string]string) {
	if len(m) == 0 {
		return
	}
	w.array(name)
	i := 0
	for _, k := range sortedKeys(m) {
		w.b = bsoncore.AppendStringElement(w.b, strconv.Itoa(i), k)
		w.b = bsoncore.AppendStringElement(w.b, strconv.Itoa(i+1), m[k])
		i += 2
	}
	w.end()
}

func readPairs(doc string) (map[string]string, bool) {
	m := make(map[string]string)
	r := nested(doc)
	for {
		k, ok := r.next()
		if !ok {
			return m, !r.bad
		}
		v, ok := r.next()
		if !ok {
			return nil, false
		}
		m[k.str()] = v.str()
	}
}

// checksums are a document of binaries by S3's names, which are all letters and digits.
func (w *writer) checksums(name string, m map[string][]byte) {
	if len(m) == 0 {
		return
	}
	w.doc(name)
	for _, k := range sortedKeys(m) {
		w.bytes(k, m[k])
	}
	w.end()
}

func readChecksums(doc string) (map[string][]byte, bool) {
	m := make(map[string][]byte)
	r := nested(doc)
	for e, ok := r.next(); ok; e, ok = r.next() {
		m[e.key] = e.bytes()
	}
	return m, !r.bad
}

// finish closes the document. InvalidArgument when it is larger than a catalog document may be.
func (w *writer) finish() ([]byte, error) { return w.finishWithin(maxDoc) }

func (w *writer) finishWithin(limit int) ([]byte, error) {
	w.end()
	if len(w.b) > limit {
		return nil, errs.Newf(errs.InvalidArgument, "the metadata is too large").Because("MetadataTooLarge")
	}
	return w.b, nil
}
