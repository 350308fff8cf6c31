package sse

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/errs"
)

func TestEnvelope(t *testing.T) {
	t.Parallel()
	wrapping, data := NewKey(), NewKey()
	for name, e := range map[string]Envelope{
		"s3":       {Mode: S3, KeyID: "sse-s3", KeyVersion: 3, Salt: NewSalt()},
		"kms":      {Mode: KMS, KeyID: strings.Repeat("k", maxKeyID), KeyVersion: 1 << 20, BucketKey: true, Context: bytes.Repeat([]byte("c"), maxContext), Salt: NewSalt()},
		"customer": {Mode: Customer},
	} {
		if err := e.Wrap(wrapping, data); err != nil {
			t.Fatal(name, err)
		}
		stored := e.Encode()
		got, err := Decode(stored)
		if err != nil {
			t.Fatal(name, err)
		}
		if got.Mode != e.Mode || got.KeyID != e.KeyID || got.KeyVersion != e.KeyVersion || got.BucketKey != e.BucketKey || !bytes.Equal(got.Context, e.Context) || got.Salt != e.Salt {
			t.Errorf("%s came back as %+v", name, got)
		}
		if k, ok := got.Unwrap(wrapping); !ok || k != data {
			t.Errorf("%s: the data key is lost", name)
		}
		if _, ok := got.Unwrap(NewKey()); ok {
			t.Errorf("%s opens with another key", name)
		}
		if bytes.Contains(stored, data[:]) || bytes.Contains(stored, wrapping[:]) {
			t.Errorf("%s has a key in clear", name)
		}
		for i := range stored {
			bad := slices.Clone(stored)
			bad[i] ^= 1
			if e, err := Decode(bad); err == nil {
				if _, ok := e.Unwrap(wrapping); ok {
					t.Fatalf("%s: byte %d changed, and it opens", name, i)
				}
			} else if !errs.Is(err, errs.DataLoss) {
				t.Fatalf("%s: byte %d changed: %v", name, i, err)
			}
		}
		for i := range stored {
			if _, err := Decode(stored[:i]); !errs.Is(err, errs.DataLoss) {
				t.Fatalf("%s cut at %d: %v", name, i, err)
			}
		}
	}
	for name, e := range map[string]Envelope{"no mode": {}, "mode": {Mode: 9}, "key id": {Mode: KMS, KeyID: strings.Repeat("k", 256)}, "context": {Mode: KMS, Context: make([]byte, maxContext+1)}} {
		if err := e.Wrap(wrapping, data); !errs.Is(err, errs.InvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, ok := (Envelope{Mode: S3}).Unwrap(wrapping); ok {
		t.Error("an envelope without a key opens")
	}
}

func FuzzDecode(f *testing.F) {
	e := Envelope{Mode: KMS, KeyID: "key", KeyVersion: 300, Context: []byte(`{"a":"b"}`), Salt: NewSalt()}
	if err := e.Wrap(NewKey(), NewKey()); err != nil {
		f.Fatal(err)
	}
	f.Add(e.Encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		if err == nil && !bytes.Equal(e.Encode(), b) {
			t.Errorf("%x became %x", b, e.Encode())
		}
	})
}

// FuzzRun holds runs of tampered and whole blobs of two streams against the plaintext.
func FuzzRun(f *testing.F) {
	f.Add(uint32(70_000), uint32(10), uint32(65_000), uint32(6_000), uint32(3), byte(0))
	f.Add(uint32(0), uint32(200_000), uint32(0), uint32(1), uint32(70_000), byte(1))
	f.Fuzz(func(t *testing.T, sizeA, sizeB, offset, length, at uint32, flip byte) {
		a, b := Piece{int64(sizeA % 300_000), Salt{1}}, Piece{int64(sizeB % 300_000), Salt{2}}
		total := a.Size + b.Size
		if total == 0 {
			return
		}
		k := Key{3}
		plain := someBytes(int(total))
		blob := append(encrypt(t, plain[:a.Size], k, a.Salt), encrypt(t, plain[a.Size:], k, b.Salt)...)
		from := int64(offset) % total
		size := 1 + int64(length)%(total-from)
		r, err := Locate(pieces([]Piece{a, b}, nil), from, size)
		if err != nil {
			t.Fatal(err)
		}
		changed := int64(at) % int64(len(blob))
		blob[changed] ^= flip
		got, err := readRun(blob, k, pieces([]Piece{a, b}, nil), from, size)
		touched := flip != 0 && changed >= r.Offset && changed < r.Offset+r.Length
		switch {
		case touched && !errs.Is(err, errs.DataLoss):
			t.Errorf("byte %d changed, and %d+%d is read: %v", changed, from, size, err)
		case !touched && (err != nil || !bytes.Equal(got, plain[from:from+size])):
			t.Errorf("%d+%d of %d and %d: %v", from, size, a.Size, b.Size, err)
		}
	})
}
