//go:build ceph && cgo

package cephrados

import (
	"context"
	"slices"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/errs"
)

// CompleteUpload implements adapters.Store. No byte is copied: the object's data is a table of its parts. The entry remembers the
// upload and its parts, so that completing again finds out that it is done. It is proven when all parts were.
func (s *Store) CompleteUpload(ctx context.Context, key, uploadID string, parts []adapters.Part, o adapters.PutOptions) (adapters.Info, error) {
	if err := adapters.CheckParts(parts, maxParts); err != nil {
		return adapters.Info{}, err
	}
	mark := adapters.UploadMark(uploadID, parts)
	proven := !slices.ContainsFunc(parts, func(p adapters.Part) bool { return !p.Verified })
	for {
		u, err := s.findUpload(ctx, key, uploadID)
		if errs.Is(err, errs.NotFound) && u.shard != "" {
			if e, eerr := s.entry(ctx, key); eerr == nil && e.Upload == mark {
				return written(key, e, proven, proofParts), nil
			} else if eerr != nil && !errs.Is(eerr, errs.NotFound) {
				return adapters.Info{}, eerr
			}
		}
		if err != nil {
			return adapters.Info{}, err
		}
		e, err := s.complete(ctx, u, mark, parts, o)
		if err == nil {
			return written(key, e, proven, proofParts), nil
		}
		if err != errChanged {
			return adapters.Info{}, fail("complete upload", err)
		}
	}
}

// complete tries once; errChanged says that the upload changed meanwhile.
func (s *Store) complete(ctx context.Context, u openUpload, mark string, named []adapters.Part, o adapters.PutOptions) (entry, error) {
	u, stored, err := s.take(ctx, u)
	if err != nil {
		return entry{}, err
	}
	e := entry{Time: time.Now().UTC(), Headers: u.Headers, Metadata: u.Metadata, Upload: mark}
	var pieces []data
	var total int64
	used := map[int]bool{}
	for _, n := range named {
		p, ok := stored[n.N]
		if !ok || p.Data.ID != n.ETag || p.Data.Size != n.Size || p.CRC64 != n.CRC64 {
			return e, errs.Newf(errs.FailedPrecondition, "part %d is absent or was replaced", n.N).Because("InvalidPart")
		}
		used[n.N] = true
		if p.Data.Size == 0 {
			continue
		}
		if pieces = append(pieces, p.Data); len(pieces) == 1 {
			e.CRC64 = p.CRC64
		} else {
			e.CRC64 = checksum.CombineCRC64(e.CRC64, p.CRC64, p.Data.Size)
		}
		if total += p.Data.Size; total > maxSize {
			return e, errs.Newf(errs.InvalidArgument, "an object may have %d bytes", int64(maxSize)).Because("EntityTooLarge")
		}
	}
	if err := checkCRC(o.CRC64, e.CRC64); err != nil {
		return e, err
	}
	w := s.newWrite(ctx, u.shard)
	w.table, w.unproven = true, o.Unproven
	e.ETag = etagOf(w.id)
	if err = w.lease(); err == nil { // also without a table: it settles unknown outcomes
		if e.Data, err = tableOf(w, pieces); err == nil {
			err = s.publish(w, u.place, e, o, u.ending(stored, used))
		}
	}
	if err != nil {
		w.abandon(err)
		return e, err
	}
	w.cancel(nil)
	s.sweepSoon()
	return e, nil
}
