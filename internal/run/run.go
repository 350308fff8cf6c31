// Package run starts the parts of a process in order and drains them in the reverse order. cmd and tests import it.
package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Part is something that runs until its context ends. Run returns nil after a clean stop; any return before the context ends stops the process.
type Part struct {
	Name  string
	Run   func(context.Context) error
	Drain time.Duration // how long Run may take to return once its context ended; default 10 s
}

// Signals returns a context that ends with the first SIGINT or SIGTERM; a second one ends the process at once.
func Signals(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	c := make(chan os.Signal, 2)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case s := <-c:
			cancel(fmt.Errorf("signal %v", s))
		case <-ctx.Done():
			return
		}
		if <-c != nil {
			os.Exit(1)
		}
	}()
	return ctx, func() { signal.Stop(c); close(c); cancel(context.Canceled) }
}

// All runs the parts until ctx ends or one of them returns; then it stops them one after the other, the last first, each when the one after
// it has returned or used up its drain time. The error of the part that ended first, unless ctx ended, and those of parts that
// failed to drain are joined.
func All(ctx context.Context, log *slog.Logger, parts ...Part) error {
	type ended struct {
		name string
		err  error
	}
	first := make(chan ended, len(parts))
	stops := make([]context.CancelFunc, len(parts))
	done := make([]chan error, len(parts))
	for i, p := range parts {
		partCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
		stops[i], done[i] = stop, make(chan error, 1)
		go func() {
			err := p.Run(partCtx)
			first <- ended{p.Name, err}
			done[i] <- err
		}()
	}
	var failed error
	select {
	case <-ctx.Done():
		log.Info("draining", "cause", context.Cause(ctx))
	case e := <-first:
		failed = fmt.Errorf("%s ended by itself: %w", e.name, cmpNil(e.err))
	}
	problems := []error{failed}
	for i := len(parts) - 1; i >= 0; i-- {
		stops[i]()
		drain := parts[i].Drain
		if drain == 0 {
			drain = 10 * time.Second
		}
		select {
		case err := <-done[i]:
			if err != nil && failed == nil {
				problems = append(problems, fmt.Errorf("drain %s: %w", parts[i].Name, err))
			}
		case <-time.After(drain):
			problems = append(problems, fmt.Errorf("drain %s: not over after %v", parts[i].Name, drain))
		}
	}
	return errors.Join(problems...)
}

var errNoReason = errors.New("no reason given")

func cmpNil(err error) error {
	if err == nil {
		return errNoReason
	}
	return err
}
