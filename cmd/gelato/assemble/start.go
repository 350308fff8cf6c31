package assemble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/opensds/gelato/internal/cluster"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 2 * time.Second
	attempt    = 10 * time.Second // how long one attempt of retry may take
)

// retry calls f until it succeeds, fails for good or ctx ends. It logs what it waits for once, and once that the wait is over.
func retry(ctx context.Context, log *slog.Logger, what string, f func(context.Context) error) error {
	start, waited := time.Now(), false
	for backoff := minBackoff; ; backoff = min(2*backoff, maxBackoff) {
		limited, cancel := context.WithTimeout(ctx, attempt)
		err := f(limited)
		cancel()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			if waited {
				log.InfoContext(ctx, "the wait is over", "for", what, "took", time.Since(start))
			}
			return nil
		case !errs.Retryable(err):
			return err
		case !waited:
			waited = true
			log.WarnContext(ctx, "waiting", "for", what, "err", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(backoff):
		}
	}
}

// Identify waits for the state and returns the cluster's id.
func Identify(ctx context.Context, docs docstore.Store, log *slog.Logger) (id string, err error) {
	err = retry(ctx, log, "the state", func(ctx context.Context) error {
		id, err = cluster.ID(ctx, docs)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("identify the cluster: %w", err)
	}
	return id, nil
}

// Stopped returns nil in place of an error that only says that ctx ended: a process that is told to end while it starts ends well.
func Stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return nil
	}
	return err
}
