// Package checksum has the five checksums of S3 and the arithmetic that combines CRCs of parts into that of the whole.
//
// Sums are raw bytes, big endian for CRCs, as S3 encodes them in base64. Source:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html. Any package may import it.
package checksum

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"hash/crc32"

	"github.com/minio/crc64nvme"
)

// Algorithm is a checksum by S3's name. The zero Algorithm is none.
type Algorithm string

// The algorithms that S3 knows.
const (
	CRC32     Algorithm = "CRC32"
	CRC32C    Algorithm = "CRC32C"
	CRC64NVME Algorithm = "CRC64NVME"
	SHA1      Algorithm = "SHA1"
	SHA256    Algorithm = "SHA256"
)

// Algorithms lists all of them.
func Algorithms() []Algorithm { return []Algorithm{CRC32, CRC32C, CRC64NVME, SHA1, SHA256} }

// Valid reports whether a is one of them.
func (a Algorithm) Valid() bool { return a.Size() > 0 }

// Size is the length of a sum in bytes, 0 for an unknown algorithm.
func (a Algorithm) Size() int {
	switch a {
	case CRC32, CRC32C:
		return 4
	case CRC64NVME:
		return 8
	case SHA1:
		return sha1.Size
	case SHA256:
		return sha256.Size
	}
	return 0
}

// Linear reports whether sums of parts combine into the sum of the whole (S3's FULL_OBJECT for multipart objects).
func (a Algorithm) Linear() bool { return a == CRC32 || a == CRC32C || a == CRC64NVME }

// New makes a hash of a valid algorithm; it panics on another one.
func New(a Algorithm) hash.Hash {
	switch a {
	case CRC32:
		return crc32.NewIEEE()
	case CRC32C:
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case CRC64NVME:
		return crc64nvme.New()
	case SHA1:
		return sha1.New()
	case SHA256:
		return sha256.New()
	}
	panic("checksum: unknown algorithm " + string(a))
}

// Bytes64 is a CRC-64 as S3 orders its bytes.
func Bytes64(crc uint64) []byte { return binary.BigEndian.AppendUint64(nil, crc) }

// Combine gives the sum of A||B from the sums of A and B and the length of B in bytes. The algorithm must be Linear.
func Combine(a Algorithm, sumA, sumB []byte, lenB int64) []byte {
	switch a {
	case CRC32:
		return binary.BigEndian.AppendUint32(nil, uint32(combine(uint64(binary.BigEndian.Uint32(sumA)), uint64(binary.BigEndian.Uint32(sumB)), lenB, crc32.IEEE, 32)))
	case CRC32C:
		return binary.BigEndian.AppendUint32(nil, uint32(combine(uint64(binary.BigEndian.Uint32(sumA)), uint64(binary.BigEndian.Uint32(sumB)), lenB, crc32.Castagnoli, 32)))
	case CRC64NVME:
		return Bytes64(CombineCRC64(binary.BigEndian.Uint64(sumA), binary.BigEndian.Uint64(sumB), lenB))
	}
	panic("checksum: cannot combine " + string(a))
}

const polyNVME = 0x9a6c9329ac4bc9b5 // reflected

// CombineCRC64 gives the CRC-64/NVME of A||B from those of A and B and the length of B in bytes.
func CombineCRC64(a, b uint64, lenB int64) uint64 { return combine(a, b, lenB, polyNVME, 64) }

// combine shifts crc a by lenB zero bytes, by multiplying with x^(8 lenB) modulo the reflected polynomial, and adds b. Initial value
// and final inversion of all these CRCs are the same, so that they cancel out (zlib's crc32_combine).
func combine(a, b uint64, lenB int64, poly uint64, bits uint) uint64 {
	one := uint64(1) << (bits - 1)
	shift, square := one, one>>8 // x^0; x^8, the shift by one byte
	for n := lenB; n > 0; n >>= 1 {
		if n&1 == 1 {
			shift = multiply(shift, square, poly, bits)
		}
		square = multiply(square, square, poly, bits)
	}
	return multiply(shift, a, poly, bits) ^ b
}

// multiply is a*b modulo poly for reflected polynomials (the highest bit is x^0).
func multiply(a, b, poly uint64, bits uint) uint64 {
	var product uint64
	for mask := uint64(1) << (bits - 1); mask != 0; mask >>= 1 {
		if a&mask != 0 {
			product ^= b
		}
		if b&1 == 1 {
			b = b>>1 ^ poly
		} else {
			b >>= 1
		}
	}
	return product
}
