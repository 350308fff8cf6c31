// Package sse encrypts and decrypts the bytes of objects: AES-256-GCM in segments, under a data key of each object that is itself wrapped by another key.
//
// It belongs to the s3 service and only s3/ imports it. It is pure: it knows neither requests nor stores, and reads no clock and no file.
//
// # Format
//
// A stream is what was encrypted in one go: an object that was put at once, or one part of a multipart upload. It is cut into segments of SegmentSize bytes, the last one
// shorter; each is stored as its ciphertext and a tag of Overhead bytes. An empty stream is stored as nothing. A blob is one stream, or the streams of its
// parts one after the other (Piece).
//
//   - Every stream has a key of its own: HKDF-SHA256 of the data key with a random salt. So no part number and no second attempt at a part can make two segments
//     share key and nonce, and no part passes for another.
//   - The nonce of a segment is its number and whether it is the last: what is swapped, left out or cut off does not open.
//   - The salt of an object that was put at once is in its envelope; the salts of parts are in the part table.
//
// # Envelope
//
// The envelope is what a head keeps of an object's encryption: how, by which key, the encryption context, and the data key, wrapped with AES-256-GCM under a key that HKDF
// derives from the wrapping key and a random salt, so that the number of objects under one wrapping key has no bound. All other fields are authenticated with it. Bucket, key and version of the object are not: bytes and
// envelope stay together and open wherever the object goes (relocation, amendments, versions, jobs from bucket to bucket). Who could put one envelope into another
// head could as well change the owner of the bucket.
package sse

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"sync"
)

const (
	SegmentSize = 64 << 10 // bytes of plaintext in a segment
	Overhead    = 16       // bytes of its tag
	KeySize     = 32
	SaltSize    = 16

	sealedSegment = SegmentSize + Overhead
)

// Key is a data key, or a key that wraps data keys. It does not print.
type Key [KeySize]byte

// String implements fmt.Stringer.
func (Key) String() string { return "[key]" }

// GoString implements fmt.GoStringer.
func (Key) GoString() string { return "[key]" }

// LogValue implements slog.LogValuer.
func (Key) LogValue() slog.Value { return slog.StringValue("[key]") }

// NewKey draws a key.
func NewKey() (k Key) {
	rand.Read(k[:]) // never fails
	return k
}

// Salt tells streams of one data key apart.
type Salt [SaltSize]byte

// NewSalt draws a salt.
func NewSalt() (s Salt) {
	rand.Read(s[:]) // never fails
	return s
}

// ETag makes of the MD5 of a plaintext what looks random to everybody without the data key, in S3's form: 32 hexadecimal digits. The same bytes under the same data
// key, as in a part that is sent again, have the same.
func (k Key) ETag(md5 []byte) string {
	h := hmac.New(sha256.New, k[:])
	h.Write([]byte("etag"))
	h.Write(md5)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// aead is AES-256-GCM under the key that HKDF derives. Keys are random, so that its first step, which makes uniform keys of others, is left out (RFC 5869, 3.3).
func (k Key) aead(salt Salt, purpose string) cipher.AEAD {
	derived, err := hkdf.Expand(sha256.New, k[:], purpose+string(salt[:]), KeySize)
	if err != nil {
		panic(err) // fails for lengths alone, which are constant
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		panic(err) // as above
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // as above
	}
	return a
}

func (k Key) stream(salt Salt) cipher.AEAD { return k.aead(salt, "gelato sse stream 1") }

// nonce is that of one segment of a stream.
func nonce(b *[12]byte, segment int64, last bool) []byte {
	n := uint64(segment) << 1
	if last {
		n |= 1
	}
	binary.BigEndian.PutUint64(b[4:], n)
	return b[:]
}

// CipherSize is the size of the stream that plain bytes make.
func CipherSize(plain int64) int64 {
	return plain + (plain+SegmentSize-1)/SegmentSize*Overhead
}

// PlainSize is the size of what a stream of cipher bytes holds. ok is false when there is no such stream.
func PlainSize(cipher int64) (plain int64, ok bool) {
	if cipher < 0 {
		return 0, false
	}
	whole, rest := cipher/sealedSegment, cipher%sealedSegment
	if rest == 0 {
		return whole * SegmentSize, true
	}
	return whole*SegmentSize + rest - Overhead, rest > Overhead
}

// Buffers are the buffers of readers, used again. The zero value works.
type Buffers struct{ pool sync.Pool }

func (b *Buffers) get() *[sealedSegment]byte {
	if s, _ := b.pool.Get().(*[sealedSegment]byte); s != nil {
		return s
	}
	return new([sealedSegment]byte)
}

func (b *Buffers) put(s *[sealedSegment]byte) {
	if s != nil {
		b.pool.Put(s)
	}
}
