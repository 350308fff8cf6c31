package s3

import (
	"context"
	"fmt"
	"hash"
	"io"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/catalog"
)

// inStore says whether the backend of a bucket can copy src by itself, so that no byte travels: it holds the source, and all that the answer tells of the
// copy is known of the source. The answer of a copy has the MD5 of the whole as its ETag, which the source has unless it was made of parts.
func (s *Service) inStore(ctx context.Context, b catalog.Bucket, src catalog.Object, want checksum.Algorithm) (adapters.Store, bool) {
	if src.Location.BackendID != b.BackendID || src.Location.BlobID == "" || src.Size == 0 || src.CRC64 == nil || src.Encryption != nil || src.PartCount > 0 || !isMD5(src.ETag) {
		return nil, false
	}
	if want != "" && want != checksum.CRC64NVME && (src.Checksums[string(want)] == nil || src.ChecksumType != fullObject) {
		return nil, false
	}
	store, err := s.places.Store(ctx, b.BackendID)
	if err != nil {
		return nil, false
	}
	can := store.Capabilities()
	return store, can.ServerCopy && src.Size <= can.MaxCopySize
}

func isMD5(etag string) bool {
	for i := range len(etag) {
		if c := etag[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(etag) == 32
}

// copyInStore has the store copy the source into a fresh blob, verifies the blob and commits. done is false when the bytes have to travel after all: the store did not
// copy, whyever, or the source is not where it was.
func (s *Service) copyInStore(ctx context.Context, store adapters.Store, b catalog.Bucket, o catalog.Object, src catalog.Object, want checksum.Algorithm, cond catalog.Condition) (_ catalog.Object, done bool, err error) {
	w, err := s.catalog.Begin(ctx, b, o.Key, "", o.Size)
	if err != nil {
		return o, true, err
	}
	committed := false
	defer func() {
		if !committed {
			s.catalog.Abandon(context.WithoutCancel(ctx), w)
		}
	}()
	if err := w.Stored(ctx); err != nil || w.Location.BackendID != b.BackendID {
		return o, false, nil
	}
	native, err := nativeOptions(w, o, store.Capabilities())
	if err != nil {
		return o, true, err
	}
	native.CRC64 = src.CRC64
	working, stop := s.renew(ctx, w)
	info, err := store.Copy(working, w.Location.NativeKey, src.Location.NativeKey, src.Location.NativeETag, native)
	if err == nil {
		err = proved(working, store, w.Location.NativeKey, info, o.Size, *src.CRC64)
	}
	if lost := stop(); lost != nil {
		return o, true, lost
	}
	switch {
	case err == nil:
	case errs.Is(err, errs.DataLoss) || ctx.Err() != nil:
		return o, true, storeFailed(fmt.Errorf("copy in the store: %w", err))
	default: // this blob is given up with its write, so that a copy that comes to be later harms nobody
		s.o.Log.InfoContext(ctx, "the store does not copy by itself", "backend", w.Location.BackendID, "err", err)
		return o, false, nil
	}
	o.Location = w.Location
	o.Location.NativeETag = info.ETag
	o.CRC64, o.ETag = src.CRC64, src.ETag
	if want != "" && want != checksum.CRC64NVME {
		o.Checksums, o.ChecksumType = map[string][]byte{string(want): src.Checksums[string(want)]}, fullObject
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	made, err := s.catalog.Commit(limited, w, o, nil, cond)
	committed = err == nil
	return made, true, err
}

// proved makes sure that a blob has the checksum crc: the store checked or computed it, or it is read back. DataLoss when it has not.
func proved(ctx context.Context, store adapters.Store, key string, info adapters.Info, size int64, crc uint64) error {
	differs := func(n int64, got uint64) error {
		if n != size || got != crc {
			return errs.Newf(errs.DataLoss, "the store made %d bytes with the CRC-64 %016x of %d with %016x", n, got, size, crc)
		}
		return nil
	}
	switch {
	case info.CRC64 != nil:
		return differs(info.Size, *info.CRC64)
	case info.Verified:
		return differs(info.Size, crc)
	}
	body, _, err := store.Get(ctx, key, adapters.Range{}, info.ETag)
	if err != nil {
		return fmt.Errorf("read copy back: %w", err)
	}
	defer body.Close()
	h := checksum.New(checksum.CRC64NVME).(hash.Hash64)
	n, err := io.Copy(h, body)
	if err != nil {
		return fmt.Errorf("read copy back: %w", err)
	}
	return differs(n, h.Sum64())
}
