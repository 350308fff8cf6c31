//go:build ceph && cgo

package cephrados

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// Objects in the pool and rows in the omap of an index shard; see the package comment.
const (
	rootObject  = "gelato.root"
	entryRow    = "e"
	bytesRow    = "b"
	intentRow   = "p"
	garbageRow  = "g"
	uploadRow   = "u"
	partRow     = "q"
	idLength    = 32
	etagPrefix  = "rados-"
	maxRowBytes = 256 << 10 // of headers and metadata of one object
	// inlineMost is the largest object whose bytes are a row, in bytes. Ceph warns of an omap with more than 200,000 rows and of one with more than 1 GiB
	// of values: a shard of such objects, which have two rows each, comes to both at about the same time.
	inlineMost = 8 << 10
)

func shardObject(n int) string             { return "gelato.index." + strconv.Itoa(n) }
func dataObject(id string, n int64) string { return fmt.Sprintf("gelato.data.%s.%d", id, n) }
func tableObject(id string) string         { return "gelato.parts." + id }

func garbageKey(due time.Time, id string) string {
	return fmt.Sprintf("%s%011d.%s", garbageRow, due.Unix(), id)
}

// dueOf is the time in the key of a garbage row.
func dueOf(key string) (time.Time, bool) {
	var seconds int64
	_, err := fmt.Sscanf(key, garbageRow+"%011d.", &seconds)
	return time.Unix(seconds, 0), err == nil
}

func uploadKey(full, id string) string    { return uploadRow + full + id }
func partPrefix(upload string) string     { return partRow + upload }
func partKey(upload string, n int) string { return fmt.Sprintf("%s%s%05d", partRow, upload, n) }

// newID draws an id that nothing has had or will have.
func newID() string {
	var b [idLength / 2]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// etagOf makes the ETag of what was written under an id. A bare id would be taken for an MD5, and with other stores' MD5s the object would differ always.
func etagOf(id string) string { return etagPrefix + id }

// validID reports whether an id from outside has the form of ours.
func validID(id string) bool {
	_, err := hex.DecodeString(id)
	return err == nil && len(id) == idLength && strings.ToLower(id) == id
}

// data says where bytes are: in data objects of a stripe each, or, with Parts, in what a parts table names, or, with Inline, in a row beside the entry.
type data struct {
	ID     string `json:"id"`
	Size   int64  `json:"size"`
	Stripe int64  `json:"stripe,omitempty"`
	Parts  int    `json:"parts,omitempty"` // how many the table has
	Inline bool   `json:"inline,omitempty"`
}

// objects is how many data objects hold the bytes of data without a table.
func (d data) objects() int64 {
	if d.Size == 0 || d.Inline {
		return 0
	}
	return (d.Size + d.Stripe - 1) / d.Stripe
}

// entry is what the index knows of an object.
type entry struct {
	ETag     string                   `json:"etag"` // of this write alone
	Time     time.Time                `json:"time"` // the writer's clock
	CRC64    uint64                   `json:"crc64"`
	Data     data                     `json:"data"`
	Headers  *adapters.ContentHeaders `json:"headers,omitempty"`
	Metadata map[string]string        `json:"metadata,omitempty"`
	Upload   string                   `json:"upload,omitempty"` // the multipart upload and the parts that it was made of
}

func (e entry) info(key string) adapters.Info {
	i := adapters.Info{Key: key, Size: e.Data.Size, ModTime: e.Time, ETag: e.ETag, CRC64: &e.CRC64, Metadata: e.Metadata}
	if e.Headers != nil {
		i.Headers = *e.Headers
	}
	return i
}

// intent says that data is being written.
type intent struct {
	Until  time.Time `json:"until"` // from then on the writer counts as dead
	Stripe int64     `json:"stripe"`
	Table  bool      `json:"table,omitempty"` // it is a parts table; what that names has rows of its own
}

// garbage is data that nothing refers to.
type garbage struct {
	Data data `json:"data"`
	Open bool `json:"open,omitempty"` // how much there is was not known: look until maxAhead objects in a row are absent
	Bare bool `json:"bare,omitempty"` // the table alone, not what it names
}

// upload is an open multipart upload.
type upload struct {
	Created  time.Time                `json:"created"`
	Headers  *adapters.ContentHeaders `json:"headers,omitempty"`
	Metadata map[string]string        `json:"metadata,omitempty"`
	Turn     string                   `json:"turn,omitempty"` // of whoever is about to end the upload; a part stored meanwhile takes it away
}

// part is a stored part. Its ETag is the id of its data.
type part struct {
	Data  data   `json:"data"`
	CRC64 uint64 `json:"crc64"`
}

// encode is for rows, none of which can fail to encode.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("cephrados: " + err.Error())
	}
	return b
}

func decode[T any](b []byte) (T, error) {
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		return v, errs.New(errs.DataLoss, "the index has a row that is not Gelato's", err)
	}
	return v, nil
}

// headersOf keeps headers only where there are some.
func headersOf(h adapters.ContentHeaders) *adapters.ContentHeaders {
	if h == (adapters.ContentHeaders{}) {
		return nil
	}
	return &h
}
