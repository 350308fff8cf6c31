package s3

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/trouble"
)

const (
	answerAge   = time.Second      // how old a cached answer may be: half of what is promised, as requests take time too
	answerGrace = 30 * time.Second // how much older while the api service does not answer
	answerLimit = 3 * time.Second  // of one call
	answerAgain = time.Second      // between calls that fail, for one question
	maxAnswers  = 10_000
)

// answers asks the api service and remembers what it said for answerAge, also that there is nothing, so that guesses do not become calls. While the service does not
// answer, what it said last goes on for answerGrace.
type answers[K comparable, V any] struct {
	ask     func(ctx context.Context, key K) (V, error)
	now     func() time.Time
	problem *trouble.Log

	mu    sync.RWMutex
	known map[K]known[V]
}

type known[V any] struct {
	value V
	err   error     // NotFound, or nil
	until time.Time // when to ask again
	last  time.Time // when to forget it, if nobody answers
}

func newAnswers[K comparable, V any](ask func(context.Context, K) (V, error), now func() time.Time, log *slog.Logger, problem string) *answers[K, V] {
	return &answers[K, V]{ask: ask, now: now, known: map[K]known[V]{}, problem: trouble.New(log, problem)}
}

// get returns the answer to key. NotFound when there is none.
func (a *answers[K, V]) get(ctx context.Context, key K) (V, error) {
	now := a.now()
	a.mu.RLock()
	was, ok := a.known[key]
	a.mu.RUnlock()
	if ok && now.Before(was.until) {
		return was.value, was.err
	}
	limited, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	value, err := a.ask(limited, key)
	switch {
	case err == nil || errs.Is(err, errs.NotFound):
		a.problem.Saw(ctx, nil)
		a.remember(key, known[V]{value, err, now.Add(answerAge), now.Add(answerAge + answerGrace)})
	case errs.Retryable(err) && ctx.Err() == nil:
		a.problem.Saw(ctx, err)
		if ok && was.err == nil && a.now().Before(was.last) {
			a.putOff(key, was)
			return was.value, nil
		}
	}
	return value, err
}

// putOff has an answer that could not be asked for taken for known a little longer, unless another request was told something new meanwhile.
func (a *answers[K, V]) putOff(key K, was known[V]) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := a.known[key]; now.until.Equal(was.until) {
		now.until = a.now().Add(answerAgain)
		a.known[key] = now
	}
}

func (a *answers[K, V]) remember(key K, k known[V]) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= maxAnswers {
		clear(a.known)
	}
	a.known[key] = k
}
