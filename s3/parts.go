package s3

import (
	"context"
	"fmt"
	"io"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/catalog"
)

// nativePart is the size of the parts in which one body goes to a store that does not take it at once, where the store's limits allow it.
const nativePart = 64 << 20

// putParts stores a body that is more than one Put of the store takes: by a native multipart upload, part after part as the body comes. Nothing is visible before the body is
// verified.
func (s *Service) putParts(ctx context.Context, store adapters.Store, w *catalog.Write, c *cargo, o adapters.PutOptions) (info adapters.Info, err error) {
	size, read := c.size, w.Guard(c.read, c.size)
	partSize, count, err := store.Capabilities().Partition(size, nativePart)
	if err != nil {
		return info, err
	}
	if err := w.Stored(ctx); err != nil { // the note tells whoever comes later that there may be an upload
		return info, err
	}
	key := w.Location.NativeKey
	id, err := store.CreateUpload(ctx, key, o)
	if err != nil {
		return info, fmt.Errorf("create native upload: %w", err)
	}
	defer func() {
		if err == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
		defer cancel()
		if e := store.AbortUpload(ctx, key, id); e != nil { // the catalog does it with the blob
			s.o.Log.WarnContext(ctx, "a native upload was not aborted", "key", key, "err", e)
		}
	}()
	parts := make([]adapters.Part, count)
	var crc uint64
	for i := range parts {
		length := min(partSize, size-int64(i)*partSize)
		if parts[i], err = store.PutPart(ctx, key, id, i+1, io.LimitReader(read, length), length, adapters.Sums{Unproven: o.Unproven}); err != nil {
			return info, fmt.Errorf("store part: %w", err)
		}
		crc = checksum.CombineCRC64(crc, parts[i].CRC64, length)
	}
	if err := c.drain(); err != nil {
		return info, err
	}
	if crc != c.crc64() {
		return info, errs.Newf(errs.DataLoss, "the store kept other bytes of a part than were sent")
	}
	o.CRC64 = &crc
	return store.CompleteUpload(ctx, key, id, parts, o)
}
