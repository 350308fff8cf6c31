package catalog

import (
	"maps"
	"slices"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/docstore"
)

const collObjects = "objects"

// head is the document of one key. A head that is not live is a tombstone: it is where a compare-and-set can be
// tried, so that nothing is ever inserted into absence as the deciding step (see the package comment).
type head struct {
	rev    docstore.Rev // of the document; empty: there is none
	note   docstore.Rev // the id of the noted change that made it; a tombstone without one was laid down by a writer of a new key
	live   bool
	object Object // of a live head, Rev and Version set
	table  string // names the part table, if it has one
	upload string // the multipart upload that made it
}

// summaryField is the part of a head that listings need; the rest is in "d".
const summaryField = "s"

var summaryFields = []string{summaryField}

func headKey(bucketID, key string) string { return bucketID + "/" + key }

func cutHeadKey(k string) (bucketID, key string) {
	if len(k) <= bucketIDLen {
		return k, ""
	}
	return k[:bucketIDLen], k[bucketIDLen+1:]
}

// side is the head as a note remembers it.
func (h head) side() side {
	if !h.live {
		return side{}
	}
	return side{location: h.object.Location, size: h.object.Size, table: h.table, live: true}
}

// at reports whether the head refers to a location.
func (h head) at(l Location) bool {
	return h.live && h.object.Location.BackendID == l.BackendID && h.object.Location.NativeKey == l.NativeKey
}

func (h head) doc(key string) (docstore.Doc, error) {
	body, err := h.encode()
	return docstore.Doc{Key: key, Rev: h.rev, Body: body}, err
}

func (h head) encode() ([]byte, error) {
	w := newWriter(512)
	w.doc(summaryField)
	w.str("n", string(h.note))
	w.flag("l", h.live)
	if h.live {
		o := &h.object
		if o.Rev != h.note {
			w.str("r", string(o.Rev))
		}
		if o.Version != o.Rev {
			w.str("v", string(o.Version))
		}
		w.location("", o.Location)
		w.int("s", o.Size)
		w.int("cz", o.CipherSize)
		w.str("e", o.ETag)
		w.int("m", o.Modified.UnixNano())
		w.crc("c", o.CRC64)
		w.str("sc", o.StorageClass)
		w.str("o", o.Owner)
		w.int("pc", int64(o.PartCount))
		w.str("pt", h.table)
		w.str("u", h.upload)
	}
	w.end()
	if h.live {
		o := &h.object
		w.doc("d")
		w.str("ct", o.ChecksumType)
		w.checksums("cs", o.Checksums)
		w.headers("h", o.Headers)
		w.pairs("md", o.Metadata)
		w.attributes(o.Attributes)
		w.end()
	}
	return w.finish()
}

func decodeHead(d docstore.Doc) (head, error) {
	var h head
	err := h.decode(d)
	return h, err
}

// decode is decodeHead into a head that is used again.
func (h *head) decode(d docstore.Doc) error {
	*h = head{rev: d.Rev}
	if d.Rev == "" {
		return nil
	}
	r := newReader(d.Body)
	for e, ok := r.next(); ok; e, ok = r.next() {
		switch e.key {
		case summaryField:
			r.bad = !h.summary(e.val) || r.bad
		case "d":
			r.bad = !h.object.detail(e.val) || r.bad
		}
	}
	if r.bad {
		return malformed(collObjects, d.Key)
	}
	if h.live {
		_, h.object.Key = cutHeadKey(d.Key)
		h.object.table = h.table
		if h.object.Rev == "" {
			h.object.Rev = h.note
		}
		if h.object.Version == "" {
			h.object.Version = h.object.Rev
		}
	}
	return nil
}

func (h *head) summary(doc string) bool {
	o := &h.object
	r := nested(doc)
	for e, ok := r.next(); ok; e, ok = r.next() {
		switch e.key {
		case "n":
			h.note = docstore.Rev(e.str())
		case "l":
			h.live = true
		case "r":
			o.Rev = docstore.Rev(e.str())
		case "v":
			o.Version = docstore.Rev(e.str())
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
			h.table = e.str()
		case "u":
			h.upload = e.str()
		}
	}
	return !r.bad
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

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
