package sse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/opensds/gelato/internal/errs"
)

// someBytes are reproducible.
func someBytes(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	r.Read(b)
	return b
}

func encrypt(t testing.TB, plain []byte, k Key, salt Salt) []byte {
	t.Helper()
	e := NewEncrypter(bytes.NewReader(plain), k, salt, int64(len(plain)), &Buffers{})
	got, err := io.ReadAll(e)
	if err != nil {
		t.Fatal(err)
	}
	e.Release()
	return got
}

// readRun reads a run of a blob, and only the ciphertext that Locate names.
func readRun(blob []byte, k Key, pieces iter.Seq2[Piece, error], offset, length int64) ([]byte, error) {
	r, err := Locate(pieces, offset, length)
	if err != nil {
		return nil, err
	}
	if r.Offset < 0 || r.Offset+r.Length > int64(len(blob)) {
		return nil, fmt.Errorf("the run %d+%d is outside of the blob of %d bytes", r.Offset, r.Length, len(blob))
	}
	var all [][]byte
	for _, size := range []int{1000, SegmentSize, 3*SegmentSize - 1} { // smaller than a segment, and with room for some
		d := NewDecrypter(bytes.NewReader(blob[r.Offset:r.Offset+r.Length]), k, r, &Buffers{})
		defer d.Release()
		var got bytes.Buffer
		if _, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{d}, make([]byte, size)); err != nil {
			return got.Bytes(), err
		}
		all = append(all, got.Bytes())
	}
	if !bytes.Equal(all[0], all[1]) || !bytes.Equal(all[0], all[2]) {
		return nil, errors.New("buffers of several sizes get different bytes")
	}
	return all[0], nil
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for plain, want := range map[int64]int64{0: 0, 1: 17, SegmentSize - 1: SegmentSize + 15, SegmentSize: SegmentSize + 16, SegmentSize + 1: SegmentSize + 33,
		2 * SegmentSize: 2*SegmentSize + 32, 5 << 40: 5<<40 + 5<<24*16} {
		if got := CipherSize(plain); got != want {
			t.Errorf("CipherSize(%d) = %d, want %d", plain, got, want)
		}
		if got, ok := PlainSize(want); got != plain || !ok {
			t.Errorf("PlainSize(%d) = %d, %v, want %d", want, got, ok, plain)
		}
	}
	for _, cipher := range []int64{-1, 1, Overhead, sealedSegment + 1, sealedSegment + Overhead} {
		if got, ok := PlainSize(cipher); ok {
			t.Errorf("PlainSize(%d) = %d, want none", cipher, got)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	k := NewKey()
	for _, n := range []int{0, 1, 15, 16, 17, SegmentSize - 1, SegmentSize, SegmentSize + 1, 3*SegmentSize + 7, 4 * SegmentSize} {
		plain, salt := someBytes(n), NewSalt()
		blob := encrypt(t, plain, k, salt)
		if int64(len(blob)) != CipherSize(int64(n)) {
			t.Fatalf("%d bytes became %d, want %d", n, len(blob), CipherSize(int64(n)))
		}
		if n == 0 {
			continue
		}
		if n > 16 && bytes.Contains(blob, plain[:16]) {
			t.Errorf("%d bytes are readable", n)
		}
		got, err := readRun(blob, k, One(Piece{int64(n), salt}), 0, int64(n))
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes came back as %d, %v", n, len(got), err)
		}
		unknown, err := io.ReadAll(NewEncrypter(bytes.NewReader(plain), k, salt, -1, &Buffers{}))
		if err != nil || !bytes.Equal(unknown, blob) {
			t.Errorf("%d bytes of unknown size became %d others, %v", n, len(unknown), err)
		}
		if n <= SegmentSize {
			small := SealSmall(append(make([]byte, 0, n+Overhead), plain...), k, salt)
			if !bytes.Equal(small, blob) {
				t.Errorf("SealSmall of %d bytes differs", n)
			}
		}
	}
}

// TestRuns reads random runs of blobs of several streams, whatever their sizes.
func TestRuns(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 40 {
		k := NewKey()
		var plain, blob []byte
		var list []Piece
		for range 1 + r.IntN(6) {
			n := []int{0, 1, r.IntN(40), SegmentSize, r.IntN(3 * SegmentSize)}[r.IntN(5)]
			p := Piece{int64(n), NewSalt()}
			bytes := someBytes(n)
			plain, blob, list = append(plain, bytes...), append(blob, encrypt(t, bytes, k, p.Salt)...), append(list, p)
		}
		if len(plain) == 0 {
			continue
		}
		for range 30 {
			offset := r.IntN(len(plain))
			length := 1 + r.IntN(len(plain)-offset)
			got, err := readRun(blob, k, pieces(list, nil), int64(offset), int64(length))
			if err != nil || !bytes.Equal(got, plain[offset:offset+length]) {
				t.Fatalf("round %d: %d+%d of %v: %d bytes, %v", round, offset, length, list, len(got), err)
			}
		}
		if _, err := readRun(blob, k, pieces(list, nil), int64(len(plain)), 1); !errs.Is(err, errs.InvalidArgument) {
			t.Errorf("a run behind the end: %v", err)
		}
	}
}

func pieces(list []Piece, err error) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) {
		for _, p := range list {
			if !yield(p, nil) {
				return
			}
		}
		if err != nil {
			yield(Piece{}, err)
		}
	}
}

func TestLocateReadsWholeSegmentsOnly(t *testing.T) {
	t.Parallel()
	p := Piece{3*SegmentSize + 5, NewSalt()}
	for _, c := range []struct{ offset, length, from, size int64 }{
		{0, 1, 0, sealedSegment},
		{SegmentSize - 1, 2, 0, 2 * sealedSegment},
		{SegmentSize, SegmentSize, sealedSegment, sealedSegment},
		{3 * SegmentSize, 5, 3 * sealedSegment, 5 + Overhead},
		{0, p.Size, 0, CipherSize(p.Size)},
	} {
		r, err := Locate(One(p), c.offset, c.length)
		if err != nil || r.Offset != c.from || r.Length != c.size {
			t.Errorf("%d+%d lies at %d+%d, %v, want %d+%d", c.offset, c.length, r.Offset, r.Length, err, c.from, c.size)
		}
	}
	broken := errors.New("the table cannot be read")
	if _, err := Locate(pieces([]Piece{p}, broken), p.Size, 1); !errors.Is(err, broken) {
		t.Errorf("got %v, want the failure of the pieces", err)
	}
}

// TestTampering changes a blob in every way that a store could, and expects that it is found.
func TestTampering(t *testing.T) {
	t.Parallel()
	k, a, b := NewKey(), Piece{2*SegmentSize + 9, NewSalt()}, Piece{2*SegmentSize + 9, NewSalt()}
	first := encrypt(t, someBytes(int(a.Size)), k, a.Salt)
	second := encrypt(t, someBytes(int(b.Size)), k, b.Salt)
	blob := append(slices.Clone(first), second...)
	total := a.Size + b.Size
	list := []Piece{a, b}
	swapped := func(b []byte, i, j int) []byte {
		b = slices.Clone(b)
		x, y := b[i*sealedSegment:(i+1)*sealedSegment], b[j*sealedSegment:(j+1)*sealedSegment]
		for n := range x {
			x[n], y[n] = y[n], x[n]
		}
		return b
	}
	for name, c := range map[string]struct {
		blob   []byte
		pieces []Piece
		size   int64
		key    Key
	}{
		"another key":       {blob, list, total, NewKey()},
		"segments swapped":  {swapped(blob, 0, 1), list, total, k},
		"parts swapped":     {append(slices.Clone(second), first...), list, total, k},
		"salts swapped":     {blob, []Piece{b, a}, total, k},
		"cut at a segment":  {first[:2*sealedSegment], []Piece{{2 * SegmentSize, a.Salt}}, 2 * SegmentSize, k},
		"last segment lost": {append(slices.Clone(first[:sealedSegment]), first[2*sealedSegment:]...), []Piece{{SegmentSize + 9, a.Salt}}, SegmentSize + 9, k},
	} {
		if _, err := readRun(c.blob, c.key, pieces(c.pieces, nil), 0, c.size); !errs.Is(err, errs.DataLoss) {
			t.Errorf("%s: %v, want DataLoss", name, err)
		}
	}
	for at := 0; at < len(blob); at += 1 + at/3 {
		bad := slices.Clone(blob)
		bad[at] ^= 0x40
		if _, err := readRun(bad, k, pieces(list, nil), 0, total); !errs.Is(err, errs.DataLoss) {
			t.Errorf("byte %d changed: %v, want DataLoss", at, err)
		}
	}
	run, err := Locate(pieces(list, nil), 0, total)
	if err != nil {
		t.Fatal(err)
	}
	d := NewDecrypter(bytes.NewReader(blob[:len(blob)-1]), k, run, &Buffers{})
	if _, err := io.ReadAll(d); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a store that breaks off: %v, want ErrUnexpectedEOF", err)
	}
}

func TestFailureOfTheSource(t *testing.T) {
	t.Parallel()
	broken := errors.New("wrong checksum")
	plain := someBytes(SegmentSize + 100)
	src := io.MultiReader(bytes.NewReader(plain[:len(plain)-1]), iotest.ErrReader(broken))
	got, err := io.ReadAll(NewEncrypter(src, NewKey(), NewSalt(), int64(len(plain)), &Buffers{}))
	if !errors.Is(err, broken) || len(got) != sealedSegment {
		t.Errorf("%d bytes, %v, want the first segment alone", len(got), err)
	}
	src = io.MultiReader(bytes.NewReader(plain[:len(plain)-1]), iotest.ErrReader(broken))
	if got, err := io.ReadAll(NewEncrypter(src, NewKey(), NewSalt(), -1, &Buffers{})); !errors.Is(err, broken) || len(got) != sealedSegment {
		t.Errorf("unknown size: %d bytes, %v, want the first segment alone", len(got), err)
	}
	src = io.MultiReader(bytes.NewReader(plain[:9]), iotest.ErrReader(io.ErrUnexpectedEOF))
	if got, err := io.ReadAll(NewEncrypter(src, NewKey(), NewSalt(), -1, &Buffers{})); !errors.Is(err, io.ErrUnexpectedEOF) || len(got) > 0 {
		t.Errorf("a source that breaks off: %d bytes, %v", len(got), err)
	}
	_, err = io.ReadAll(NewEncrypter(bytes.NewReader(plain), NewKey(), NewSalt(), int64(len(plain))+1, &Buffers{}))
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a source that is too short: %v", err)
	}
	// Readers that give little at a time make no difference.
	k, salt := NewKey(), NewSalt()
	slow, err := io.ReadAll(iotest.OneByteReader(NewEncrypter(iotest.HalfReader(bytes.NewReader(plain)), k, salt, int64(len(plain)), &Buffers{})))
	if err != nil || !bytes.Equal(slow, encrypt(t, plain, k, salt)) {
		t.Errorf("read slowly: %v", err)
	}
}

func TestStreamsDiffer(t *testing.T) {
	t.Parallel()
	k, plain := NewKey(), someBytes(100)
	if a, b := encrypt(t, plain, k, NewSalt()), encrypt(t, plain, k, NewSalt()); bytes.Equal(a, b) {
		t.Error("two streams of one key are alike")
	}
}

func TestETag(t *testing.T) {
	t.Parallel()
	k, md5 := NewKey(), someBytes(16)
	if got := k.ETag(md5); len(got) != 32 || got != k.ETag(md5) || got == NewKey().ETag(md5) || got == fmt.Sprintf("%x", md5) {
		t.Errorf("ETag %s", got)
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	t.Parallel()
	if got := fmt.Sprintf("%v %s %+v %#v", Key{1}, Key{2}, struct{ K Key }{Key{3}}, Key{4}); got != "[key] [key] {K:[key]} [key]" {
		t.Error(got)
	}
}
