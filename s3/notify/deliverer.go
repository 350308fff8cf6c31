package notify

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/trouble"
)

// Waiting is an event in an outbox.
type Waiting struct {
	ID string // orders the events of an outbox
	Event
}

// Outbox keeps events until they are delivered. Each shard has one for each target.
type Outbox interface {
	// Targets names the targets of a shard for which events wait.
	Targets(ctx context.Context, shard int) ([]string, error)
	// Events returns events behind the id after, in order.
	Events(ctx context.Context, shard int, target, after string, limit int) ([]Waiting, error)
	// Forget deletes events. Those that are gone already are no error.
	Forget(ctx context.Context, shard int, target string, ids []string) error
}

// Options tune a Deliverer. The zero Options works.
type Options struct {
	Interval time.Duration // between two looks at the outboxes, 1 s when 0
	MaxDelay time.Duration // between two attempts at a target that does not take events, 1 minute when 0
	Keep     time.Duration // how long an event is kept for a target that does not take it, 3 days when 0
	Limit    int           // events kept of a shard for such a target, 12,500 when 0; the oldest go first
	Log      *slog.Logger
	// Ended is told how events ended: delivered, failed (and tried again), or dropped.
	Ended func(target, outcome string, events int)
}

// How events end.
const (
	Delivered = "delivered"
	Failed    = "failed"
	Dropped   = "dropped"
)

const (
	page      = 100
	parallel  = 4                // keys sent at once from a shard to a target
	sendLimit = 30 * time.Second // for one event
	trimEvery = time.Minute
)

// Deliverer empties outboxes. Events of one key reach their target in order, each at least once: one whose deletion is lost is sent again.
type Deliverer struct {
	outbox  Outbox
	targets map[string]Target
	o       Options
}

// New makes a Deliverer to targets by name.
func New(outbox Outbox, targets map[string]Target, o Options) *Deliverer {
	if o.Interval <= 0 {
		o.Interval = time.Second
	}
	if o.MaxDelay <= 0 {
		o.MaxDelay = time.Minute
	}
	if o.Keep <= 0 {
		o.Keep = 3 * 24 * time.Hour
	}
	if o.Limit <= 0 {
		o.Limit = 12_500
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Ended == nil {
		o.Ended = func(string, string, int) {}
	}
	return &Deliverer{outbox: outbox, targets: targets, o: o}
}

// Run delivers the events of one shard until ctx ends. One at a time should run for a shard; two only send events twice, or out of order.
func (d *Deliverer) Run(ctx context.Context, shard int) {
	problem := trouble.New(d.o.Log, "events cannot be read", "shard", shard)
	var running sync.WaitGroup
	defer running.Wait()
	var mu sync.Mutex
	busy := map[string]bool{}
	for {
		names, err := d.outbox.Targets(ctx, shard)
		problem.Saw(ctx, err)
		mu.Lock()
		for _, name := range names {
			if busy[name] {
				continue
			}
			busy[name] = true
			running.Go(func() {
				d.empty(ctx, shard, name)
				mu.Lock()
				defer mu.Unlock()
				delete(busy, name)
			})
		}
		mu.Unlock()
		if !trouble.Sleep(ctx, problem.Delay(d.o.Interval, d.o.MaxDelay)) {
			return
		}
	}
}

// empty sends what waits for a target until nothing does.
func (d *Deliverer) empty(ctx context.Context, shard int, target string) {
	problem := trouble.New(d.o.Log, "events are not delivered", "target", target, "shard", shard)
	trimmed := time.Time{}
	for ctx.Err() == nil {
		list, err := d.outbox.Events(ctx, shard, target, "", page)
		if err == nil && len(list) == 0 {
			return
		}
		if err == nil {
			err = d.send(ctx, shard, target, list)
		}
		problem.Saw(ctx, err)
		if err == nil {
			continue
		}
		if time.Since(trimmed) >= trimEvery {
			trimmed = time.Now()
			if err := d.trim(ctx, shard, target); err != nil && ctx.Err() == nil {
				d.o.Log.WarnContext(ctx, "old events cannot be dropped", "target", target, "shard", shard, "err", err)
			}
		}
		trouble.Sleep(ctx, problem.Delay(d.o.Interval, d.o.MaxDelay))
	}
}

// send delivers events, those of one key one after the other, and forgets what was delivered.
func (d *Deliverer) send(ctx context.Context, shard int, target string, list []Waiting) error {
	to := d.targets[target]
	if to == nil {
		return errs.Newf(errs.NotFound, "no target is named so any more")
	}
	byKey := map[string][]Waiting{}
	var keys []string
	for _, e := range list {
		k := e.Bucket + "/" + e.Key
		if byKey[k] == nil {
			keys = append(keys, k)
		}
		byKey[k] = append(byKey[k], e)
	}
	var mu sync.Mutex
	var done []string
	group, limited := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, k := range keys {
		group.Go(func() error {
			for _, e := range byKey[k] {
				if limited.Err() != nil {
					return nil
				}
				// Not under limited: that another event failed is no reason to break this one off.
				once, cancel := context.WithTimeout(ctx, sendLimit)
				err := to.Send(once, k, e.JSON())
				cancel()
				if err != nil {
					return err
				}
				mu.Lock()
				done = append(done, e.ID)
				mu.Unlock()
			}
			return nil
		})
	}
	err := group.Wait()
	if len(done) > 0 {
		d.o.Ended(target, Delivered, len(done))
		if e := d.outbox.Forget(context.WithoutCancel(ctx), shard, target, done); e != nil {
			return e
		}
	}
	if err != nil && ctx.Err() == nil {
		d.o.Ended(target, Failed, 1)
	}
	return err
}

// trim drops what is too old, and the oldest of what is too much.
func (d *Deliverer) trim(ctx context.Context, shard int, target string) error {
	oldest := time.Now().Add(-d.o.Keep)
	var kept []string
	dropped := 0
	drop := func(ids []string) error {
		if len(ids) == 0 {
			return nil
		}
		dropped += len(ids)
		return d.outbox.Forget(ctx, shard, target, ids)
	}
	defer func() {
		if dropped > 0 {
			d.o.Ended(target, Dropped, dropped)
			d.o.Log.ErrorContext(ctx, "events were dropped, as their target did not take them", "target", target, "events", dropped)
		}
	}()
	for after := ""; ; {
		list, err := d.outbox.Events(ctx, shard, target, after, page)
		if err != nil {
			return err
		}
		var old []string
		for _, e := range list {
			after = e.ID
			if e.Time.Before(oldest) {
				old = append(old, e.ID)
			} else {
				kept = append(kept, e.ID)
			}
		}
		if n := len(kept) - d.o.Limit; n > 0 {
			old = append(old, kept[:n]...)
			kept = kept[n:]
		}
		if err := drop(old); err != nil {
			return err
		}
		if len(list) < page {
			return nil
		}
	}
}
