package datamover

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"sync/atomic"
	"time"

	"github.com/minio/crc64nvme"
	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/trouble"
)

const partTries = 3

// from is an object that can be read.
type from struct {
	store   adapters.Store
	backend string // id
	key     string
	etag    string // only these bytes
	size    int64
	crc     *uint64 // CRC-64/NVME when known
}

// to is where it goes.
type to struct {
	store   adapters.Store
	backend string // id
	key     string
	o       adapters.PutOptions
	// describe, when set, makes the Metadata of what the source's store has, and Headers and StorageClass are taken from there too.
	describe func(user map[string]string) map[string]string
	// tags has the MD5s computed that S3's ETag is made of.
	tags bool
	// full has the copy read back even when the store vouches for it.
	full bool
	// retract has a copy that turns out wrong removed again: nothing else would, at a raw destination.
	retract bool
	// alive, when set, is asked before parts become an object, and before the store copies by itself.
	alive func() error
	// travel has the bytes go through here, also where the store could copy by itself.
	travel bool
}

// copied is a verified copy.
type copied struct {
	info   adapters.Info // of the copy
	source adapters.Info // as it was read
	crc    uint64
	proof  string
	etag   string // as S3 makes it, when asked for
	parts  []adapters.Part
}

// sourceError says that reading failed, not writing.
type sourceError struct{ error }

func (e sourceError) Unwrap() error { return e.error }

// copyObject copies and verifies one object, in one pass. progress counts bytes read; what failed is counted off again.
func (s *Service) copyObject(ctx context.Context, f from, t to, progress *atomic.Int64) (copied, error) {
	var c copied
	err := t.store.Capabilities().CheckSize(f.size)
	if err != nil {
		return c, err
	}
	inStore := false
	if s.canCopyInStore(f, t) {
		c, inStore, err = s.copyInStore(ctx, f, t, progress)
	}
	switch {
	case inStore:
	case s.inParts(f, t):
		c, err = s.copyParts(ctx, f, t, progress)
	default:
		c, err = s.copyWhole(ctx, f, t, progress)
	}
	if err != nil {
		return copied{}, err
	}
	if f.crc != nil && c.crc != *f.crc {
		err = errs.New(errs.DataLoss, "the bytes read from the source do not have its checksum", fmt.Errorf("crc64 %016x, want %016x", c.crc, *f.crc))
	} else {
		err = s.prove(ctx, t, &c, f.size)
	}
	if err != nil {
		progress.Add(-f.size)
	} else if inStore {
		c.proof = inStoreProof + c.proof
	}
	if errs.Is(err, errs.DataLoss) && t.retract {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		if e := t.store.Delete(ctx, t.key, c.info.ETag); e != nil {
			s.log.WarnContext(ctx, "a wrong copy stays at the destination", "key", t.key, "err", e)
		}
	}
	return c, err
}

// classOf says in which storage class a copy is kept, and which one an object shows: that of the source where the destination has it, by the source's name or by S3's, or, being S3's, can show it. The
// source's default becomes the destination's.
func classOf(class string, source, dest adapters.Store) (native, shown string) {
	if all := source.Capabilities().StorageClasses; len(all) > 0 && class == all[0] {
		class = ""
	}
	native, shown, ok := dest.Capabilities().Class(class)
	if !ok {
		native, shown, _ = dest.Capabilities().Class(source.Capabilities().S3Class(class))
	}
	return native, shown
}

// inParts says whether an object that fits goes in parts: because one Put does not take it, or to go faster.
func (s *Service) inParts(f from, t to) bool {
	c := t.store.Capabilities()
	if !c.Multipart || f.size <= s.o.Threshold && !c.NeedsParts(f.size) {
		return false
	}
	_, _, err := c.Partition(f.size, s.o.PartSize)
	return err == nil
}

// prove sees to it that the copy counts (invariant 4 of the design): the store checked it, or has a checksum of its own, or it is read back.
func (s *Service) prove(ctx context.Context, t to, c *copied, size int64) error {
	switch {
	case t.full:
	case c.info.Verified:
		c.proof = c.info.Proof
		return nil
	case c.info.CRC64 != nil:
		c.proof = "store-crc64nvme"
		return differ(*c.info.CRC64, c.crc)
	}
	body, info, err := t.store.Get(ctx, t.key, adapters.Range{}, c.info.ETag)
	if err != nil {
		return fmt.Errorf("read copy back: %w", err)
	}
	defer body.Close()
	h := crc64nvme.New()
	n, err := io.Copy(h, body)
	if err != nil {
		return fmt.Errorf("read copy back: %w", err)
	}
	if n != size || info.Size != size {
		return errs.Newf(errs.DataLoss, "the copy that was read back has %d bytes, not %d", n, size)
	}
	c.proof = "read-back-crc64nvme"
	return differ(h.Sum64(), c.crc)
}

func differ(got, want uint64) error {
	if got != want {
		return errs.New(errs.DataLoss, "the copy does not have the checksum of the source", fmt.Errorf("crc64 %016x, want %016x", got, want))
	}
	return nil
}

// counted hashes and counts what is read, and remembers whether reading failed.
type counted struct {
	r        io.Reader
	crc, md5 hash.Hash // may be nil
	n        int64
	progress *atomic.Int64
	ended    bool
	err      error
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.progress.Add(int64(n))
	if c.crc != nil {
		c.crc.Write(p[:n])
	}
	if c.md5 != nil {
		c.md5.Write(p[:n])
	}
	if c.ended = err == io.EOF; err != nil && !c.ended {
		c.err = err
	}
	return n, err
}

// sum is the MD5 for the store that the bytes go to: nil before their end.
func (c *counted) sum() []byte {
	if !c.ended {
		return nil
	}
	return c.md5.Sum(nil)
}

// blame says whose failure err is: a body that breaks off fails the write that reads it.
func (c *counted) blame(err error) error {
	if c.err == nil {
		return err
	}
	if errs.CodeOf(c.err) == errs.Unknown {
		return sourceError{errs.New(errs.Unavailable, "the source broke off", c.err)}
	}
	return sourceError{c.err}
}

// copyWhole copies by one Put.
func (s *Service) copyWhole(ctx context.Context, f from, t to, progress *atomic.Int64) (copied, error) {
	body, source, err := f.store.Get(ctx, f.key, adapters.Range{}, f.etag)
	if err != nil {
		return copied{}, sourceError{err}
	}
	defer body.Close()
	if source.Size != f.size {
		return copied{}, sourceError{changed(fmt.Errorf("%d bytes, want %d", source.Size, f.size))}
	}
	o := t.o
	if o.CRC64 = f.crc; o.CRC64 == nil {
		o.CRC64 = source.CRC64
	}
	if t.describe != nil {
		o.Headers, o.Metadata = source.Headers, t.describe(source.Metadata)
		o.StorageClass, _ = classOf(source.StorageClass, f.store, t.store)
	}
	crc := crc64nvme.New()
	r := &counted{r: body, progress: progress, crc: crc}
	if o.MD5 = adapters.KnownMD5(source.MD5); t.tags {
		r.md5 = md5.New()
		if o.MD5 == nil {
			o.MD5 = r.sum
		}
	}
	info, err := t.store.Put(ctx, t.key, r, f.size, o)
	if err != nil {
		progress.Add(-r.n)
		return copied{}, r.blame(err)
	}
	c := copied{info: info, source: source, crc: crc.Sum64()}
	if t.tags {
		c.etag = hex.EncodeToString(r.md5.Sum(nil))
	}
	return c, nil
}

func changed(cause error) error {
	return errs.New(errs.FailedPrecondition, "the source changed while it was copied", cause)
}

// copyParts copies by a native multipart upload, parts in parallel, each streamed from its own range of the source.
func (s *Service) copyParts(ctx context.Context, f from, t to, progress *atomic.Int64) (c copied, err error) {
	if t.describe != nil {
		if c.source, err = f.store.Head(ctx, f.key); err != nil {
			return c, sourceError{err}
		}
		if f.etag != "" && c.source.ETag != f.etag {
			return c, sourceError{changed(nil)}
		}
		t.o.Headers, t.o.Metadata = c.source.Headers, t.describe(c.source.Metadata)
		t.o.StorageClass, _ = classOf(c.source.StorageClass, f.store, t.store)
	}
	t.o.CRC64 = f.crc
	size, count, err := t.store.Capabilities().Partition(f.size, s.o.PartSize)
	if err != nil {
		return c, err
	}
	id, err := t.store.CreateUpload(ctx, t.key, t.o)
	if err != nil {
		return c, err
	}
	var read atomic.Int64
	defer func() {
		if err == nil {
			return
		}
		progress.Add(-read.Load())
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		if e := t.store.AbortUpload(ctx, t.key, id); e != nil {
			s.log.WarnContext(ctx, "an upload was not aborted", "key", t.key, "err", e)
		}
	}()
	c.parts = make([]adapters.Part, count)
	sums := make([][]byte, count)
	group, gctx := errgroup.WithContext(ctx)
	for n := range count {
		if !acquire(gctx, s.parts) {
			break
		}
		group.Go(func() error {
			defer func() { <-s.parts }()
			r := adapters.Range{Offset: int64(n) * size, Length: min(size, f.size-int64(n)*size)}
			var err error
			c.parts[n], sums[n], err = s.copyPart(gctx, f, t, id, n+1, r, progress, &read)
			return err
		})
	}
	if err = group.Wait(); err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return c, err
	}
	for _, p := range c.parts {
		c.crc = checksum.CombineCRC64(c.crc, p.CRC64, p.Size)
	}
	if f.crc != nil && c.crc != *f.crc {
		return c, errs.New(errs.DataLoss, "the bytes read from the source do not have its checksum", fmt.Errorf("crc64 %016x, want %016x", c.crc, *f.crc))
	}
	if t.alive != nil {
		if err = t.alive(); err != nil {
			return c, err
		}
	}
	whole := c.crc
	t.o.CRC64 = &whole
	if c.info, err = t.store.CompleteUpload(ctx, t.key, id, c.parts, t.o); err != nil {
		return c, err
	}
	if c.info.Verified = c.info.Verified || allVerified(c.parts); c.info.Proof == "" {
		c.info.Proof = c.parts[0].Proof
	}
	if t.tags {
		h := md5.New()
		for _, sum := range sums {
			h.Write(sum)
		}
		c.etag = fmt.Sprintf("%x-%d", h.Sum(nil), count)
	}
	return c, nil
}

func allVerified(parts []adapters.Part) bool {
	for _, p := range parts {
		if !p.Verified {
			return false
		}
	}
	return true
}

// copyPart copies one range, again when either side fails in a way that may pass.
func (s *Service) copyPart(ctx context.Context, f from, t to, id string, n int, r adapters.Range, progress, read *atomic.Int64) (adapters.Part, []byte, error) {
	for try := 1; ; try++ {
		p, sum, got, err := s.tryPart(ctx, f, t, id, n, r, progress)
		if err == nil {
			read.Add(got)
			return p, sum, nil
		}
		progress.Add(-got)
		if try == partTries || !errs.Retryable(err) || !trouble.Sleep(ctx, pause(try)) {
			return p, nil, err
		}
	}
}

func (s *Service) tryPart(ctx context.Context, f from, t to, id string, n int, r adapters.Range, progress *atomic.Int64) (p adapters.Part, sum []byte, got int64, err error) {
	body, _, err := f.store.Get(ctx, f.key, r, f.etag)
	if err != nil {
		return p, nil, 0, sourceError{err}
	}
	defer body.Close()
	c := &counted{r: body, progress: progress}
	var sums adapters.Sums
	if t.tags {
		c.md5 = md5.New()
		sums.MD5 = c.sum
	}
	p, err = t.store.PutPart(ctx, t.key, id, n, c, r.Length, sums)
	if err != nil {
		return p, nil, c.n, c.blame(err)
	}
	if p.Size != r.Length {
		return p, nil, c.n, errs.Newf(errs.DataLoss, "part %d has %d bytes, not %d", n, p.Size, r.Length)
	}
	if t.tags {
		sum = c.md5.Sum(nil)
	}
	return p, sum, c.n, nil
}
