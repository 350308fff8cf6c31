//go:build ceph && cgo

package cephrados

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// CreateUpload implements adapters.Store.
func (s *Store) CreateUpload(ctx context.Context, key string, o adapters.PutOptions) (string, error) {
	if err := checkOptions(o); err != nil {
		return "", err
	}
	at, err := s.find(ctx, key, true)
	if err != nil {
		return "", err
	}
	id := newID()
	up := upload{Created: time.Now().UTC(), Headers: headersOf(o.Headers), Metadata: o.Metadata}
	err = s.apply(ctx, at.shard, change{set: map[string][]byte{uploadKey(at.full, id): encode(up)}})
	return id, fail("create upload", err)
}

// openUpload is an upload as its row says.
type openUpload struct {
	upload
	place
	id  string
	row []byte
}

func (u openUpload) rowKey() string { return uploadKey(u.full, u.id) }

// findUpload checks what all calls about uploads check.
func (s *Store) findUpload(ctx context.Context, key, id string) (openUpload, error) {
	at, err := s.find(ctx, key, false)
	u := openUpload{place: at, id: id}
	switch {
	case errs.Is(err, errs.NotFound), err == nil && !validID(id):
		return u, noUpload(id)
	case err != nil:
		return u, err
	}
	rows, err := s.rows(ctx, at.shard, u.rowKey())
	if err != nil {
		return u, fail("read upload", err)
	}
	return u.with(rows[u.rowKey()])
}

// with is the upload as another row says.
func (u openUpload) with(row []byte) (openUpload, error) {
	if row == nil {
		return u, noUpload(u.id)
	}
	var err error
	u.row = row
	u.upload, err = decode[upload](row)
	return u, err
}

// PutPart implements adapters.Store.
func (s *Store) PutPart(ctx context.Context, key, uploadID string, n int, body io.Reader, size int64, sums adapters.Sums) (adapters.Part, error) {
	if n < 1 || n > maxParts {
		return adapters.Part{}, errs.Newf(errs.InvalidArgument, "part numbers are 1 to %d", maxParts).Because("PartNumber")
	}
	if size > maxSize {
		return adapters.Part{}, errs.Newf(errs.InvalidArgument, "a part may have %d bytes", int64(maxSize)).Because("EntityTooLarge")
	}
	u, err := s.findUpload(ctx, key, uploadID)
	if err != nil {
		return adapters.Part{}, err
	}
	w := s.newWrite(ctx, u.shard)
	w.unproven = sums.Unproven
	p, err := s.putPartWith(w, u, n, body, size, sums.CRC64)
	if err != nil {
		w.abandon(err)
		return adapters.Part{}, err
	}
	w.cancel(nil)
	stored := adapters.Part{N: n, Size: p.Data.Size, ETag: p.Data.ID, CRC64: p.CRC64}
	if !w.unproven {
		stored.Verified, stored.Proof = true, proof
	}
	return stored, nil
}

func (s *Store) putPartWith(w *write, u openUpload, n int, body io.Reader, size int64, crc64 *uint64) (part, error) {
	crc, err := w.fill(body, size)
	if err != nil {
		return part{}, err
	}
	if err := checkCRC(crc64, crc); err != nil {
		return part{}, err
	}
	p := part{Data: w.data(), CRC64: crc}
	return p, s.storePart(w, u, partKey(u.id, n), p)
}

// storePart makes p a part of the upload in place of the one before, and takes the turn of whoever is ending the upload.
func (s *Store) storePart(w *write, u openUpload, key string, p part) error {
	var old []byte
	for {
		ch := change{same: map[string][]byte{u.rowKey(): u.row, key: old}, set: map[string][]byte{key: encode(p)}}
		if u.Turn != "" {
			u.Turn = ""
			ch.set[u.rowKey()] = encode(u.upload)
		}
		if old != nil {
			was, err := decode[part](old)
			if err != nil {
				return err
			}
			addGarbage(ch.set, time.Now(), was.Data)
		}
		if w.intent {
			ch.exist, ch.remove = []string{w.intentKey()}, []string{w.intentKey()}
		}
		err := s.apply(w.ctx, u.shard, ch)
		if err == nil && old != nil {
			s.sweepSoon()
		}
		if err != errChanged {
			return s.settle(w, err, func(context.Context) bool { return false })
		}
		rows, err := s.rows(w.ctx, u.shard, u.rowKey(), key, w.intentKey())
		if err != nil {
			return fail("read upload", err)
		}
		if w.intent && rows[w.intentKey()] == nil {
			return errLost()
		}
		old = rows[key]
		if u, err = u.with(rows[u.rowKey()]); err != nil {
			return err
		}
	}
}

// addGarbage adds the row that has data removed at a time, where objects hold it.
func addGarbage(set map[string][]byte, due time.Time, d data) {
	if d.Size > 0 && !d.Inline {
		set[garbageKey(due, d.ID)] = encode(garbage{Data: d})
	}
}

// take marks an upload as about to be ended by the caller and reads its parts; errChanged says that it is another one now.
func (s *Store) take(ctx context.Context, u openUpload) (openUpload, map[int]part, error) {
	was := u.row
	u.Turn = newID()
	u.row = encode(u.upload)
	err := s.apply(ctx, u.shard, change{same: map[string][]byte{u.rowKey(): was}, set: map[string][]byte{u.rowKey(): u.row}})
	if err != nil {
		return u, nil, err
	}
	parts := map[int]part{}
	for after, more := "", true; more; {
		var rows []row
		if rows, more, err = s.scan(ctx, u.shard, partPrefix(u.id), after, scanMost); err != nil {
			return u, nil, err
		}
		for _, r := range rows {
			var n int
			if _, err := fmt.Sscanf(r.key[len(partPrefix(u.id)):], "%05d", &n); err != nil {
				return u, nil, errs.New(errs.DataLoss, "the index has a row that is not Gelato's", err)
			}
			if parts[n], err = decode[part](r.value); err != nil {
				return u, nil, err
			}
			after = r.key
		}
	}
	return u, parts, nil
}

// ending is the change that ends an upload: it removes its rows, and makes garbage of parts that nobody uses.
func (u openUpload) ending(parts map[int]part, used map[int]bool) change {
	ch := change{same: map[string][]byte{u.rowKey(): u.row}, set: map[string][]byte{}, remove: []string{u.rowKey()}}
	for n, p := range parts {
		ch.remove = append(ch.remove, partKey(u.id, n))
		if !used[n] {
			addGarbage(ch.set, time.Now(), p.Data)
		}
	}
	return ch
}

// AbortUpload implements adapters.Store.
func (s *Store) AbortUpload(ctx context.Context, key, uploadID string) error {
	for {
		u, err := s.findUpload(ctx, key, uploadID)
		if errs.Is(err, errs.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		u, parts, err := s.take(ctx, u)
		if err == nil {
			err = s.apply(ctx, u.shard, u.ending(parts, nil))
		}
		if err == nil {
			s.sweepSoon()
		}
		if err != errChanged {
			return fail("abort upload", err)
		}
	}
}

// ListUploads implements adapters.Store.
func (s *Store) ListUploads(ctx context.Context, prefix string, limit int) ([]adapters.Upload, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	l, err := s.layout(ctx, false)
	if err != nil || l == nil || strings.IndexByte(prefix, 0) >= 0 {
		return nil, err
	}
	var all []adapters.Upload
	for n := range l.Shards {
		for after, more := "", true; more; {
			var rows []row
			if rows, more, err = s.scan(ctx, shardObject(n), uploadRow+s.prefix+prefix, after, scanMost); err != nil {
				return nil, fail("list uploads", err)
			}
			for _, r := range rows {
				after = r.key
				full, id := r.key[len(uploadRow):len(r.key)-idLength], r.key[len(r.key)-idLength:]
				if len(full) <= len(s.prefix) || !strings.HasPrefix(full, s.prefix+prefix) {
					continue // the prefix reached into the id
				}
				u, err := decode[upload](r.value)
				if err != nil {
					return nil, err
				}
				if all = append(all, adapters.Upload{Key: full[len(s.prefix):], ID: id, Created: u.Created}); len(all) >= limit {
					return all, nil
				}
			}
		}
	}
	return all, nil
}
