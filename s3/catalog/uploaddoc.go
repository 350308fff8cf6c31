package catalog

import (
	"context"
	"time"

	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/docstore"
)

const collUploads = "uploads"

// uploadState is where an upload stands. Every step is a compare-and-set of its document.
type uploadState int64

const (
	upCreating   uploadState = iota + 1 // the native upload may or may not exist
	upOpen                              // takes parts
	upCompleting                        // the list is fixed; anyone may carry on from here
	upDone                              // the object was committed; kept to repeat the answer
	upAborting                          // on its way out; anyone may carry on from here
)

// uploadDoc is the document of a multipart upload. It anchors the native upload and the blob: both are collected through it only.
type uploadDoc struct {
	Upload
	rev   docstore.Rev
	state uploadState

	// From completing on:
	list     string // digest of the client's list
	table    string // the part table
	parts    int
	size     int64
	cipher   int64 // size of the blob, if it is encrypted
	etag     string
	crc64    uint64
	sums     map[string][]byte
	modified time.Time
	cond     Condition
	cause    Cause

	nativeETag string       // of the completed blob; empty: not completed natively yet
	attempt    docstore.Rev // the note under which the object is being committed
	base       docstore.Rev // the head that this attempt replaces
	named      bool         // the object gets a version id; as the bucket had it when the attempt was noted
}

func uploadKey(bucketID, key, id string) string { return docstore.Join(bucketID, key, id) }

func (u uploadDoc) key() string { return uploadKey(u.Bucket.ID, u.Key, u.ID) }

func (u uploadDoc) doc() (docstore.Doc, error) {
	w := newWriter(1024)
	w.int("st", int64(u.state))
	w.str("bn", u.Bucket.Name)
	w.int("i", u.Initiated.UnixNano())
	w.str("o", u.Initiator)
	w.str("ow", u.Owner)
	w.location("l", u.Location)
	w.str("ni", u.NativeID)
	w.headers("h", u.Headers)
	w.pairs("md", u.Metadata)
	w.pairs("dh", u.Described)
	w.str("sc", u.StorageClass)
	w.str("ca", u.ChecksumAlgorithm)
	w.str("ct", u.ChecksumType)
	w.doc("a")
	w.attributes(u.Attributes)
	w.end()
	if u.state >= upCompleting {
		w.str("ls", u.list)
		w.str("pt", u.table)
		w.int("pc", int64(u.parts))
		w.int("s", u.size)
		w.int("cz", u.cipher)
		w.str("e", u.etag)
		w.crc("c", &u.crc64)
		w.checksums("cs", u.sums)
		w.int("m", u.modified.UnixNano())
		w.flag("ia", u.cond.IfAbsent)
		w.str("ie", u.cond.IfETag)
		w.str("in", u.cond.IfNotETag)
		w.doc("why")
		w.cause(u.cause)
		w.end()
		w.str("ne", u.nativeETag)
		w.str("at", string(u.attempt))
		w.str("ab", string(u.base))
		w.flag("vi", u.named)
	}
	body, err := w.finish()
	return docstore.Doc{Key: u.key(), Rev: u.rev, Body: body}, err
}

func decodeUpload(d docstore.Doc) (uploadDoc, error) {
	u := uploadDoc{rev: d.Rev}
	good := true
	if parts := docstore.Split(d.Key); len(parts) == 3 {
		u.Bucket.ID, u.Key, u.ID = parts[0], parts[1], parts[2]
	} else {
		good = false
	}
	r := newReader(d.Body)
	for e, ok := r.next(); ok && good; e, ok = r.next() {
		switch e.key {
		case "st":
			u.state = uploadState(e.int())
		case "bn":
			u.Bucket.Name = e.str()
		case "a":
			a := nested(e.val)
			for e, ok := a.next(); ok && good; e, ok = a.next() {
				good = u.attribute(e)
			}
			good = good && !a.bad
		case "why":
			why := nested(e.val)
			for e, ok := why.next(); ok; e, ok = why.next() {
				u.cause.field(e)
			}
			good = !why.bad
		case "o":
			u.Initiator = e.str()
		case "ow":
			u.Owner = e.str()
		case "i":
			u.Initiated = time.Unix(0, e.int()).UTC()
		case "lb":
			u.Location.BackendID = e.str()
		case "lk":
			u.Location.NativeKey = e.str()
		case "li":
			u.Location.BlobID = e.str()
		case "ni":
			u.NativeID = e.str()
		case "h":
			u.Headers, good = readHeaders(e.val)
		case "md":
			u.Metadata, good = readPairs(e.val)
		case "dh":
			u.Described, good = readPairs(e.val)
		case "sc":
			u.StorageClass = e.str()
		case "ca":
			u.ChecksumAlgorithm = e.str()
		case "ct":
			u.ChecksumType = e.str()
		case "ls":
			u.list = e.str()
		case "pt":
			u.table = e.str()
		case "pc":
			u.parts = int(e.int())
		case "s":
			u.size = e.int()
		case "cz":
			u.cipher = e.int()
		case "e":
			u.etag = e.str()
		case "c":
			u.crc64 = uint64(e.int())
		case "cs":
			u.sums, good = readChecksums(e.val)
		case "m":
			u.modified = time.Unix(0, e.int()).UTC()
		case "ia":
			u.cond.IfAbsent = true
		case "ie":
			u.cond.IfETag = e.str()
		case "in":
			u.cond.IfNotETag = e.str()
		case "ne":
			u.nativeETag = e.str()
		case "at":
			u.attempt = docstore.Rev(e.str())
		case "ab":
			u.base = docstore.Rev(e.str())
		case "vi":
			u.named = true
		}
	}
	if r.bad || !good {
		return uploadDoc{}, malformed(collUploads, d.Key)
	}
	return u, nil
}

// upload reads the document of an upload; one that is absent has an empty rev.
func (c *Catalog) upload(ctx context.Context, bucketID, key, id string) (uploadDoc, error) {
	d, err := c.get(ctx, collUploads, uploadKey(bucketID, key, id))
	if err != nil || d.Rev == "" {
		return uploadDoc{}, err
	}
	return decodeUpload(d)
}

// describe is what the blob carries in its store.
func (u uploadDoc) describe() map[string]string {
	return blob.Describe(u.Metadata, u.Bucket.Name, u.Key, "null", u.Location.NativeKey)
}
