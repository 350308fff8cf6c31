//go:build ceph && cgo

package cephrados

import (
	"bytes"
	"context"
	"io"

	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// readAhead bounds the pieces that one body asks for at once.
const readAhead = 8

// entry reads and decodes the entry of a key.
func (s *Store) entry(ctx context.Context, key string) (entry, error) {
	e, _, err := s.object(ctx, key, false)
	return e, err
}

// object reads and decodes the entry of a key, and with it, as it is at the same moment, the row with its bytes, if that is wanted and there is one.
func (s *Store) object(ctx context.Context, key string, wanted bool) (entry, []byte, error) {
	at, err := s.find(ctx, key, false)
	if err != nil {
		return entry{}, nil, err
	}
	keys := []string{at.entryKey()}
	if wanted && at.inline > 0 {
		keys = append(keys, at.bytesKey())
	}
	rows, err := s.rows(ctx, at.shard, keys...)
	if err != nil {
		return entry{}, nil, fail("read entry", err)
	}
	if rows[at.entryKey()] == nil {
		return entry{}, nil, notFound(key)
	}
	e, err := decode[entry](rows[at.entryKey()])
	return e, rows[at.bytesKey()], err
}

// Head implements adapters.Store.
func (s *Store) Head(ctx context.Context, key string) (adapters.Info, error) {
	e, err := s.entry(ctx, key)
	if err != nil {
		return adapters.Info{}, err
	}
	return e.info(key), nil
}

// Get implements adapters.Store. The body reads the bytes that were the object's when Get was called, as long as they are there: those replaced or
// deleted since go after graceTime, and then Read is NotFound; bytes that the cluster lost are DataLoss. A body of the whole ends with a comparison of its CRC-64; bytes that are a row
// are compared at once. It also has WriteTo.
func (s *Store) Get(ctx context.Context, key string, r adapters.Range, ifMatch string) (io.ReadCloser, adapters.Info, error) {
	if r.Offset < 0 || r.Length < 0 {
		return nil, adapters.Info{}, errs.New(errs.InvalidArgument, "a range has no negative numbers", nil).Because("InvalidRange")
	}
	e, row, err := s.object(ctx, key, true)
	if err != nil {
		return nil, adapters.Info{}, err
	}
	whole := r == adapters.Range{}
	switch size := e.Data.Size; {
	case ifMatch != "" && ifMatch != e.ETag:
		return nil, adapters.Info{}, otherETag()
	case !whole && r.Offset >= size:
		return nil, adapters.Info{}, errs.Newf(errs.InvalidArgument, "the range starts at %d of %d bytes", r.Offset, size).Because("InvalidRange")
	}
	end := e.Data.Size
	if r.Length > 0 {
		end = min(end, r.Offset+r.Length)
		if end < r.Offset { // past the largest number
			end = e.Data.Size
		}
	}
	if e.Data.Inline {
		if int64(len(row)) != e.Data.Size || crc64nvme.Checksum(row) != e.CRC64 {
			return nil, adapters.Info{}, errs.New(errs.DataLoss, "the bytes in the index do not have the checksum of the object", nil)
		}
		return inlined{bytes.NewReader(row[r.Offset:end])}, e.info(key), nil
	}
	pieces, err := s.piecesOf(ctx, e.Data, r.Offset, end)
	if err == errAbsent {
		err = s.gone(ctx, key, e.ETag)
	}
	if err != nil {
		return nil, adapters.Info{}, fail("read table", err)
	}
	b := &body{s: s, key: key, etag: e.ETag, pieces: pieces, left: end - r.Offset}
	if whole {
		b.want = &e.CRC64
	}
	b.ctx, b.cancel = context.WithCancel(ctx)
	return b, e.info(key), nil
}

// inlined is the body of an object whose bytes are a row. It has WriteTo.
type inlined struct{ *bytes.Reader }

// Close implements io.Closer.
func (inlined) Close() error { return nil }

// extent is a run of bytes of one data object.
type extent struct {
	oid    string
	offset int64
	length int64
}

// pieces deals out the extents of a range, in order.
type pieces struct {
	parts []data // what is left, the first one from offset at
	at    int64
	left  int64
}

// piecesOf finds the bytes from start to end of d.
func (s *Store) piecesOf(ctx context.Context, d data, start, end int64) (*pieces, error) {
	p := &pieces{parts: []data{d}, at: start, left: end - start}
	if d.Parts > 0 && p.left > 0 {
		var err error
		if p.parts, err = s.readTable(ctx, d); err != nil {
			return nil, err
		}
		for len(p.parts) > 0 && p.at >= p.parts[0].Size {
			p.at -= p.parts[0].Size
			p.parts = p.parts[1:]
		}
	}
	return p, nil
}

// next is the next extent, of at most most bytes.
func (p *pieces) next(most int64) extent {
	d := p.parts[0]
	x := extent{oid: dataObject(d.ID, p.at/d.Stripe), offset: p.at % d.Stripe}
	x.length = min(most, p.left, d.Size-p.at, d.Stripe-x.offset)
	p.at += x.length
	p.left -= x.length
	if p.at == d.Size {
		p.parts, p.at = p.parts[1:], 0
	}
	return x
}

// chunk is an extent on its way. Its buffer belongs to the call until done is closed, then to the body.
type chunk struct {
	buf  *buffer
	n    int64
	err  error
	done chan struct{}
}

// body reads pieces ahead and hands them out in order.
type body struct {
	s      *Store
	ctx    context.Context
	cancel context.CancelFunc
	key    string
	etag   string
	pieces *pieces
	ahead  []*chunk
	now    []byte  // what is left of the first of them
	left   int64   // to be handed out
	crc    uint64  // of what was
	want   *uint64 // of the whole, unless this is a part
	err    error
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := b.need(); err != nil {
		return 0, err
	}
	n := copy(p, b.now)
	b.took(n)
	return n, nil
}

// WriteTo implements io.WriterTo: pieces go to w as they come.
func (b *body) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for {
		if err := b.need(); err == io.EOF {
			return total, nil
		} else if err != nil {
			return total, err
		}
		n, err := w.Write(b.now)
		total += int64(n)
		b.took(n)
		if err != nil {
			return total, err
		}
	}
}

// need waits until there are bytes to hand out.
func (b *body) need() error {
	if b.err != nil || len(b.now) > 0 {
		return b.err
	}
	if b.left == 0 {
		b.err = io.EOF
		if b.want != nil && *b.want != b.crc {
			b.err = errs.Newf(errs.DataLoss, "the bytes have the CRC-64 %016x, not %016x", b.crc, *b.want)
		}
		return b.err
	}
	b.ask()
	c := b.ahead[0]
	select {
	case <-c.done:
		b.err = c.err
	case <-b.ctx.Done():
		b.err = context.Cause(b.ctx)
	}
	if b.err != nil {
		return b.err
	}
	b.now = c.buf.bytes[:c.n]
	if b.want != nil {
		b.crc = crc64nvme.Update(b.crc, b.now)
	}
	return nil
}

// took counts n bytes as handed out.
func (b *body) took(n int) {
	b.now = b.now[n:]
	b.left -= int64(n)
	if len(b.now) == 0 {
		b.ahead[0].buf.release()
		b.ahead = b.ahead[1:]
	}
}

// ask asks for pieces ahead, as far as memory goes, for one at least.
func (b *body) ask() {
	for len(b.ahead) < readAhead && b.pieces.left > 0 {
		buf := b.s.buffers.get(min(b.pieces.left, b.pieces.parts[0].Stripe), len(b.ahead) == 0)
		if buf == nil {
			return
		}
		x := b.pieces.next(int64(len(buf.bytes)))
		c := &chunk{buf: buf, n: x.length, done: make(chan struct{})}
		b.ahead = append(b.ahead, c)
		if len(b.ahead) == 1 && b.pieces.left == 0 { // there is nothing to do meanwhile
			c.err = b.fetch(x, buf.bytes[:x.length])
			close(c.done)
			return
		}
		b.s.tasks.Go(func() {
			defer close(c.done)
			c.err = b.fetch(x, buf.bytes[:x.length])
		})
	}
}

func (b *body) fetch(x extent, into []byte) error {
	if err := b.s.enter(b.ctx); err != nil {
		return err
	}
	n, err := b.s.readNow(b.ctx, x.oid, into, x.offset)
	b.s.leave()
	switch {
	case err == errAbsent:
		return b.s.gone(b.ctx, b.key, b.etag)
	case err != nil:
		return fail("read data", err)
	case n < len(into):
		return errs.New(errs.DataLoss, "the cluster has fewer bytes than the index says", nil)
	}
	return nil
}

// gone says why data of an object is absent: the object is another one by now, or the cluster lost it.
func (s *Store) gone(ctx context.Context, key, etag string) error {
	now, err := s.entry(ctx, key)
	switch {
	case errs.Is(err, errs.NotFound), err == nil && now.ETag != etag:
		return errs.Newf(errs.NotFound, "object %q was replaced or deleted while it was read", key).Because("NoSuchKey")
	case err != nil:
		return err
	}
	return errs.New(errs.DataLoss, "the cluster has lost bytes of the object", nil)
}

// Close implements io.Closer. Buffers of calls under way are released when those end.
func (b *body) Close() error {
	b.cancel()
	b.err = errs.New(errs.Canceled, "the body is closed", nil)
	for _, c := range b.ahead {
		b.s.tasks.Go(func() {
			<-c.done
			c.buf.release()
		})
	}
	b.ahead, b.now = nil, nil
	return nil
}

// readObject reads a whole object of at most most bytes.
func (s *Store) readObject(ctx context.Context, oid string, most int) ([]byte, error) {
	var got []byte
	err := s.call(ctx, func() error {
		b := make([]byte, most)
		n, err := s.read(oid, b, 0)
		if err == nil {
			got = b[:n]
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return got, nil
}
