package httpstore

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"hash"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// Body feeds one request: exactly size bytes of a source, with their checksums on the way. The last bytes are handed on only once
// the length and a known CRC64 have been found right; else the request breaks off and the store has nothing.
//
// The transport may still read after the request has failed, so the source is detached (Detach) before an adapter's method returns.
type Body struct {
	ctx      context.Context // of the request that the body belongs to
	mu       sync.Mutex
	src      io.Reader
	size     int64
	left     int64
	crc      hash.Hash64
	md5      hash.Hash     // nil when it is not computed here
	tell     func() []byte // MD5 of the sender, nil when it has none or nobody wants it
	told     []byte        // what tell said
	want     *uint64
	err      error // why the source failed; it outranks what the store says
	whole    atomic.Bool
	detached atomic.Bool
	tail     func(crc64 uint64) []byte // nil when not framed
	pending  []byte                    // frame bytes to be sent before anything else
}

// NewBody makes a Body of exactly size bytes of src (nil is empty). withMD5 says whether its MD5 is wanted: it is the one of sums, else it is computed, unless the sender does
// without a proof.
func NewBody(ctx context.Context, src io.Reader, size int64, sums adapters.Sums, withMD5 bool) *Body {
	if src == nil {
		src = strings.NewReader("")
	}
	b := &Body{ctx: ctx, src: src, size: size, left: size, crc: crc64nvme.New(), want: sums.CRC64}
	switch {
	case withMD5 && sums.MD5 != nil:
		b.tell, b.told = sums.MD5, sums.MD5()
	case withMD5 && !sums.Unproven:
		b.md5 = md5.New()
	}
	return b
}

// Frame puts bytes before the body, and after it what tail makes of its CRC-64/NVME. It comes before the first Read.
func (b *Body) Frame(head []byte, tail func(crc64 uint64) []byte) { b.pending, b.tail = head, tail }

var errDetached = errors.New("request body used after its request")

// Read implements io.Reader for the transport.
func (b *Body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.detached.Load():
		return 0, errDetached
	case b.err != nil:
		return 0, b.err
	case len(b.pending) > 0:
		n := copy(p, b.pending)
		b.pending = b.pending[n:]
		return n, nil
	case b.left == 0:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.src.Read(p)
	if n > 0 {
		b.crc.Write(p[:n])
		if b.md5 != nil {
			b.md5.Write(p[:n])
		}
		b.left -= int64(n)
	}
	switch {
	case b.left == 0:
		if b.err = b.finish(); b.err != nil {
			return 0, b.err
		}
		if b.tail != nil {
			b.pending = b.tail(b.crc.Sum64())
		}
		return n, nil
	case err == io.EOF:
		b.err = errs.Newf(errs.InvalidArgument, "the body ended %d bytes before its size of %d", b.left, b.size).Because("IncompleteBody")
	case err != nil:
		b.err = err
	}
	return n, b.err
}

// finish judges a body that has given all its bytes.
func (b *Body) finish() error {
	var one [1]byte
	for range 100 {
		n, err := b.src.Read(one[:])
		switch {
		case n > 0:
			return errs.Newf(errs.InvalidArgument, "the body is longer than its size of %d bytes", b.size)
		case err == io.EOF:
			if b.ctx.Err() != nil { // the last moment at which a cancelled request can still leave nothing
				return context.Cause(b.ctx)
			}
			if b.want != nil && *b.want != b.crc.Sum64() {
				return errs.Newf(errs.DataLoss, "the body does not have the CRC-64/NVME that was announced")
			}
			if b.tell != nil && b.told == nil {
				b.told = b.tell()
			}
			b.whole.Store(true)
			return nil
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}

// Empty judges a body of size 0, which no request reads. It is called before the request is sent.
func (b *Body) Empty() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = b.finish()
	return b.err
}

// Detach ends all use of the source and returns why it failed, if it did. When the source can seek, a caller may rewind it for another
// try, so a Read under way is waited for; it does not take long. Others may block for as long as their sender likes: they are not waited for.
func (b *Body) Detach() error {
	b.detached.Store(true)
	if _, ok := b.src.(io.Seeker); ok {
		b.mu.Lock()
	} else if !b.mu.TryLock() {
		return nil // a Read is under way; it has not failed yet
	}
	defer b.mu.Unlock()
	return b.err
}

// Taken returns Unavailable unless the whole body was handed to the transport: a store that reports success sooner cannot have stored it.
// The sums below are those of the body only where it returns nil.
func (b *Body) Taken() error {
	if b.whole.Load() {
		return nil
	}
	return errs.New(errs.Unavailable, "the store answered before it had the body", nil)
}

// Size is the number of bytes of the body, without a frame.
func (b *Body) Size() int64 { return b.size }

// CRC64 is the CRC-64/NVME of the body.
func (b *Body) CRC64() uint64 { return b.crc.Sum64() }

// ContentMD5 is the header of the request, "" when the MD5 is not wanted or not known beforehand.
func (b *Body) ContentMD5() string {
	if b.told == nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(b.told)
}

// MD5 is that of the body, computed here or told by the sender; nil when it was not wanted, or the sender did not know it after all.
func (b *Body) MD5() []byte {
	if b.md5 == nil {
		return b.told
	}
	return b.md5.Sum(nil)
}
