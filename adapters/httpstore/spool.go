package httpstore

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/minio/crc64nvme"
	"golang.org/x/sync/semaphore"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// A body of unknown size first goes into a buffer of SpoolFirst bytes. What does not fit is cut into parts of SpoolPart bytes, doubled after each
// quarter of the parts that an upload may have: 10,000 hold 300 GiB.
const (
	SpoolFirst = 256 << 10
	SpoolPart  = 8 << 20
	// SpoolMemory bounds the bytes that all buffers of one Spool hold together.
	SpoolMemory = 64 << 20
)

// Spool stores bodies of unknown size in a store that wants to know the length of each request beforehand. It is the one place
// where a part is buffered.
type Spool struct {
	store  adapters.Store
	memory *semaphore.Weighted
}

// NewSpool makes the Spool of a store whose Put, PutPart and upload methods take known sizes.
func NewSpool(s adapters.Store) *Spool {
	return &Spool{store: s, memory: semaphore.NewWeighted(SpoolMemory)}
}

// Put stores a body of unknown size: by one Put when it is small, else by a multipart upload.
func (s *Spool) Put(ctx context.Context, key string, r io.Reader, o adapters.PutOptions) (adapters.Info, error) {
	b := &buffer{memory: s.memory}
	defer b.release()
	more := true
	for _, size := range []int{SpoolFirst, SpoolPart} {
		if err := b.grow(ctx, size); err != nil {
			return adapters.Info{}, err
		}
		var err error
		if more, err = b.fill(r); err != nil {
			return adapters.Info{}, fmt.Errorf("put object: read body: %w", err)
		}
		if !more {
			break
		}
	}
	if more {
		return s.putParts(ctx, key, r, b, o)
	}
	crc, err := b.checked(o.CRC64)
	if err != nil {
		return adapters.Info{}, err
	}
	o.CRC64 = &crc
	return s.store.Put(ctx, key, bytes.NewReader(b.bytes()), int64(b.n), o)
}

// PutPart stores a part of unknown size; it must fit the spool.
func (s *Spool) PutPart(ctx context.Context, key, uploadID string, n int, r io.Reader, sums adapters.Sums) (adapters.Part, error) {
	b := &buffer{memory: s.memory}
	defer b.release()
	for size := SpoolPart; ; size *= 2 {
		if size > SpoolMemory {
			return adapters.Part{}, errs.Newf(errs.InvalidArgument, "a part of unknown size has more than %d bytes", SpoolMemory).Because("EntityTooLarge")
		}
		if err := b.grow(ctx, size); err != nil {
			return adapters.Part{}, err
		}
		more, err := b.fill(r)
		if err != nil {
			return adapters.Part{}, fmt.Errorf("put part: read body: %w", err)
		}
		if !more {
			break
		}
	}
	crc, err := b.checked(sums.CRC64)
	if err != nil {
		return adapters.Part{}, err
	}
	return s.store.PutPart(ctx, key, uploadID, n, bytes.NewReader(b.bytes()), int64(b.n), adapters.Sums{CRC64: &crc, MD5: sums.MD5, Unproven: sums.Unproven})
}

// putParts uploads what is in the full buffer, and the rest of r, as parts.
func (s *Spool) putParts(ctx context.Context, key string, r io.Reader, b *buffer, o adapters.PutOptions) (info adapters.Info, err error) {
	maxParts := s.store.Capabilities().MaxParts
	upload, err := s.store.CreateUpload(ctx, key, o)
	if err != nil {
		return adapters.Info{}, err
	}
	defer func() {
		if err != nil { // had the completion succeeded and only its answer been lost, the store would change nothing
			ctx, cancel := Cleanup(ctx)
			defer cancel()
			_ = s.store.AbortUpload(ctx, key, upload) // else the store's own rule for old uploads takes care of it
		}
	}()
	var parts []adapters.Part
	for more := true; b.n > 0; {
		if len(parts) == maxParts {
			return adapters.Info{}, errs.Newf(errs.InvalidArgument, "a body of unknown size is too large").Because("EntityTooLarge")
		}
		crc := crc64nvme.Checksum(b.bytes())
		p, err := s.store.PutPart(ctx, key, upload, len(parts)+1, bytes.NewReader(b.bytes()), int64(b.n), adapters.Sums{CRC64: &crc, Unproven: o.Unproven})
		if err != nil {
			return adapters.Info{}, err
		}
		parts = append(parts, p)
		b.n = 0
		if !more {
			break
		}
		if step := maxParts / 4; step > 0 && len(parts)%step == 0 && 2*len(b.buf) <= SpoolMemory {
			if err := b.grow(ctx, 2*len(b.buf)); err != nil {
				return adapters.Info{}, err
			}
		}
		if more, err = b.fill(r); err != nil {
			return adapters.Info{}, fmt.Errorf("put object: read body: %w", err)
		}
	}
	return s.store.CompleteUpload(ctx, key, upload, parts, o)
}

// buffer is one buffer within a spool's memory.
type buffer struct {
	memory *semaphore.Weighted
	buf    []byte
	n      int // bytes of buf that are filled
}

func (b *buffer) bytes() []byte { return b.buf[:b.n] }

// checked returns the CRC-64/NVME of what is in the buffer, or DataLoss when another one is wanted.
func (b *buffer) checked(want *uint64) (uint64, error) {
	crc := crc64nvme.Checksum(b.bytes())
	if want != nil && *want != crc {
		return 0, errs.Newf(errs.DataLoss, "the body does not have the CRC-64/NVME that was announced")
	}
	return crc, nil
}

// grow makes the buffer larger and keeps what is in it. It gives the old memory back before it waits for the new: two that
// waited for one another would wait for ever.
func (b *buffer) grow(ctx context.Context, size int) error {
	old := b.bytes()
	b.release()
	if err := b.memory.Acquire(ctx, int64(size)); err != nil {
		return fmt.Errorf("wait for a part buffer: %w", context.Cause(ctx))
	}
	b.buf = make([]byte, size)
	b.n = copy(b.buf, old)
	return nil
}

func (b *buffer) release() {
	b.memory.Release(int64(len(b.buf)))
	b.buf, b.n = nil, 0
}

// fill reads until the buffer is full; more is false when r ended. An end that the source calls unexpected is an error, not an end.
func (b *buffer) fill(r io.Reader) (more bool, err error) {
	for idle := 0; b.n < len(b.buf); idle++ {
		n, err := r.Read(b.buf[b.n:])
		b.n += n
		switch {
		case err == io.EOF:
			return false, nil
		case err != nil:
			return false, err
		case n > 0:
			idle = 0
		case idle == 100:
			return false, io.ErrNoProgress
		}
	}
	return true, nil
}
