package catalog

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/lease"
	"github.com/opensds/gelato/internal/trouble"
)

// uploadsPiece is the piece of work beside the shards: uploads that were left half done.
const uploadsPiece = "uploads"

// eventInterval is the pause between two passes where others are told of changes. A note is read when it is older than Options.Skew.
const eventInterval = time.Second

// maxDelay bounds the pause after passes that failed.
const maxDelay = 30 * time.Second

// Run reads the journal, collects garbage and carries on uploads until ctx ends. Processes split the shards among them by leases; each shard is read
// by the one that holds it.
func (c *Catalog) Run(ctx context.Context) error {
	pieces := []string{uploadsPiece}
	of := map[string]int{}
	for shard := range shards {
		p := fmt.Sprintf("journal/%02d", shard)
		pieces = append(pieces, p)
		of[p] = shard
	}
	o := lease.Options{Owner: c.opt.Owner, TTL: c.opt.LeaseTTL, Logger: c.log}
	return lease.Share(ctx, c.docs, "catalog", pieces, o, func(ctx context.Context, piece string, _ int64) {
		if piece != uploadsPiece {
			c.read(ctx, of[piece])
			return
		}
		c.every(ctx, "uploads cannot be carried on", c.opt.SweepInterval, func(ctx context.Context) (time.Time, error) {
			return time.Time{}, c.sweepUploads(ctx)
		})
	})
}

// read makes the passes of one shard. Garbage has a loop of its own, so that a store that hangs does not hold up the journal.
func (c *Catalog) read(ctx context.Context, shard int) {
	var group sync.WaitGroup
	interval := min(c.opt.SweepInterval, max(c.opt.GarbageGrace, time.Second))
	group.Go(func() { c.readJournal(ctx, shard, interval) })
	if c.notifier != nil {
		group.Go(func() { c.notifier.Deliver(ctx, shard) })
	}
	group.Go(func() {
		c.every(ctx, "garbage cannot be collected", interval, func(ctx context.Context) (time.Time, error) { return c.collect(ctx, shard) })
	})
	group.Wait()
}

// readJournal settles notes. Where others are told of changes it passes more often, but says no more often up to when the shard was read.
func (c *Catalog) readJournal(ctx context.Context, shard int, interval time.Duration) {
	tick := interval
	if c.notifier != nil {
		tick = min(interval, eventInterval)
	}
	marked := time.Time{}
	c.every(ctx, "the journal cannot be read", tick, func(ctx context.Context) (time.Time, error) {
		cutoff, err := c.settleAll(ctx, shard)
		if err != nil || cutoff.IsZero() || tick < interval && time.Since(marked) < interval {
			return time.Time{}, err
		}
		marked = time.Now()
		return time.Time{}, c.markAsOf(ctx, shard, cutoff)
	})
}

// every calls pass at once, then after each interval, when the pass asked to be called, and when Poke is called, until ctx ends. A pass that
// fails is tried again, soon at first: what it waits for may be back in a second.
func (c *Catalog) every(ctx context.Context, what string, interval time.Duration, pass func(context.Context) (next time.Time, err error)) {
	problem := trouble.New(c.log, what)
	for {
		poked := c.poked()
		next, err := pass(ctx)
		if ctx.Err() != nil {
			return
		}
		if errs.Is(err, errs.FailedPrecondition) { // another reader was here
			err = nil
		}
		problem.Saw(ctx, err)
		delay := interval
		switch {
		case err != nil:
			delay = min(delay, problem.Delay(time.Second, maxDelay))
		case !next.IsZero():
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
