package run

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestDrainsInReverseOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		part := func(name string, takes time.Duration) Part {
			return Part{Name: name, Run: func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(takes)
				mu.Lock()
				defer mu.Unlock()
				order = append(order, name)
				return nil
			}}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := All(ctx, slog.New(slog.DiscardHandler), part("state", 0), part("rpc", time.Second), part("http", 2*time.Second)); err != nil {
			t.Error(err)
		}
		if want := []string{"http", "rpc", "state"}; !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
	})
}

func TestOneFailureStopsAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		err := All(t.Context(), slog.New(slog.DiscardHandler),
			Part{Name: "stuck", Run: func(context.Context) error { <-release; return nil }, Drain: time.Second},
			Part{Name: "good", Run: func(ctx context.Context) error { <-ctx.Done(); return nil }},
			Part{Name: "bad", Run: func(context.Context) error { return errors.New("port taken") }})
		close(release)
		for _, want := range []string{"bad ended by itself: port taken", "drain stuck: not over after 1s"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		}
	})
}
