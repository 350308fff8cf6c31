package sse

import (
	"crypto/cipher"
	"fmt"
	"io"
)

// SealSmall encrypts a whole stream of at most SegmentSize bytes in place: the result shares the memory of plain as far as that has room for Overhead bytes more.
func SealSmall(plain []byte, k Key, salt Salt) []byte {
	if len(plain) > SegmentSize {
		panic("sse: not one segment")
	}
	if len(plain) == 0 {
		return plain
	}
	var n [12]byte
	return k.stream(salt).Seal(plain[:0], nonce(&n, 0, true), plain, nil)
}

// Encrypter encrypts a stream as it is read. It is for one goroutine.
type Encrypter struct {
	src     io.Reader
	aead    cipher.AEAD
	left    int64 // bytes of src to come; -1 when nobody knows
	ahead   int   // bytes that were read beyond the segment: 1 or 0
	extra   byte  // that one
	segment int64
	bufs    *Buffers
	buf     *[sealedSegment]byte
	out     []byte // of buf: encrypted, not read yet
	err     error
}

// NewEncrypter makes a reader of the CipherSize(size) bytes that the size bytes of src become. A failure of src, also in place of its last bytes, is that of the reader, before anything of the
// segment is given out; fewer bytes are io.ErrUnexpectedEOF. What src has beyond size is left there. With size -1 it goes on to the end of src.
func NewEncrypter(src io.Reader, k Key, salt Salt, size int64, bufs *Buffers) *Encrypter {
	return &Encrypter{src: src, aead: k.stream(salt), left: size, bufs: bufs}
}

// Read implements io.Reader.
func (e *Encrypter) Read(p []byte) (int, error) {
	if len(e.out) == 0 {
		if e.err == nil {
			e.fill()
		}
		if len(e.out) == 0 {
			return 0, e.err
		}
	}
	n := copy(p, e.out)
	e.out = e.out[n:]
	return n, nil
}

// fill encrypts the next segment.
func (e *Encrypter) fill() {
	if e.left == 0 {
		e.err = io.EOF
		return
	}
	if e.buf == nil {
		e.buf = e.bufs.get()
	}
	size := min(e.left, SegmentSize)
	if e.left < 0 {
		size = e.look()
	} else if _, err := io.ReadFull(e.src, e.buf[:size]); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		e.err = fmt.Errorf("read plaintext: %w", err)
	} else {
		e.left -= size
	}
	if e.err != nil {
		return
	}
	var n [12]byte
	e.out = e.aead.Seal(e.buf[:0], nonce(&n, e.segment, e.left == 0), e.buf[:size], nil)
	e.segment++
}

// look reads the next segment of a source of unknown size, and one byte more, which tells whether the segment is the last.
func (e *Encrypter) look() (size int64) {
	e.buf[0] = e.extra
	n := e.ahead
	for n <= SegmentSize {
		more, err := e.src.Read(e.buf[n : SegmentSize+1])
		n += more
		if err == io.EOF {
			break
		}
		if err != nil {
			e.err = fmt.Errorf("read plaintext: %w", err)
			return 0
		}
	}
	if n > SegmentSize {
		e.ahead, e.extra = 1, e.buf[SegmentSize]
		return SegmentSize
	}
	if e.left = 0; n == 0 {
		e.err = io.EOF
	}
	return int64(n)
}

// Release gives the buffer back. Nobody may be reading any more.
func (e *Encrypter) Release() {
	e.bufs.put(e.buf)
	e.buf, e.out, e.err = nil, nil, io.EOF
}
