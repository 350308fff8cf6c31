package assemble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/opensds/gelato/internal/cluster"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/internal/trouble"
)

const attempt = 10 * time.Second // how long one attempt of retry may take

// retry calls f until it succeeds, fails for good or ctx ends; then its error is the cause. It logs that it waits, once.
func retry(ctx context.Context, log *slog.Logger, what string, f func(context.Context) error) error {
	err := trouble.Persist(ctx, log, what, func(ctx context.Context) error {
		limited, cancel := context.WithTimeout(ctx, attempt)
		defer cancel()
		return f(limited)
	})
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// Identify waits for the state, makes sure that box has the master key of the cluster, unless it is nil, and returns the cluster's id.
func Identify(ctx context.Context, docs docstore.Store, box *seal.Box, log *slog.Logger) (id string, err error) {
	err = retry(ctx, log, "waiting for the state", func(ctx context.Context) error {
		if id, err = cluster.ID(ctx, docs); err != nil || box == nil {
			return err
		}
		return cluster.CheckKey(ctx, docs, box)
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
