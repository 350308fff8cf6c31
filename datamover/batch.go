package datamover

import (
	"context"
	"sync"
	"time"
)

// batcher joins calls that come at about the same time into one. What waits while a call is under way goes with the next.
type batcher[I, O any] struct {
	max    int
	linger time.Duration // that the first one waits for company
	do     func(context.Context, []I) []O
	queue  chan batchItem[I, O]
}

type batchItem[I, O any] struct {
	in    I
	reply chan O
}

func newBatcher[I, O any](max int, linger time.Duration, do func(context.Context, []I) []O) *batcher[I, O] {
	return &batcher[I, O]{max: max, linger: linger, do: do, queue: make(chan batchItem[I, O], max)}
}

// run makes calls, two at once, until ctx ends.
func (b *batcher[I, O]) run(ctx context.Context) {
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case first := <-b.queue:
					b.call(ctx, b.gather(first))
				case <-ctx.Done():
					return
				}
			}
		})
	}
	wg.Wait()
}

func (b *batcher[I, O]) gather(first batchItem[I, O]) []batchItem[I, O] {
	items := []batchItem[I, O]{first}
	timer := time.NewTimer(b.linger)
	defer timer.Stop()
	for len(items) < b.max {
		select {
		case next := <-b.queue:
			items = append(items, next)
		case <-timer.C:
			return items
		}
	}
	return items
}

func (b *batcher[I, O]) call(ctx context.Context, items []batchItem[I, O]) {
	in := make([]I, len(items))
	for i := range items {
		in[i] = items[i].in
	}
	for i, out := range b.do(ctx, in) {
		items[i].reply <- out
	}
}

// get puts one item into a batch and waits for its result. It must not be called once run's context has ended. An item that is queued is
// dealt with: its outcome is always waited for, so that nobody is left in the dark.
func (b *batcher[I, O]) get(in I) O {
	reply := make(chan O, 1)
	b.queue <- batchItem[I, O]{in, reply}
	return <-reply
}
