package awss3

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// A body of unknown size first goes into a buffer of spoolFirst bytes. What does not fit is cut into parts of spoolPart bytes, doubled after each
// spoolStep parts, so that the 10,000 parts of an upload hold 300 GiB.
const (
	spoolFirst = 256 << 10
	spoolPart  = 8 << 20
	spoolStep  = maxParts / 4
)

// putUnknown stores a body of unknown size. S3 wants to know the length of each request beforehand, so this is the one place
// where a part is buffered; all such buffers of the store stay within spoolMemory.
func (s *Store) putUnknown(ctx context.Context, key string, name *string, r io.Reader, o adapters.PutOptions) (adapters.Info, error) {
	b := &spool{store: s}
	defer b.release()
	more := true
	for _, size := range []int{spoolFirst, spoolPart} {
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
	crc := crc64nvme.Checksum(b.bytes())
	if o.CRC64 != nil && *o.CRC64 != crc {
		return adapters.Info{}, errs.Newf(errs.DataLoss, "the body does not have the CRC-64/NVME that was announced")
	}
	o.CRC64 = &crc
	return s.put(ctx, key, name, bytes.NewReader(b.bytes()), int64(b.n), o)
}

// putPartUnknown stores a part of unknown size; it must fit the spool.
func (s *Store) putPartUnknown(ctx context.Context, key, uploadID string, n int, r io.Reader, want *uint64) (adapters.Part, error) {
	b := &spool{store: s}
	defer b.release()
	for size := spoolPart; ; size *= 2 {
		if size > spoolMemory {
			return adapters.Part{}, errs.Newf(errs.InvalidArgument, "a part of unknown size has more than %d bytes", spoolMemory).Because("EntityTooLarge")
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
	crc := crc64nvme.Checksum(b.bytes())
	if want != nil && *want != crc {
		return adapters.Part{}, errs.Newf(errs.DataLoss, "the body does not have the CRC-64/NVME that was announced")
	}
	return s.PutPart(ctx, key, uploadID, n, bytes.NewReader(b.bytes()), int64(b.n), &crc)
}

// putParts uploads what is in the full buffer, and the rest of r, as parts.
func (s *Store) putParts(ctx context.Context, key string, r io.Reader, b *spool, o adapters.PutOptions) (info adapters.Info, err error) {
	upload, err := s.CreateUpload(ctx, key, o)
	if err != nil {
		return adapters.Info{}, err
	}
	defer func() {
		if err != nil { // had the completion succeeded and only its answer been lost, the store would change nothing
			ctx, cancel := cleanup(ctx)
			defer cancel()
			_ = s.AbortUpload(ctx, key, upload) // else the store's own rule for old uploads takes care of it
		}
	}()
	var parts []adapters.Part
	for more := true; b.n > 0; {
		if len(parts) == maxParts {
			return adapters.Info{}, errs.Newf(errs.InvalidArgument, "a body of unknown size is too large").Because("EntityTooLarge")
		}
		crc := crc64nvme.Checksum(b.bytes())
		p, err := s.PutPart(ctx, key, upload, len(parts)+1, bytes.NewReader(b.bytes()), int64(b.n), &crc)
		if err != nil {
			return adapters.Info{}, err
		}
		parts = append(parts, p)
		b.n = 0
		if !more {
			break
		}
		if len(parts)%spoolStep == 0 {
			if err := b.grow(ctx, 2*len(b.buf)); err != nil {
				return adapters.Info{}, err
			}
		}
		if more, err = b.fill(r); err != nil {
			return adapters.Info{}, fmt.Errorf("put object: read body: %w", err)
		}
	}
	return s.CompleteUpload(ctx, key, upload, parts, o)
}

// spool is one buffer within the store's limit.
type spool struct {
	store *Store
	buf   []byte
	n     int // bytes of buf that are filled
}

func (b *spool) bytes() []byte { return b.buf[:b.n] }

// grow makes the buffer larger and keeps what is in it. It gives the old memory back before it waits for the new: two that
// waited for one another would wait for ever.
func (b *spool) grow(ctx context.Context, size int) error {
	old := b.bytes()
	b.release()
	if err := b.store.spool.Acquire(ctx, int64(size)); err != nil {
		return fmt.Errorf("wait for a part buffer: %w", context.Cause(ctx))
	}
	b.buf = make([]byte, size)
	b.n = copy(b.buf, old)
	return nil
}

func (b *spool) release() {
	b.store.spool.Release(int64(len(b.buf)))
	b.buf, b.n = nil, 0
}

// fill reads until the buffer is full; more is false when r ended. An end that the source calls unexpected is an error, not an end.
func (b *spool) fill(r io.Reader) (more bool, err error) {
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
