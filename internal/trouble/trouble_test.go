package trouble_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/trouble"
)

func logger(b *strings.Builder) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "err" {
			return slog.Attr{}
		}
		return a
	}}))
}

func TestLogSaysEachChangeOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		l := trouble.New(logger(&b), "no news", "job", "j")
		away := errs.Newf(errs.Unavailable, "away")
		for range 3 {
			l.Saw(t.Context(), nil)
		}
		for range 10 {
			l.Saw(t.Context(), away)
			time.Sleep(time.Second)
		}
		l.Saw(t.Context(), errs.Newf(errs.Internal, "a defect"))
		l.Saw(t.Context(), nil)
		l.Saw(t.Context(), nil)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		l.Saw(ended, away)
		want := `level=WARN msg="no news" job=j
level=WARN msg="no news" job=j
level=INFO msg="it works again: no news" failures=11 after=10s job=j
`
		if got := b.String(); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	})
}

func TestDelayGrows(t *testing.T) {
	t.Parallel()
	l := trouble.New(nil, "x")
	if got := l.Delay(time.Second, time.Minute); got != time.Second {
		t.Errorf("got %v while it works", got)
	}
	for _, want := range []time.Duration{2, 4, 8, 16, 32, 60, 60} {
		l.Saw(t.Context(), errs.Newf(errs.Unavailable, "away"))
		if got := l.Delay(time.Second, time.Minute); got > want*time.Second || got < want*time.Second*3/4 {
			t.Errorf("got %v, want up to a quarter less than %ds", got, want)
		}
	}
}

func TestPersist(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		final := errs.Newf(errs.DataLoss, "broken")
		start := time.Now()
		var b strings.Builder
		err := trouble.Persist(t.Context(), logger(&b), "x", func(context.Context) error {
			if calls++; calls < 20 {
				return errs.Newf(errs.Unavailable, "away")
			}
			return final
		})
		if err != error(final) || calls != 20 || time.Since(start) > 100*time.Second {
			t.Errorf("got %v after %d calls, %v", err, calls, time.Since(start))
		}
		if got, want := b.String(), "level=WARN msg=x\n"; got != want { // the last error is returned, not logged
			t.Errorf("got the log %q, want %q", got, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err = trouble.Persist(ctx, nil, "x", func(context.Context) error { return errs.Newf(errs.Unavailable, "away") })
		if !errs.Is(err, errs.Unavailable) {
			t.Errorf("got %v when the context ended", err)
		}
	})
}
