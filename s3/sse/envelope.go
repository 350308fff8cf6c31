package sse

import (
	"bytes"
	"encoding/binary"

	"github.com/opensds/gelato/internal/errs"
)

// Mode says whose key wraps the data key.
type Mode byte

// The modes, by S3's names: SSE-S3, SSE-KMS, SSE-C.
const (
	S3 Mode = iota + 1
	KMS
	Customer
)

const (
	envelopeVersion = 1
	maxKeyID        = 255
	maxContext      = 8 << 10
	wrappedSize     = SaltSize + KeySize + Overhead

	flagBucketKey = 1
)

// Envelope is what a head keeps of an object's encryption. It holds no key in clear.
type Envelope struct {
	Mode       Mode
	KeyID      string // of the wrapping key in the keyring, at most 255 bytes; empty for Customer
	KeyVersion int
	BucketKey  bool   // what the client asked for, to be shown
	Context    []byte // encryption context as the client gave it, decoded; at most 8 KiB
	Salt       Salt   // of an object that was put at once

	wrapped []byte
}

// Wrap puts the data key in, wrapped. It comes last: all other fields are authenticated with it.
func (e *Envelope) Wrap(wrapping, data Key) error {
	if e.Mode < S3 || e.Mode > Customer || len(e.KeyID) > maxKeyID || len(e.Context) > maxContext || e.KeyVersion < 0 {
		return errs.Newf(errs.InvalidArgument, "an encryption is described wrongly or at too great a length")
	}
	salt := NewSalt()
	var n [12]byte
	e.wrapped = append(make([]byte, 0, wrappedSize), salt[:]...)
	e.wrapped = wrapping.aead(salt, wrapPurpose).Seal(e.wrapped, n[:], data[:], e.public())
	return nil
}

const wrapPurpose = "gelato sse wrap 1"

// Unwrap gives the data key. ok is false when the wrapping key is another one, or the envelope was changed.
func (e Envelope) Unwrap(wrapping Key) (data Key, ok bool) {
	if len(e.wrapped) != wrappedSize {
		return Key{}, false
	}
	var n [12]byte
	plain, err := wrapping.aead(Salt(e.wrapped[:SaltSize]), wrapPurpose).Open(nil, n[:], e.wrapped[SaltSize:], e.public())
	if err != nil {
		return Key{}, false
	}
	return Key(plain), true
}

// public encodes everything but the wrapped key.
func (e Envelope) public() []byte {
	b := make([]byte, 0, 32+len(e.KeyID)+len(e.Context)+wrappedSize)
	flags := byte(0)
	if e.BucketKey {
		flags |= flagBucketKey
	}
	b = append(b, envelopeVersion, byte(e.Mode), flags, byte(len(e.KeyID)))
	b = append(b, e.KeyID...)
	b = binary.AppendUvarint(b, uint64(e.KeyVersion))
	b = binary.AppendUvarint(b, uint64(len(e.Context)))
	b = append(b, e.Context...)
	return append(b, e.Salt[:]...)
}

// Encode is the stored form of a wrapped envelope, about 100 bytes and its context.
func (e Envelope) Encode() []byte { return append(e.public(), e.wrapped...) }

// Decode reads what Encode made. DataLoss when it is nothing of the kind.
func Decode(b []byte) (e Envelope, err error) {
	malformed := errs.Newf(errs.DataLoss, "the encryption of an object is described in a form that this build cannot read")
	if len(b) < 4 || b[0] != envelopeVersion || b[1] < byte(S3) || b[1] > byte(Customer) || b[2] > flagBucketKey || len(b) < 4+int(b[3]) {
		return e, malformed
	}
	e.Mode, e.BucketKey, e.KeyID = Mode(b[1]), b[2] == flagBucketKey, string(b[4:4+int(b[3])])
	rest := b[4+int(b[3]):]
	version, n := binary.Uvarint(rest)
	if n <= 0 || version > 1<<31 {
		return Envelope{}, malformed
	}
	rest = rest[n:]
	size, n := binary.Uvarint(rest)
	if n <= 0 || size > maxContext || len(rest)-n != int(size)+SaltSize+wrappedSize {
		return Envelope{}, malformed
	}
	rest = rest[n:]
	e.KeyVersion = int(version)
	if size > 0 {
		e.Context = rest[:size:size]
	}
	e.Salt = Salt(rest[size:])
	e.wrapped = rest[size+SaltSize:]
	if !bytes.Equal(e.Encode(), b) { // numbers have one form
		return Envelope{}, malformed
	}
	return e, nil
}
