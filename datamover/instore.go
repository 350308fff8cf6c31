package datamover

import (
	"context"
	"encoding/hex"
	"sync/atomic"

	"github.com/opensds/gelato/internal/errs"
)

// inStoreProof begins the proof of a copy that its store made by itself.
const inStoreProof = "copied-in-store, "

// inStoreError says that the outcome of a copy within a store is not known. The next try draws a new blob, and has the bytes travel.
type inStoreError struct{ error }

// Unwrap gives what the store said.
func (e inStoreError) Unwrap() error { return e.error }

// canCopyInStore says whether source and destination are one store that copies objects of this size by itself.
func (s *Service) canCopyInStore(f from, t to) bool {
	c := t.store.Capabilities()
	return !t.travel && f.backend != "" && f.backend == t.backend && c.ServerCopy && f.size > 0 && f.size <= c.MaxCopySize
}

// copyInStore has the store copy by itself. done is false when the bytes have to travel: something that the copy must say is not known without reading them, or the
// store refused. progress counts the object whole, once it is copied.
func (s *Service) copyInStore(ctx context.Context, f from, t to, progress *atomic.Int64) (c copied, done bool, err error) {
	if f.crc == nil || t.describe != nil {
		if c.source, err = f.store.Head(ctx, f.key); err != nil || f.etag != "" && c.source.ETag != f.etag || c.source.Size != f.size {
			return c, false, nil // reading says what became of it
		}
		if f.etag = c.source.ETag; f.crc == nil {
			f.crc = c.source.CRC64
		}
	}
	if f.crc == nil || t.tags && c.source.MD5 == nil {
		return c, false, nil
	}
	o := t.o
	if t.describe != nil {
		o.Headers, o.Metadata = c.source.Headers, t.describe(c.source.Metadata)
		o.StorageClass, _ = classOf(c.source.StorageClass, f.store, t.store)
	}
	o.CRC64 = f.crc
	if t.alive != nil {
		if err := t.alive(); err != nil {
			return c, true, err
		}
	}
	c.info, err = t.store.Copy(ctx, t.key, f.key, f.etag, o)
	switch {
	case err == nil && c.info.Size != f.size:
		return c, true, errs.Newf(errs.DataLoss, "the store made %d bytes of %d", c.info.Size, f.size)
	case err == nil:
		c.crc = *f.crc
		if c.source.MD5 != nil {
			c.etag = hex.EncodeToString(c.source.MD5)
		}
		progress.Add(f.size)
		return c, true, nil
	case errs.Is(err, errs.DataLoss), ctx.Err() != nil:
		return c, true, err
	case errs.Retryable(err), errs.Is(err, errs.Internal), errs.CodeOf(err) == errs.Unknown:
		return c, true, inStoreError{err} // it may yet come to be, over whatever is written there now
	}
	s.log.InfoContext(ctx, "a store does not copy by itself", "key", f.key, "err", err)
	return c, false, nil
}
