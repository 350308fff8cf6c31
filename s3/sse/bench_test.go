package sse

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"io"
	"testing"
)

const benchSize = 16 << 20

// sink takes bytes as stores do, in pieces of 128 KiB.
func sink(b *testing.B, r io.Reader) {
	buf := make([]byte, 128<<10)
	for {
		if _, err := r.Read(buf); err == io.EOF {
			return
		} else if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncrypt(b *testing.B) {
	plain, k, bufs := make([]byte, benchSize), NewKey(), &Buffers{}
	b.SetBytes(benchSize)
	for b.Loop() {
		e := NewEncrypter(bytes.NewReader(plain), k, Salt{}, benchSize, bufs)
		sink(b, e)
		e.Release()
	}
}

func BenchmarkDecrypt(b *testing.B) {
	k, bufs := NewKey(), &Buffers{}
	blob := encrypt(b, make([]byte, benchSize), k, Salt{})
	run, err := Locate(One(Piece{benchSize, Salt{}}), 0, benchSize)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(benchSize)
	for b.Loop() {
		d := NewDecrypter(bytes.NewReader(blob), k, run, bufs)
		sink(b, d)
		d.Release()
	}
}

// BenchmarkPlainGCM is what the processor gives: segments sealed in place, nothing copied.
func BenchmarkPlainGCM(b *testing.B) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, sealedSegment)
	b.SetBytes(benchSize)
	for b.Loop() {
		for range benchSize / SegmentSize {
			aead.Seal(buf[:0], make([]byte, 12), buf[:SegmentSize], nil)
		}
	}
}

// BenchmarkSmall is all that a PUT of 4 KiB costs more: two keys, an envelope, one segment.
func BenchmarkSmall(b *testing.B) {
	buf, wrapping := make([]byte, 4096, sealedSegment), NewKey()
	b.SetBytes(4096)
	b.ReportAllocs()
	for b.Loop() {
		data := NewKey()
		e := Envelope{Mode: S3, KeyID: "k", KeyVersion: 1, Salt: NewSalt()}
		if err := e.Wrap(wrapping, data); err != nil {
			b.Fatal(err)
		}
		SealSmall(buf, data, e.Salt)
		e.Encode()
	}
}
