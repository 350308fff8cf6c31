package s3

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/trouble"
	"github.com/opensds/gelato/s3/catalog"
)

const (
	maxObject = 5 << 30 // of one PUT or copy
	maxParts  = 10_000

	maxMoves      = 3                // of a bucket, that one write follows
	settleTimeout = 30 * time.Second // for Commit once the bytes are stored, whether or not the client still waits
)

// store writes one object: begin, upload, commit; again where the bucket has moved to, if all of the body is at hand. o says everything but the location and what is computed of the body. If anything fails nothing of it becomes visible.
func (s *Service) store(ctx context.Context, b catalog.Bucket, o catalog.Object, body *payload, cond catalog.Condition) (catalog.Object, error) {
	c, err := s.load(body, o.Size, body.salt())
	if err != nil {
		return o, err
	}
	o.Size = c.plain
	for try := 0; ; try++ {
		w, err := s.catalog.Begin(ctx, b, o.Key, "", c.size)
		if err != nil {
			return o, err
		}
		done, err := s.storeBegun(ctx, w, o, c, cond)
		if err == nil {
			c.release()
			return done, nil
		}
		s.catalog.Abandon(context.WithoutCancel(ctx), w)
		whole, ok := c.read.(io.Seeker)
		if !ok || !w.Moved() || try == maxMoves {
			return done, err
		}
		if _, err := whole.Seek(0, io.SeekStart); err != nil {
			return o, err
		}
		if b, err = s.catalog.Bucket(ctx, b.Name); err != nil {
			return o, err
		}
	}
}

func (s *Service) storeBegun(ctx context.Context, w *catalog.Write, o catalog.Object, c *cargo, cond catalog.Condition) (catalog.Object, error) {
	store, err := s.places.Store(ctx, w.Location.BackendID)
	if err != nil {
		return o, storeFailed(err)
	}
	native, err := nativeOptions(w, o, store.Capabilities())
	if err != nil {
		return o, err
	}
	native.CRC64, native.MD5, native.Unproven = c.sums.CRC64, c.sums.MD5, c.sums.Unproven
	working, stop := s.renew(ctx, w)
	var info adapters.Info
	if store.Capabilities().NeedsParts(c.size) {
		native.MD5 = nil
		info, err = s.putParts(working, store, w, c, native)
	} else {
		info, err = store.Put(working, w.Location.NativeKey, w.Guard(c.read, c.size), c.size, native)
	}
	if lost := stop(); lost != nil {
		return o, lost
	}
	if failure := c.body.err; failure != nil {
		return o, failure
	}
	if errs.ReasonOf(err) == adapters.ReasonTooLarge { // the bucket is on another backend since fits was asked
		return o, tooLarge()
	}
	if err != nil {
		return o, storeFailed(fmt.Errorf("store blob: %w", err))
	}
	if err := c.drain(); err != nil {
		return o, err
	}
	if info.Size != c.size {
		return o, storeFailed(errs.Newf(errs.DataLoss, "the store kept %d bytes of %d", info.Size, c.size))
	}
	o.Size = c.plain
	c.describe(&o)
	o.Location = w.Location
	o.Location.NativeETag = info.ETag
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	return s.catalog.Commit(ctx, w, o, nil, cond)
}

// nativeOptions are what a blob carries in its store.
func nativeOptions(w *catalog.Write, o catalog.Object, can adapters.Capabilities) (adapters.PutOptions, error) {
	class, _, ok := can.Class(o.StorageClass)
	if !ok { // the bucket is on another backend since fits was asked
		return adapters.PutOptions{}, invalidStorageClass()
	}
	return adapters.PutOptions{Headers: o.Headers, StorageClass: class,
		Metadata: blob.Describe(o.Metadata, w.Bucket.Name, w.Key, catalog.NullVersion, w.Location.NativeKey)}, nil
}

// renew prolongs a write that takes long. The upload goes on under the context that it returns, which ends early when the write is given up: then
// nothing can come of it. stop ends renewing, waits, and returns that error.
func (s *Service) renew(ctx context.Context, w *catalog.Write) (working context.Context, stop func() error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	running.Add(1)
	timer := time.AfterFunc(w.TTL/3, func() {
		defer running.Done()
		s.keep(ctx, w, cancel)
	})
	return ctx, func() error {
		cancel(nil)
		if !timer.Stop() {
			running.Wait()
		}
		if cause := context.Cause(ctx); errs.ReasonOf(cause) == catalog.Expired {
			return cause
		}
		return nil
	}
}

// keep renews until ctx ends, which it brings about itself when the write was given up. While the state is away it tries often, as the write
// can be had back until another process gives it up.
func (s *Service) keep(ctx context.Context, w *catalog.Write, cancel context.CancelCauseFunc) {
	problem := trouble.New(s.o.Log, "a write is not renewed", "bucket", w.Bucket.Name, "key", w.Key)
	for ctx.Err() == nil {
		limited, end := context.WithTimeout(ctx, w.TTL/3)
		err := s.catalog.Renew(limited, w)
		end()
		problem.Saw(ctx, err)
		if errs.ReasonOf(err) == catalog.Expired {
			cancel(err)
			return
		}
		pause := w.TTL / 3
		if err != nil {
			pause = w.TTL / 20
		}
		trouble.Sleep(ctx, pause)
	}
}

// buffer takes a buffer of size bytes from a pool.
func buffer(pool *sync.Pool, size int) *[]byte {
	if b, _ := pool.Get().(*[]byte); b != nil {
		return b
	}
	b := make([]byte, size)
	return &b
}
