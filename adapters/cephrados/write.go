//go:build ceph && cgo

package cephrados

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
	"time"

	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/internal/errs"
)

const (
	// writeAhead bounds the pieces of one write that are under way at once. It may not pass maxAhead, which is part of the format: where nobody
	// knows how much a dead writer wrote, this many absent objects in a row are the end.
	writeAhead, maxAhead = 8, 16
	// leaseTime is how long an intent holds; it is renewed while bytes come.
	leaseTime  = 15 * time.Minute
	renewAfter = leaseTime / 5
	// atHand is how many bytes are read from a body before their checksums are computed: few enough to be in the cache of a core.
	atHand = 128 << 10
)

// write is one attempt to store bytes: an intent in an index shard, then pieces in data objects.
type write struct {
	s        *Store
	shard    string
	id       string
	table    bool // the bytes are a parts table
	unproven bool // the OSD is not asked what it has
	began    time.Time
	intent   bool   // the intent was written, or may have been
	open     bool   // whether the commit has happened is not known
	size     int64  // handed to send, or kept
	crc      uint64 // of what was read
	inline   int    // the most that is kept
	kept     []byte // all of the bytes, for a row; then there is no intent

	ctx    context.Context
	cancel context.CancelCauseFunc // with what failed first
	ahead  chan struct{}
	pieces sync.WaitGroup
}

func (s *Store) newWrite(ctx context.Context, shard string) *write {
	w := &write{s: s, shard: shard, id: newID(), ahead: make(chan struct{}, writeAhead)}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	return w
}

func (w *write) intentKey() string { return intentRow + w.id }

func (w *write) data() data {
	if w.kept != nil {
		return data{ID: w.id, Size: w.size, Inline: true}
	}
	return data{ID: w.id, Size: w.size, Stripe: w.s.stripe}
}

// lease makes the intent, or makes it hold longer. One that was written ahead brings its id.
func (w *write) lease() error {
	now := time.Now()
	value := encode(intent{Until: now.Add(leaseTime), Stripe: w.s.stripe, Table: w.table})
	var ahead []string
	ch := change{set: map[string][]byte{}}
	switch {
	case w.intent:
		ch.exist = []string{w.intentKey()}
	case !w.table:
		id, began, batch := w.s.spares.take(w.shard, now)
		if id != "" {
			w.id, w.intent, w.began = id, true, began
			return nil
		}
		for range batch - 1 {
			id := newID()
			ahead = append(ahead, id)
			ch.set[intentRow+id] = value
		}
	}
	ch.set[w.intentKey()] = value
	first := !w.intent && !w.table
	w.intent, w.began = true, now
	err := w.s.apply(w.ctx, w.shard, ch)
	if err == errChanged {
		return errLost()
	}
	if err == nil && first {
		w.s.removeIntents(w.shard, w.s.spares.add(w.shard, ahead, now))
	}
	return fail("write intent", err)
}

// holds reports whether the intent cannot have run out: by the clock that nobody sets, and by the one that goes on while the machine is suspended.
func (w *write) holds() bool {
	return time.Since(w.began) < leaseTime && time.Since(w.began.Round(0)) < leaseTime
}

// keep renews the intent when it is time.
func (w *write) keep() error {
	if !w.intent || time.Since(w.began) < renewAfter {
		return nil
	}
	return w.lease()
}

// fill stores the body, which must have exactly size bytes unless that is -1, and returns its CRC-64. It returns when all pieces
// are stored and checked; when it fails some may still be under way. A small body is kept instead.
func (w *write) fill(body io.Reader, size int64) (crc uint64, err error) {
	for ended := false; !ended; {
		buf := w.s.buffers.get(w.room(size), true)
		var n int
		var sum uint32
		n, sum, ended, err = w.read(body, buf.bytes, size)
		if err != nil || n == 0 {
			buf.release()
			if err != nil {
				return 0, err
			}
			continue
		}
		if ended && w.size == 0 && n <= w.inline {
			w.size, w.kept = int64(n), bytes.Clone(buf.bytes[:n])
			buf.release()
			return w.crc, nil
		}
		if err := w.send(buf, n, sum); err != nil {
			return 0, err
		}
	}
	return w.crc, w.wait()
}

// room is how many bytes the next piece may have. One byte more than a known size is looked for by read itself.
func (w *write) room(size int64) int64 {
	room := w.s.stripe - w.size%w.s.stripe
	if size >= 0 {
		room = min(room, max(size-w.size, 1))
	}
	return room
}

// read fills b and says whether the body has ended, and for a proof what the CRC-32C of the bytes is. Checksums go over bytes while the processor has them at hand.
func (w *write) read(body io.Reader, b []byte, size int64) (n int, sum uint32, ended bool, err error) {
	for n < len(b) && err == nil {
		var more int
		more, err = w.readFull(body, b[n:min(n+atHand, len(b))])
		w.crc = crc64nvme.Update(w.crc, b[n:n+more])
		if !w.unproven {
			sum = crc32.Update(sum, castagnoli, b[n:n+more])
		}
		n += more
	}
	total := w.size + int64(n)
	if err == nil && total == size { // does it end here?
		var probe [1]byte
		var more int
		more, err = w.readFull(body, probe[:])
		total += int64(more)
	}
	switch {
	case size >= 0 && total > size:
		return 0, 0, false, errs.Newf(errs.InvalidArgument, "the body is longer than its size of %d bytes", size).Because("BodyTooLong")
	case err == io.EOF && total < size:
		return 0, 0, false, errs.Newf(errs.InvalidArgument, "the body ended after %d of %d bytes", total, size).Because("IncompleteBody")
	case err != nil && err != io.EOF:
		return 0, 0, false, err
	}
	return n, sum, err == io.EOF, nil
}

// readFull fills b, and ends with io.EOF at the end of the body; what ended the write meanwhile counts before the next read.
func (w *write) readFull(body io.Reader, b []byte) (n int, err error) {
	for n < len(b) {
		if err := alive(w.ctx); err != nil {
			return n, err
		}
		if err := w.keep(); err != nil {
			return n, err
		}
		read, err := body.Read(b[n:])
		n += read
		if err == io.EOF {
			return n, io.EOF
		}
		if err != nil {
			return n, fmt.Errorf("read body: %w", err)
		}
	}
	return n, nil
}

// send hands the first n bytes of buf over to be stored. The first one waits until the intent is.
func (w *write) send(buf *buffer, n int, sum uint32) error {
	err := w.keep()
	if !w.intent {
		err = w.lease()
	}
	if err != nil {
		buf.release()
		return err
	}
	select {
	case w.ahead <- struct{}{}:
	case <-w.ctx.Done():
		buf.release()
		return context.Cause(w.ctx)
	}
	oid, offset := w.place(w.size)
	w.size += int64(n)
	w.pieces.Add(1)
	w.s.tasks.Go(func() {
		defer w.pieces.Done()
		defer buf.release()
		defer func() { <-w.ahead }()
		if err := w.store(oid, buf.bytes[:n], offset, sum); err != nil {
			w.cancel(err)
		}
	})
	return nil
}

// place is the object of an offset, and the offset in it.
func (w *write) place(at int64) (oid string, offset int64) {
	if w.table {
		return tableObject(w.id), at
	}
	return dataObject(w.id, at/w.s.stripe), at % w.s.stripe
}

// store writes a piece, and has the OSD prove that it has it where a proof is wanted.
func (w *write) store(oid string, b []byte, offset int64, sum uint32) error {
	if err := w.s.enter(w.ctx); err != nil {
		return err
	}
	defer w.s.leave()
	if w.unproven {
		return fail("write data", w.s.write(oid, b, offset))
	}
	has, err := w.s.writeProven(oid, b, offset)
	if err != nil {
		return fail("write data", err)
	}
	if has != sum {
		return errs.New(errs.DataLoss, "the cluster stored other bytes than it was sent", nil)
	}
	return nil
}

// wait returns when all pieces are stored, or one is not, or the context has ended. No piece can follow.
func (w *write) wait() error {
	for range writeAhead { // when no piece has one any more, all are stored
		select {
		case w.ahead <- struct{}{}:
		case <-w.ctx.Done():
			return context.Cause(w.ctx)
		}
	}
	return alive(w.ctx)
}

// abandon makes garbage of what was written, once nothing of it is under way any more; the sweeper removes it. What does not succeed is left to the
// intent, which runs out.
func (w *write) abandon(cause error) {
	w.cancel(cause)
	if !w.intent {
		return
	}
	w.s.tasks.Go(func() {
		w.pieces.Wait()
		err := w.giveUp(time.Now(), true)
		if err == errChanged && !w.open { // others took the intent, maybe before the last pieces were written
			err = w.giveUp(time.Now(), false)
		}
		if err == nil {
			w.s.sweepSoon()
		}
	})
}

// giveUp turns the intent into garbage, which settles that it can never be committed; errChanged says that it is gone already.
// Without an intent the garbage alone is noted.
func (w *write) giveUp(due time.Time, intent bool) error {
	if cause := context.Cause(w.ctx); cause != nil && unknown(cause) {
		due = due.Add(w.s.timeout + time.Minute) // a write that timed out may still reach its OSD
	}
	ch := change{set: map[string][]byte{garbageKey(due, w.id): encode(garbage{Data: w.data(), Bare: w.table})}}
	if intent {
		ch.exist, ch.remove = []string{w.intentKey()}, []string{w.intentKey()}
	}
	return w.s.apply(context.WithoutCancel(w.ctx), w.shard, ch)
}
