//go:build ceph && cgo

package cephrados

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/internal/errs"
)

const (
	sweepEvery  = time.Minute // and up to as much again, so that processes do not go in step
	sweepPause  = time.Second // between passes, however many are asked for
	sweepSkew   = time.Minute // by which clocks of processes may differ
	sweepRemove = 8           // removals at once
)

// sweeper is the goroutine that removes garbage.
type sweeper struct {
	cancel context.CancelFunc
	soon   chan struct{}
	done   chan struct{}
}

// startSweeping makes a first pass at once. Any number of processes may sweep: what one has removed, another finds absent.
func (s *Store) startSweeping() {
	var ctx context.Context
	ctx, s.sweeper.cancel = context.WithCancel(context.Background())
	s.sweeper.soon, s.sweeper.done = make(chan struct{}, 1), make(chan struct{})
	if s.readOnly {
		close(s.sweeper.done)
		return
	}
	go func() {
		defer close(s.sweeper.done)
		for s.sweepOnce(ctx) {
		}
	}()
}

func (s *Store) stopSweeping() {
	s.sweeper.cancel()
	<-s.sweeper.done
}

// sweepSoon asks for a pass: there is garbage that is due.
func (s *Store) sweepSoon() {
	select {
	case s.sweeper.soon <- struct{}{}:
	default:
	}
}

// sweepOnce makes a pass, waits until the next one is due, and says whether there is to be one.
func (s *Store) sweepOnce(ctx context.Context) bool {
	err := s.sweep(ctx, time.Now())
	if errs.Is(err, errs.PermissionDenied) {
		return false // it may only read
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("garbage in the pool could not be removed, it will be tried again", "pool", s.pool, "error", err)
	}
	if !pause(ctx, sweepPause, nil) {
		return false
	}
	return pause(ctx, sweepEvery+rand.N(sweepEvery), s.sweeper.soon)
}

// pause waits for a time, or less when asked to, and says whether ctx goes on.
func pause(ctx context.Context, d time.Duration, less <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-less:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// sweep makes one pass over all shards, as of a time.
func (s *Store) sweep(ctx context.Context, now time.Time) error {
	l, err := s.layout(ctx, false)
	if err != nil || l == nil {
		return err
	}
	for _, n := range rand.Perm(l.Shards) {
		if err := s.endIntents(ctx, shardObject(n), now); err != nil {
			return fail("sweep intents", err)
		}
		if err := s.collect(ctx, shardObject(n), now); err != nil {
			return fail("sweep garbage", err)
		}
	}
	return nil
}

// endIntents makes garbage of what writers that died have left.
func (s *Store) endIntents(ctx context.Context, shard string, now time.Time) error {
	for after, more := "", true; more; {
		var (
			rows []row
			err  error
		)
		if rows, more, err = s.scan(ctx, shard, intentRow, after, scanMost); err != nil {
			return err
		}
		for _, r := range rows {
			after = r.key
			i, err := decode[intent](r.value)
			if err != nil {
				return err
			}
			if now.Before(i.Until.Add(sweepSkew)) {
				continue
			}
			id := r.key[len(intentRow):]
			g := garbage{Data: data{ID: id, Stripe: i.Stripe}, Open: true, Bare: i.Table}
			err = s.apply(ctx, shard, change{
				same: map[string][]byte{r.key: r.value}, remove: []string{r.key}, set: map[string][]byte{garbageKey(now, id): encode(g)},
			})
			if err != nil && err != errChanged { // it was renewed, or somebody else ended it
				return err
			}
		}
	}
	return nil
}

// collect removes garbage that is due, and then its row. What is damaged stays, and does not keep the rest.
func (s *Store) collect(ctx context.Context, shard string, now time.Time) error {
	var damaged error
	for after, more := "", true; more; {
		var (
			rows []row
			err  error
		)
		if rows, more, err = s.scan(ctx, shard, garbageRow, after, scanMost); err != nil {
			return err
		}
		for _, r := range rows {
			after = r.key
			if due, ok := dueOf(r.key); !ok || due.After(now) {
				return damaged // what follows is not due either
			}
			g, err := decode[garbage](r.value)
			if err == nil {
				err = s.drop(ctx, g)
			}
			if err == nil {
				err = s.apply(ctx, shard, change{remove: []string{r.key}})
			}
			switch {
			case errs.Is(err, errs.DataLoss):
				damaged = fmt.Errorf("remove %s of %s: %w", r.key, shard, err)
			case err != nil:
				return err
			}
		}
	}
	return damaged
}

// drop removes the objects of garbage; what is absent was removed before.
func (s *Store) drop(ctx context.Context, g garbage) error {
	switch {
	case g.Bare:
		_, err := s.remove(ctx, tableObject(g.Data.ID))
		return err
	case g.Data.Parts > 0: // the table last: it says what else there is
		parts, err := s.readTable(ctx, g.Data)
		if err == errAbsent {
			return nil
		}
		if err != nil {
			return err
		}
		for _, p := range parts {
			if err := s.dropData(ctx, p); err != nil {
				return err
			}
		}
		_, err = s.remove(ctx, tableObject(g.Data.ID))
		return err
	case g.Open:
		return s.dropOpen(ctx, g.Data.ID)
	}
	return s.dropData(ctx, g.Data)
}

func (s *Store) dropData(ctx context.Context, d data) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(sweepRemove)
	for n := range d.objects() {
		g.Go(func() error {
			_, err := s.remove(ctx, dataObject(d.ID, n))
			return err
		})
	}
	return g.Wait()
}

// dropOpen removes data of which nobody knows how much there is: from its end, so that a sweep that is stopped on the way leaves no gap behind which
// the next one would not look.
func (s *Store) dropOpen(ctx context.Context, id string) error {
	end := int64(0)
	for n := int64(0); n < end+maxAhead; n++ {
		there, err := s.exists(ctx, dataObject(id, n))
		if err != nil {
			return err
		}
		if there {
			end = n + 1
		}
	}
	for n := end - 1; n >= 0; n-- {
		if _, err := s.remove(ctx, dataObject(id, n)); err != nil {
			return err
		}
	}
	return nil
}
