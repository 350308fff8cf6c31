//go:build ceph && cgo

package cephrados

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// graceTime is how long bytes that were replaced or deleted stay for those who are reading them.
const graceTime = 5 * time.Minute

// Put implements adapters.Store.
func (s *Store) Put(ctx context.Context, key string, body io.Reader, size int64, o adapters.PutOptions) (adapters.Info, error) {
	if err := checkOptions(o); err != nil {
		return adapters.Info{}, err
	}
	if size > maxSize {
		return adapters.Info{}, errs.Newf(errs.InvalidArgument, "an object may have %d bytes", int64(maxSize)).Because("EntityTooLarge")
	}
	at, err := s.find(ctx, key, true)
	if err != nil {
		return adapters.Info{}, err
	}
	w := s.newWrite(ctx, at.shard)
	w.inline, w.unproven = at.inline, o.Unproven
	info, err := s.putWith(w, at, body, size, o)
	if err != nil {
		w.abandon(err)
		return adapters.Info{}, err
	}
	w.cancel(nil)
	return info, nil
}

func (s *Store) putWith(w *write, at place, body io.Reader, size int64, o adapters.PutOptions) (adapters.Info, error) {
	crc, err := w.fill(body, size)
	if err != nil {
		return adapters.Info{}, err
	}
	if err := checkCRC(o.CRC64, crc); err != nil {
		return adapters.Info{}, err
	}
	e := entry{ETag: etagOf(w.id), Time: time.Now().UTC(), CRC64: crc, Data: w.data(), Headers: headersOf(o.Headers), Metadata: o.Metadata}
	if err := s.publish(w, at, e, o, change{}); err != nil {
		return adapters.Info{}, err
	}
	if w.kept != nil { // it would take a second operation, as reading it back does
		return written(at.key, e, false, ""), nil
	}
	return written(at.key, e, !w.unproven, proof), nil
}

// written is the answer to a write, with a proof if it is proven.
func written(key string, e entry, proven bool, proof string) adapters.Info {
	info := e.info(key)
	info.Metadata = maps.Clone(info.Metadata)
	if proven {
		info.Verified, info.Proof = true, proof
	} else {
		info.CRC64 = nil
	}
	return info
}

// publish makes e the entry of its key under the conditions of o, together with more, in one operation that ends the intent of w. It first
// takes it that the key is free, which most are, and reads the entry when it is not. errChanged says that what more demands is not so.
func (s *Store) publish(w *write, at place, e entry, o adapters.PutOptions, more change) error {
	var old []byte
	if o.IfMatch != "" {
		var err error
		if old, err = s.entryRow(w.ctx, at); err != nil {
			return err
		}
	}
	for {
		ch, err := replacing(at, old, o)
		if err != nil {
			return err
		}
		ch.set[at.entryKey()] = encode(e)
		if w.kept != nil {
			ch.set[at.bytesKey()] = w.kept
		}
		maps.Copy(ch.same, more.same)
		maps.Copy(ch.set, more.set)
		ch.remove = append(ch.remove, more.remove...)
		if w.intent {
			ch.exist = []string{w.intentKey()}
			ch.remove = append(ch.remove, w.intentKey())
		}
		err = s.apply(w.ctx, at.shard, ch)
		if err != errChanged {
			return s.settle(w, err, func(ctx context.Context) bool {
				now, err := s.entryRow(ctx, at)
				if err != nil || now == nil {
					return false
				}
				is, err := decode[entry](now)
				return err == nil && is.ETag == e.ETag
			})
		}
		keys := append(sortedKeys(more.same), at.entryKey(), w.intentKey())
		rows, err := s.rows(w.ctx, at.shard, keys...)
		if err != nil {
			return fail("read entry", err)
		}
		for key, value := range more.same {
			if !sameRow(rows[key], value) {
				return errChanged
			}
		}
		if w.intent && rows[w.intentKey()] == nil {
			return errLost()
		}
		old = rows[at.entryKey()] // it was the entry, though it may be the same again by now
	}
}

// replacing is the change that takes what belongs to an entry away, or the absence of one, under the conditions of o.
func replacing(at place, old []byte, o adapters.PutOptions) (change, error) {
	ch := change{same: map[string][]byte{at.entryKey(): old}, set: map[string][]byte{}}
	if old == nil {
		if o.IfMatch != "" {
			return ch, otherETag()
		}
		return ch, nil
	}
	e, err := decode[entry](old)
	switch {
	case err != nil:
		return ch, err
	case o.IfNoneMatch:
		return ch, errs.Newf(errs.AlreadyExists, "object %q exists", at.key)
	case o.IfMatch != "" && o.IfMatch != e.ETag:
		return ch, otherETag()
	}
	addGarbage(ch.set, time.Now().Add(graceTime), e.Data)
	if e.Data.Inline {
		ch.remove = []string{at.bytesKey()}
	}
	return ch, nil
}

// errLost is what a writer hears whose intent ran out.
func errLost() error {
	return errs.New(errs.Unavailable, "the write was given up by others because it took too long", nil)
}

// sameRow compares two rows, either of which may be absent.
func sameRow(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

func otherETag() error {
	return errs.New(errs.FailedPrecondition, "the object is another one than the ETag says", nil).Because("IfMatch")
}

// entryRow reads the entry of a key, nil for none.
func (s *Store) entryRow(ctx context.Context, at place) ([]byte, error) {
	rows, err := s.rows(ctx, at.shard, at.entryKey())
	return rows[at.entryKey()], fail("read entry", err)
}

// settle finds out what became of a commit that ended with err. Without an intent, that is without bytes, happened looks whether it is there:
// operations of one client on one object keep their order.
func (s *Store) settle(w *write, err error, happened func(context.Context) bool) error {
	if err == nil {
		return nil
	}
	failed := fail("write index", err)
	if !unknown(err) {
		return failed
	}
	if !w.intent {
		if happened(context.WithoutCancel(w.ctx)) {
			return nil
		}
		return failed
	}
	switch gerr := w.giveUp(time.Now(), true); {
	case gerr == nil:
		w.intent = false // settled: it did not happen and cannot any more
		s.sweepSoon()
		return failed
	case gerr == errChanged && w.holds():
		return nil // nobody else may end an intent that holds, so the commit did
	default:
		w.open = true
		return fmt.Errorf("the outcome is not known: %w", failed)
	}
}

// Delete implements adapters.Store.
func (s *Store) Delete(ctx context.Context, key, ifMatch string) error {
	at, err := s.find(ctx, key, false)
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for {
		old, err := s.entryRow(ctx, at)
		if err != nil || old == nil {
			return err
		}
		ch, err := replacing(at, old, adapters.PutOptions{IfMatch: ifMatch})
		if err != nil {
			return err
		}
		ch.remove = append(ch.remove, at.entryKey())
		if err := s.apply(ctx, at.shard, ch); err != errChanged {
			return fail("delete entry", err)
		}
	}
}
