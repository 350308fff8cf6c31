// Package trouble keeps background loops quiet and patient while something that they need is away: one line when it begins to fail, one
// when it works again, and longer pauses in between. Any package may import it.
package trouble

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/errs"
)

// Log follows one activity that is repeated. It is safe for concurrent use.
type Log struct {
	log   *slog.Logger
	what  string
	attrs []any

	mu      sync.Mutex
	since   time.Time // of the first failure in a row; zero: it works
	count   int       // failures in a row
	passing bool      // the last failure was one that may pass
}

// New makes a Log. what says what fails ("the journal cannot be read") and attrs are added to every line. A nil logger is silent.
func New(log *slog.Logger, what string, attrs ...any) *Log {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Log{log: log, what: what, attrs: attrs}
}

// Saw notes how an attempt ended. It logs the first failure in a row, one that will not pass after such that may, and the end. What
// fails because ctx ended is not counted.
func (l *Log) Saw(ctx context.Context, err error) {
	if err != nil && ctx.Err() != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil && l.count > 0:
		l.log.InfoContext(ctx, "it works again: "+l.what, append([]any{"failures", l.count, "after", time.Since(l.since).Round(time.Millisecond)}, l.attrs...)...)
		l.count = 0
	case err == nil:
	default:
		passing := errs.Retryable(err)
		if l.count == 0 {
			l.since = time.Now()
		}
		if l.count == 0 || l.passing && !passing {
			l.log.WarnContext(ctx, l.what, append([]any{"err", err}, l.attrs...)...)
		}
		l.passing = passing
		l.count++
	}
}

// Delay is how long to wait before the next attempt: normal while it works, and twice as long after each failure, up to limit, with up to a
// quarter taken off, so that processes do not knock in step.
func (l *Log) Delay(normal, limit time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count == 0 {
		return normal
	}
	d := min(max(normal, 100*time.Millisecond)<<min(l.count, 16), max(limit, normal))
	return d - rand.N(d/4+1)
}

// Persist repeats do while it fails in a way that may pass, at most 5 s apart, until ctx ends. It is for what a process cannot go on without.
func Persist(ctx context.Context, log *slog.Logger, what string, do func(ctx context.Context) error) error {
	l := New(log, what)
	for {
		err := do(ctx)
		if err != nil && (!errs.Retryable(err) || ctx.Err() != nil) {
			return err // the caller's to tell
		}
		if l.Saw(ctx, err); err == nil {
			return nil
		}
		if !Sleep(ctx, l.Delay(100*time.Millisecond, 5*time.Second)) {
			return err
		}
	}
}

// Sleep waits for d and reports whether ctx is still alive then; it ends with ctx.
func Sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return ctx.Err() == nil
	}
}
