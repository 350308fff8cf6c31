package catalog

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/lease"
)

// Run reads the journal, collects garbage and carries on uploads until ctx ends. Of several processes each shard is read by the one that holds its lease.
func (c *Catalog) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for shard := range shards {
		group.Go(func() error {
			return lease.Run(ctx, c.docs, fmt.Sprintf("catalog/journal/%02d", shard), c.opt.Owner, c.opt.LeaseTTL, func(ctx context.Context, _ int64) error {
				return c.read(ctx, shard)
			})
		})
	}
	group.Go(func() error {
		return lease.Run(ctx, c.docs, "catalog/uploads", c.opt.Owner, c.opt.LeaseTTL, func(ctx context.Context, _ int64) error {
			return c.every(ctx, c.opt.SweepInterval, func(ctx context.Context) (time.Time, error) { return time.Time{}, c.sweepUploads(ctx) })
		})
	})
	return group.Wait()
}

// read makes the passes of one shard. Garbage has a loop of its own, so that a store that hangs does not hold up the journal.
func (c *Catalog) read(ctx context.Context, shard int) error {
	group, ctx := errgroup.WithContext(ctx)
	interval := min(c.opt.SweepInterval, max(c.opt.GarbageGrace, time.Second))
	group.Go(func() error {
		return c.every(ctx, interval, func(ctx context.Context) (time.Time, error) { return time.Time{}, c.sweep(ctx, shard) })
	})
	group.Go(func() error {
		return c.every(ctx, interval, func(ctx context.Context) (time.Time, error) { return c.collect(ctx, shard) })
	})
	return group.Wait()
}

// every calls pass at once, then after each interval, when the pass asked to be called, and when Poke is called. A pass that fails is logged and tried again.
func (c *Catalog) every(ctx context.Context, interval time.Duration, pass func(context.Context) (next time.Time, err error)) error {
	for {
		poked := c.poked()
		next, err := pass(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errs.Is(err, errs.FailedPrecondition) {
			c.log.WarnContext(ctx, "a pass over the journal failed", "err", err)
		}
		delay := interval
		if !next.IsZero() {
			delay = min(delay, max(time.Until(next), 10*time.Millisecond))
		}
		t := time.NewTimer(delay)
		select {
		case <-t.C:
		case <-poked:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

func (c *Catalog) poked() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wake
}

// Poke makes the journal's reader pass now.
func (c *Catalog) Poke() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.wake)
	c.wake = make(chan struct{})
}
