package catalog

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/docstore"
)

const (
	collJournal = "journal"
	shards      = 8 // of the journal, usage and garbage: fixed, because keys hold them
)

// side is what a key holds before or after a change, as far as the journal's reader needs it.
type side struct {
	location Location
	size     int64
	table    string       // the part table that goes with it
	version  docstore.Rev // Object.Version; of what is there already
	live     bool
}

// note is the journal document of one change. It is written before the head may change, and says all that is owed whether or not it does.
type note struct {
	id       docstore.Rev // in the key; heads name the change by it
	rev      docstore.Rev // under which the head is committed; another one than id when the change had to start again from another head
	docRev   docstore.Rev // of the document
	shard    int
	bucketID string
	bucket   string // its name
	key      string
	base     docstore.Rev // the revision of the head that the change replaces
	baseNote docstore.Rev // the change that made that head; empty for a tombstone laid down by a writer
	new      side
	old      side
	deadline time.Time // commit or renew before it
	closed   bool      // given up by the writer or claimed by the reader: it must not be committed any more
	multi    bool      // the writer may use a native multipart upload or write a part table
	upload   string    // belongs to a multipart upload, whose document looks after the blob
	adopt    bool      // the new object is adopted: there is a claim instead of a blob
	moves    bool      // a relocation away from an adopted original
	release  bool      // the same, and the original is to be deleted
	told     told      // what others are told of it
	undo     bool      // takes back what should not have been put: an adopted original is only let go
}

func shardOf(bucketID, key string) int {
	h := fnv.New64a()
	h.Write([]byte(bucketID))
	h.Write([]byte{'/'})
	h.Write([]byte(key))
	return int(h.Sum64() % shards)
}

func shardPrefix(shard int) string { return fmt.Sprintf("%02d/", shard) }

func noteKey(shard int, id docstore.Rev) string { return shardPrefix(shard) + string(id) }

// cutNoteKey undoes noteKey; ok is false for what it did not make.
func cutNoteKey(k string) (shard int, id docstore.Rev, ok bool) {
	if len(k) < 4 || k[2] != '/' {
		return 0, "", false
	}
	shard, err := strconv.Atoi(k[:2])
	id = docstore.Rev(k[3:])
	return shard, id, err == nil && shard >= 0 && shard < shards && docstore.CheckRev(id) == nil
}

func (n note) docKey() string { return noteKey(n.shard, n.id) }

func (n note) encode() ([]byte, error) {
	w := newWriter(512)
	w.str("bi", n.bucketID)
	w.str("bn", n.bucket)
	w.str("k", n.key)
	if n.rev != n.id {
		w.str("r", string(n.rev))
	}
	w.str("b", string(n.base))
	w.str("p", string(n.baseNote))
	w.side("n", n.new)
	w.side("o", n.old)
	w.int("dl", n.deadline.UnixNano())
	w.flag("cl", n.closed)
	w.flag("mu", n.multi)
	w.str("u", n.upload)
	w.flag("ad", n.adopt)
	w.flag("mo", n.moves)
	w.flag("re", n.release)
	w.flag("un", n.undo)
	w.told(n.told)
	return w.finish()
}

func (w *writer) side(prefix string, s side) {
	if !s.live {
		return
	}
	w.flag(prefix, true)
	w.location(prefix, s.location)
	w.int(prefix+"s", s.size)
	w.str(prefix+"p", s.table)
	w.str(prefix+"v", string(s.version))
}

func (s *side) field(name string, e elem) {
	switch name {
	case "":
		s.live = true
	case "b":
		s.location.BackendID = e.str()
	case "k":
		s.location.NativeKey = e.str()
	case "i":
		s.location.BlobID = e.str()
	case "t":
		s.location.NativeETag = e.str()
	case "s":
		s.size = e.int()
	case "p":
		s.table = e.str()
	case "v":
		s.version = docstore.Rev(e.str())
	}
}

func decodeNote(d docstore.Doc) (note, error) {
	shard, id, ok := cutNoteKey(d.Key)
	n := note{shard: shard, id: id, rev: id, docRev: d.Rev}
	r := newReader(d.Body)
	for e, more := r.next(); more; e, more = r.next() {
		switch k := e.key; k {
		case "bi":
			n.bucketID = e.str()
		case "bn":
			n.bucket = e.str()
		case "k":
			n.key = e.str()
		case "r":
			n.rev = docstore.Rev(e.str())
		case "b":
			n.base = docstore.Rev(e.str())
		case "p":
			n.baseNote = docstore.Rev(e.str())
		case "dl":
			n.deadline = time.Unix(0, e.int())
		case "cl":
			n.closed = true
		case "mu":
			n.multi = true
		case "u":
			n.upload = e.str()
		case "ad":
			n.adopt = true
		case "mo":
			n.moves = true
		case "e":
			r.bad = !n.told.read(e.val) || r.bad
		case "un":
			n.undo = true
		case "re":
			n.release = true
		default:
			if name, ok := strings.CutPrefix(k, "n"); ok {
				n.new.field(name, e)
			} else if name, ok := strings.CutPrefix(k, "o"); ok {
				n.old.field(name, e)
			}
		}
	}
	if !ok || r.bad {
		return note{}, malformed(collJournal, d.Key)
	}
	return n, nil
}
