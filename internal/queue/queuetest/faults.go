package queuetest

import (
	"context"
	"math/rand/v2"
	"sync"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/queue"
)

// Faults says how often a Faulty queue misbehaves, each as a probability from 0 to 1.
type Faults struct {
	Seed  uint64
	Lost  float64 // a message is acknowledged and never delivered
	Twice float64 // a message is delivered twice
}

// Faulty is a queue that loses and doubles messages as far as the rules of queue allow, and can be away for a while.
type Faulty struct {
	queue.Queue
	faults Faults

	mu   sync.Mutex
	rand *rand.Rand
	away bool
}

var _ queue.Queue = (*Faulty)(nil)

// NewFaulty wraps a queue. Close closes it.
func NewFaulty(q queue.Queue, f Faults) *Faulty {
	return &Faulty{Queue: q, faults: f, rand: rand.New(rand.NewPCG(f.Seed, 0))}
}

// Away has Publish, and what is delivered, fail until it is called with false.
func (f *Faulty) Away(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = on
}

// Publish implements queue.Queue.
func (f *Faulty) Publish(ctx context.Context, topic string, messages ...queue.Message) error {
	f.mu.Lock()
	away := f.away
	var kept []queue.Message
	for _, m := range messages {
		if f.rand.Float64() < f.faults.Lost {
			continue
		}
		kept = append(kept, m)
		if f.rand.Float64() < f.faults.Twice {
			kept = append(kept, m)
		}
	}
	f.mu.Unlock()
	if away {
		return unavailable()
	}
	if len(kept) == 0 {
		return nil
	}
	return f.Queue.Publish(ctx, topic, kept...)
}

// Subscribe implements queue.Queue.
func (f *Faulty) Subscribe(ctx context.Context, topic, group string, concurrency int, handle queue.Handler) error {
	return f.Queue.Subscribe(ctx, topic, group, concurrency, func(ctx context.Context, m queue.Message) error {
		f.mu.Lock()
		away := f.away
		f.mu.Unlock()
		if away {
			return unavailable()
		}
		return handle(ctx, m)
	})
}

func unavailable() error { return errs.Newf(errs.Unavailable, "a planted fault") }
