package azureblob

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// blockID names one block. All ids of a blob must have one length; these sort by upload, part and time.
type blockID struct {
	upload [16]byte
	n      uint32
	try    [13]byte // when the part was begun, a random number, and whether the part is empty: a block has at least one byte
}

const blockIDBytes = 16 + 4 + 13

func newBlockID(upload [16]byte, n int, empty bool) blockID {
	id := blockID{upload: upload, n: uint32(n)}
	binary.BigEndian.PutUint64(id.try[:], uint64(time.Now().UnixNano()))
	_, _ = rand.Read(id.try[8:12]) // never fails
	if empty {
		id.try[12] = 1
	}
	return id
}

func (id blockID) String() string {
	raw := append(id.upload[:len(id.upload):len(id.upload)], 0, 0, 0, 0)
	binary.BigEndian.PutUint32(raw[16:], id.n)
	return base64.StdEncoding.EncodeToString(append(raw, id.try[:]...))
}

// etag is what a Part has for an ETag.
func (id blockID) etag() string { return hex.EncodeToString(id.try[:]) }

func (id blockID) empty() bool { return id.try[12] == 1 }

// newer says that a part begun later replaces this one.
func (id blockID) newer(than blockID) bool { return bytes.Compare(id.try[:12], than.try[:12]) > 0 }

func parseBlockID(text string) (id blockID, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != blockIDBytes {
		return id, false
	}
	copy(id.upload[:], raw)
	id.n = binary.BigEndian.Uint32(raw[16:])
	copy(id.try[:], raw[20:])
	return id, true
}
