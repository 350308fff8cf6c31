package sse

import (
	"crypto/cipher"
	"fmt"
	"io"
	"iter"

	"github.com/opensds/gelato/internal/errs"
)

// Piece is one stream of a blob.
type Piece struct {
	Size int64 // of the plaintext
	Salt Salt
}

// Run is where a run of plaintext lies in a blob.
type Run struct {
	Offset, Length int64 // of the ciphertext to read: whole segments

	pieces  []Piece // from the one with the first byte to the one with the last
	segment int64   // of the first piece
	skip    int64   // bytes of that segment before the run
	plain   int64   // length of the run
}

// Locate finds the length bytes of plaintext at offset, length > 0, in the blob that pieces make. It stops at the piece with the last byte. InvalidArgument when the pieces end before.
func Locate(pieces iter.Seq2[Piece, error], offset, length int64) (Run, error) {
	r := Run{plain: length}
	at, blob := int64(0), int64(0) // where the piece begins
	end := int64(0)
	for p, err := range pieces {
		if err != nil {
			return Run{}, err
		}
		if offset < at+p.Size {
			if r.pieces == nil {
				r.segment, r.skip = (offset-at)/SegmentSize, (offset-at)%SegmentSize
				r.Offset = blob + r.segment*sealedSegment
			}
			r.pieces = append(r.pieces, p)
			if offset+length <= at+p.Size {
				whole := (offset + length - at + SegmentSize - 1) / SegmentSize * SegmentSize
				end = blob + CipherSize(min(whole, p.Size))
				r.Length = end - r.Offset
				return r, nil
			}
		}
		at += p.Size
		blob += CipherSize(p.Size)
	}
	return Run{}, errs.Newf(errs.InvalidArgument, "the blob ends at byte %d, before %d", at, offset+length)
}

// One is the pieces of a blob that is one stream.
func One(p Piece) iter.Seq2[Piece, error] {
	return func(yield func(Piece, error) bool) { yield(p, nil) }
}

// Decrypter gives out a run of plaintext. It is for one goroutine.
type Decrypter struct {
	src     io.Reader
	key     Key
	run     Run
	aead    cipher.AEAD // of the first of run.pieces
	bufs    *Buffers
	buf     *[sealedSegment]byte
	out     []byte // of buf: decrypted, not read yet
	err     error
	segment int64
}

// NewDecrypter makes a reader of a run. src gives the ciphertext from r.Offset on. DataLoss for a segment that is not what was encrypted there; nothing of it is given out.
func NewDecrypter(src io.Reader, k Key, r Run, bufs *Buffers) *Decrypter {
	d := &Decrypter{src: src, key: k, run: r, bufs: bufs, segment: r.segment}
	if len(r.pieces) > 0 {
		d.aead = k.stream(r.pieces[0].Salt)
	}
	return d
}

// Read implements io.Reader. Where p has room for whole segments they are decrypted right there.
func (d *Decrypter) Read(p []byte) (n int, err error) {
	for len(d.out) == 0 && d.run.skip == 0 && len(p)-n >= SegmentSize && d.err == nil {
		var plain []byte
		plain, d.err = d.next(p[n:n])
		n += len(plain)
	}
	if n > 0 {
		return n, nil
	}
	if len(d.out) == 0 && d.err == nil {
		d.out, d.err = d.next(nil)
	}
	if len(d.out) == 0 && d.err != nil {
		return 0, d.err
	}
	n = copy(p, d.out)
	d.out = d.out[n:]
	return n, nil
}

// next decrypts the next segment: into dst, which is empty and has room for it, or in place, in the buffer, when dst is nil.
func (d *Decrypter) next(dst []byte) ([]byte, error) {
	if d.run.plain == 0 {
		return nil, io.EOF
	}
	for d.segment*SegmentSize >= d.run.pieces[0].Size { // on to the next piece that is not empty
		d.run.pieces = d.run.pieces[1:]
		d.segment, d.aead = 0, d.key.stream(d.run.pieces[0].Salt)
	}
	if d.buf == nil {
		d.buf = d.bufs.get()
	}
	left := d.run.pieces[0].Size - d.segment*SegmentSize
	sealed := d.buf[:min(left, SegmentSize)+Overhead]
	if _, err := io.ReadFull(d.src, sealed); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read ciphertext: %w", err)
	}
	if dst == nil {
		dst = sealed[:0]
	}
	var n [12]byte
	plain, err := d.aead.Open(dst, nonce(&n, d.segment, left <= SegmentSize), sealed, nil)
	if err != nil {
		return nil, errs.New(errs.DataLoss, "the bytes of an encrypted object are not what was stored", fmt.Errorf("segment %d: %w", d.segment, err))
	}
	d.segment++
	plain = plain[d.run.skip:]
	d.run.skip = 0
	if int64(len(plain)) > d.run.plain {
		plain = plain[:d.run.plain]
	}
	d.run.plain -= int64(len(plain))
	return plain, nil
}

// Release gives the buffer back. Nobody may be reading any more.
func (d *Decrypter) Release() {
	d.bufs.put(d.buf)
	d.buf, d.out, d.err = nil, nil, io.EOF
}
