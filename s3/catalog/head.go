package catalog

import (
	"maps"
	"slices"

	"github.com/opensds/gelato/internal/docstore"
)

const collObjects = "objects"

// head is the document of one key. A head that is not live is a tombstone: it is where a compare-and-set can be
// tried, so that nothing is ever inserted into absence as the deciding step (see the package comment).
type head struct {
	rev    docstore.Rev // of the document; empty: there is none
	note   docstore.Rev // the id of the noted change that made it; a tombstone without one was laid down by a writer of a new key
	live   bool         // the current version is an object
	object Object       // the current version, Rev and Version set; where the head is not live: nothing, or a delete marker
	upload string       // the multipart upload that made it

	shift *shift       // what this change moves between the head and the collection of versions; nil: nothing
	below bool         // there may be versions of this key in the collection, beside those that shift puts there or drops
	null  docstore.Rev // the Version of the null version, if it is not the current one
	named bool         // of a head that is not stored yet: its current version gets a version id
}

// present reports whether the key has any version at all. A key that has versions has a current one.
func (h head) present() bool { return h.live || h.object.DeleteMarker }

// layered reports whether there may be other versions than the current one.
func (h head) layered() bool { return h.below || h.shift != nil && h.shift.put != nil }

// next is what a change starts from that keeps the current version. The shift of h has been finished by then.
func (h head) next() head {
	h.below = h.layered()
	h.shift, h.upload = nil, ""
	return h
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

// stamp gives a head the revision and the note of the change that makes it, and to what is new in it as well.
func (h *head) stamp(rev, note docstore.Rev) {
	h.rev, h.note = rev, note
	if h.present() && h.object.Rev == "" {
		h.object.Rev = rev
	}
	if h.present() && h.object.Version == "" {
		h.object.Version = rev
		if h.named {
			h.object.VersionID = string(rev)
		}
	}
	if h.shift == nil {
		return
	}
	s := *h.shift
	s.id = rev
	if s.put != nil && s.put.Rev == "" {
		o := *s.put
		o.Rev, s.put = rev, &o
	}
	h.shift = &s
}

// side is the head as a note remembers it.
func (h head) side() side {
	if !h.live {
		return side{}
	}
	return h.object.side()
}

// at reports whether the current version refers to a location.
func (h head) at(l Location) bool { return h.live && h.object.at(l) }

func (h head) doc(key string) (docstore.Doc, error) {
	body, err := h.encode()
	return docstore.Doc{Key: key, Rev: h.rev, Body: body}, err
}

func (h head) encode() ([]byte, error) {
	w := newWriter(512)
	w.doc(summaryField)
	w.str("n", string(h.note))
	w.flag("l", h.live)
	w.flag("vb", h.below)
	w.str("vn", string(h.null))
	if h.present() {
		w.summary(&h.object, h.note)
		w.str("u", h.upload)
	}
	w.end()
	if h.present() {
		w.detail(&h.object)
	}
	if h.shift == nil || len(w.b) > maxDoc {
		return w.finish()
	}
	w.shift(h.shift)
	return w.finishWithin(2*maxDoc + 2*versionMore)
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
		case "p":
			var good bool
			h.shift, good = readShift(e.val)
			r.bad = r.bad || !good
		}
	}
	if r.bad {
		return malformed(collObjects, d.Key)
	}
	if h.present() {
		_, h.object.Key = cutHeadKey(d.Key)
		h.object.complete(h.note)
		h.object.Latest = true
	}
	if h.shift != nil && h.shift.put != nil {
		_, h.shift.put.Key = cutHeadKey(d.Key)
	}
	return nil
}

func (h *head) summary(doc string) bool {
	r := nested(doc)
	for e, ok := r.next(); ok; e, ok = r.next() {
		switch e.key {
		case "n":
			h.note = docstore.Rev(e.str())
		case "l":
			h.live = true
		case "u":
			h.upload = e.str()
		case "vb":
			h.below = true
		case "vn":
			h.null = docstore.Rev(e.str())
		default:
			h.object.field(e)
		}
	}
	return !r.bad
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
