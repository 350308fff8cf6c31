package catalog

import (
	"strings"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/docstore"
)

const (
	collVersions = "versions"
	versionMore  = 512 // bytes that the document of a version may have above a head's: it must take whatever a head could hold
)

// A version is stored in the same form wherever it is: the current one in the head, another one in the shift of a head or in a document of its own.

// versionKey is where a version is stored that is not the current one: newest first below its key.
func versionKey(bucketID, key string, v docstore.Rev) string {
	return docstore.Join(bucketID, key, newestFirst(v))
}

// newestFirst turns the order of revisions round. It is its own inverse.
func newestFirst(v docstore.Rev) string {
	const digits = "0123456789abcdef"
	b := []byte(v)
	for i, d := range b {
		if n := strings.IndexByte(digits, d); n >= 0 {
			b[i] = digits[15-n]
		}
	}
	return string(b)
}

// decodeVersion reads a document of the collection. A slot, which is where a version may be put, is the zero Object.
func decodeVersion(d docstore.Doc) (o Object, err error) {
	r := newReader(d.Body)
	slot := true
	for e, ok := r.next(); ok; e, ok = r.next() {
		switch e.key {
		case summaryField:
			slot = false
			r.bad = !o.summary(e.val) || r.bad
		case "d":
			r.bad = !o.detail(e.val) || r.bad
		}
	}
	parts := docstore.Split(d.Key)
	if r.bad || len(parts) != 3 {
		return Object{}, malformed(collVersions, d.Key)
	}
	if slot {
		return Object{}, nil
	}
	o.Key = parts[1]
	return o, nil
}

// encodeVersion writes a version that is not the current one; the zero Object makes a slot.
func encodeVersion(o *Object) ([]byte, error) {
	w := newWriter(512)
	if o.Version != "" {
		w.version(o)
	}
	return w.finishWithin(maxDoc + versionMore)
}

func (w *writer) version(o *Object) {
	w.doc(summaryField)
	w.summary(o, "")
	w.end()
	w.detail(o)
}

// side is a version as a note remembers it. Delete markers hold nothing.
func (o *Object) side() side {
	if o.DeleteMarker || o.Version == "" {
		return side{}
	}
	return side{location: o.Location, size: o.Size, table: o.table, version: o.Version, live: true}
}

func (o *Object) at(l Location) bool {
	return o.Location.BackendID == l.BackendID && o.Location.NativeKey == l.NativeKey
}

// is reports whether a version has the id by which a client names it.
func (o *Object) is(versionID string) bool {
	return versionID == o.VersionID || versionID == NullVersion && o.VersionID == ""
}

// summary writes the part of a version that listings need. note is that of the head, which says much of it already.
func (w *writer) summary(o *Object, note docstore.Rev) {
	if o.Rev != note {
		w.str("r", string(o.Rev))
	}
	if o.Version != o.Rev {
		w.str("v", string(o.Version))
	}
	w.flag("vi", o.VersionID != "")
	w.flag("vm", o.DeleteMarker)
	w.location("", o.Location)
	w.int("s", o.Size)
	w.int("cz", o.CipherSize)
	w.str("e", o.ETag)
	w.int("m", o.Modified.UnixNano())
	w.crc("c", o.CRC64)
	w.str("sc", o.StorageClass)
	w.str("o", o.Owner)
	w.int("pc", int64(o.PartCount))
	w.str("pt", o.table)
}

// detail writes the rest.
func (w *writer) detail(o *Object) {
	w.doc("d")
	w.str("ct", o.ChecksumType)
	w.checksums("cs", o.Checksums)
	w.headers("h", o.Headers)
	w.pairs("md", o.Metadata)
	w.attributes(o.Attributes)
	w.end()
}

func (o *Object) summary(doc string) bool {
	r := nested(doc)
	for e, ok := r.next(); ok; e, ok = r.next() {
		o.field(e)
	}
	o.complete("")
	return !r.bad
}

// complete sets what the summary leaves unsaid.
func (o *Object) complete(note docstore.Rev) {
	if o.Rev == "" {
		o.Rev = note
	}
	if o.Version == "" {
		o.Version = o.Rev
	}
	if o.VersionID != "" {
		o.VersionID = string(o.Version)
	}
}

// field reads one field of a summary.
func (o *Object) field(e elem) {
	switch e.key {
	case "r":
		o.Rev = docstore.Rev(e.str())
	case "v":
		o.Version = docstore.Rev(e.str())
	case "vi":
		o.VersionID = "?" // see complete
	case "vm":
		o.DeleteMarker = true
	case "b":
		o.Location.BackendID = e.str()
	case "k":
		o.Location.NativeKey = e.str()
	case "i":
		o.Location.BlobID = e.str()
	case "t":
		o.Location.NativeETag = e.str()
	case "s":
		o.Size = e.int()
	case "cz":
		o.CipherSize = e.int()
	case "e":
		o.ETag = e.str()
	case "m":
		o.Modified = time.Unix(0, e.int()).UTC()
	case "c":
		crc := uint64(e.int())
		o.CRC64 = &crc
	case "sc":
		o.StorageClass = e.str()
	case "o":
		o.Owner = e.str()
	case "pc":
		o.PartCount = int(e.int())
	case "pt":
		o.table = e.str()
	}
}

func (o *Object) detail(doc string) bool {
	r := nested(doc)
	good := true
	for e, ok := r.next(); ok && good; e, ok = r.next() {
		switch e.key {
		case "ct":
			o.ChecksumType = e.str()
		case "cs":
			o.Checksums, good = readChecksums(e.val)
		case "h":
			o.Headers, good = readHeaders(e.val)
		case "md":
			o.Metadata, good = readPairs(e.val)
		default:
			good = o.attribute(e)
		}
	}
	return good && !r.bad
}

// attributes writes the fields of Attributes but the owner, which listings show; their names are not used beside them.
func (w *writer) attributes(a Attributes) {
	w.bytes("aa", a.ACL)
	w.pairs("at", a.Tags)
	w.str("arm", a.Retention.Mode)
	if !a.Retention.Until.IsZero() {
		w.int("aru", a.Retention.Until.UnixNano())
	}
	w.flag("al", a.LegalHold)
	w.str("aw", a.Redirect)
	w.bytes("ae", a.Encryption)
}

// attribute reads one field of Attributes; others it leaves alone.
func (a *Attributes) attribute(e elem) (good bool) {
	good = true
	switch e.key {
	case "aa":
		a.ACL = e.bytes()
	case "at":
		a.Tags, good = readPairs(e.val)
	case "arm":
		a.Retention.Mode = e.str()
	case "aru":
		a.Retention.Until = time.Unix(0, e.int()).UTC()
	case "al":
		a.LegalHold = true
	case "aw":
		a.Redirect = e.str()
	case "ae":
		a.Encryption = e.bytes()
	}
	return good
}

// location writes the four fields of a location under prefixed names.
func (w *writer) location(prefix string, l Location) {
	w.str(prefix+"b", l.BackendID)
	w.str(prefix+"k", l.NativeKey)
	w.str(prefix+"i", l.BlobID)
	w.str(prefix+"t", l.NativeETag)
}

func (w *writer) headers(name string, h adapters.ContentHeaders) {
	if h == (adapters.ContentHeaders{}) {
		return
	}
	w.doc(name)
	w.str("t", h.ContentType)
	w.str("e", h.ContentEncoding)
	w.str("l", h.ContentLanguage)
	w.str("d", h.ContentDisposition)
	w.str("c", h.CacheControl)
	w.str("x", h.Expires)
	w.end()
}

func readHeaders(doc string) (h adapters.ContentHeaders, ok bool) {
	r := nested(doc)
	for e, ok := r.next(); ok; e, ok = r.next() {
		switch e.key {
		case "t":
			h.ContentType = e.str()
		case "e":
			h.ContentEncoding = e.str()
		case "l":
			h.ContentLanguage = e.str()
		case "d":
			h.ContentDisposition = e.str()
		case "c":
			h.CacheControl = e.str()
		case "x":
			h.Expires = e.str()
		}
	}
	return h, !r.bad
}
