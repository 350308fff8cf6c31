package wrap_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/wrap"
	"github.com/opensds/gelato/internal/errs"
)

// scripted is a store whose calls are answered in turn by a script, the last answer again and again.
type scripted struct {
	adapters.Store
	script []error
	calls  int
	bodies []string
	delay  time.Duration
}

func (s *scripted) next() error {
	time.Sleep(s.delay)
	err := s.script[min(s.calls, len(s.script)-1)]
	s.calls++
	return err
}

func (s *scripted) Head(context.Context, string) (adapters.Info, error) {
	return adapters.Info{ETag: "x"}, s.next()
}

func (s *scripted) Put(_ context.Context, _ string, body io.Reader, _ int64, _ adapters.PutOptions) (adapters.Info, error) {
	b, err := io.ReadAll(body)
	s.bodies = append(s.bodies, string(b))
	return adapters.Info{}, errors.Join(err, s.next())
}

func (s *scripted) PutPart(_ context.Context, _, _ string, _ int, body io.Reader, _ int64, _ adapters.Sums) (adapters.Part, error) {
	b, err := io.ReadAll(body)
	s.bodies = append(s.bodies, string(b))
	return adapters.Part{}, errors.Join(err, s.next())
}

func (s *scripted) CompleteUpload(context.Context, string, string, []adapters.Part, adapters.PutOptions) (adapters.Info, error) {
	return adapters.Info{}, s.next()
}

func (s *scripted) Delete(context.Context, string, string) error { return s.next() }

var (
	away      = errs.New(errs.Unavailable, "away", nil)
	throttled = errs.New(errs.ResourceExhausted, "slow down", nil)
	late      = errs.New(errs.DeadlineExceeded, "late", nil)
	taken     = errs.New(errs.AlreadyExists, "taken", nil)
	changed   = errs.New(errs.FailedPrecondition, "changed", nil)
	absent    = errs.New(errs.NotFound, "absent", nil)
	denied    = errs.New(errs.PermissionDenied, "denied", nil)
)

func TestRetryRepeatsOnlyWhatMaySucceedLater(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		script []error
		calls  int
		want   errs.Code
	}{
		{"at once", []error{nil}, 1, errs.Unknown},
		{"away, then there", []error{away, nil}, 2, errs.Unknown},
		{"throttled, late, then there", []error{throttled, late, nil}, 3, errs.Unknown},
		{"always away", []error{away}, 4, errs.Unavailable},
		{"denied", []error{denied}, 1, errs.PermissionDenied},
		{"absent", []error{absent}, 1, errs.NotFound},
		{"foreign error", []error{errors.New("?")}, 1, errs.Unknown},
		{"away, then absent", []error{away, absent}, 2, errs.NotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := &scripted{script: c.script}
				_, err := wrap.Retry(in, wrap.RetryOptions{}).Head(t.Context(), "k")
				if errs.CodeOf(err) != c.want || in.calls != c.calls {
					t.Errorf("Head: error %v after %d calls, want %v after %d", err, in.calls, c.want, c.calls)
				}
			})
		})
	}
}

func TestRetryPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := &scripted{script: []error{away}}
		s := wrap.Retry(in, wrap.RetryOptions{Attempts: 7, Base: time.Second, Max: 4 * time.Second})
		var longest time.Duration
		for range 200 {
			start := time.Now()
			if _, err := s.Head(t.Context(), "k"); err == nil {
				t.Fatal("Head succeeded")
			}
			took := time.Since(start)
			if limit := (1 + 2 + 4 + 4 + 4 + 4) * time.Second; took > limit {
				t.Errorf("seven attempts took %v, want %v at most", took, limit)
			}
			longest = max(longest, took)
		}
		if longest < 10*time.Second {
			t.Errorf("the longest of 200 took %v: the pauses do not grow", longest)
		}
	})
}

func TestRetryEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := &scripted{script: []error{away}}
		s := wrap.Retry(in, wrap.RetryOptions{Attempts: 1000, Base: time.Hour, Max: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		_, err := s.Head(ctx, "k")
		if got := errs.CodeOf(err); got != errs.DeadlineExceeded {
			t.Errorf("Head: %v (%v), want %v", err, got, errs.DeadlineExceeded)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("Head returned after %v, want 5s", took)
		}
	})
}

func TestRetrySendsOnlyBodiesThatSeekAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seekable := func() io.Reader {
			r := strings.NewReader("..body")
			r.Seek(2, io.SeekStart) // replays start where the body stood, not at its beginning
			return r
		}
		for name, send := range map[string]func(s adapters.Store, body io.Reader) error{
			"Put": func(s adapters.Store, body io.Reader) error {
				_, err := s.Put(t.Context(), "k", body, 4, adapters.PutOptions{})
				return err
			},
			"PutPart": func(s adapters.Store, body io.Reader) error {
				_, err := s.PutPart(t.Context(), "k", "u", 1, body, 4, adapters.Sums{})
				return err
			},
		} {
			in := &scripted{script: []error{away, away, nil}}
			err := send(wrap.Retry(in, wrap.RetryOptions{}), seekable())
			if got := strings.Join(in.bodies, " "); err != nil || got != "body body body" {
				t.Errorf("%s: sent %q, %v, want the body three times", name, got, err)
			}
			in = &scripted{script: []error{away, nil}}
			err = send(wrap.Retry(in, wrap.RetryOptions{}), io.LimitReader(seekable(), 4))
			if !errs.Is(err, errs.Unavailable) || in.calls != 1 {
				t.Errorf("%s of a stream: %v after %d calls, want %v after one", name, err, in.calls, errs.Unavailable)
			}
		}
	})
}

func TestRetryIsHonestAboutConditions(t *testing.T) {
	t.Parallel()
	none, match := adapters.PutOptions{IfNoneMatch: true}, adapters.PutOptions{IfMatch: "x"}
	for _, c := range []struct {
		name   string
		o      adapters.PutOptions
		script []error
		want   errs.Code
		reason string
	}{
		{"taken at once", none, []error{taken}, errs.AlreadyExists, ""},
		{"away, then stored", none, []error{away, nil}, errs.Unknown, ""},
		{"away, then taken", none, []error{away, taken}, errs.Unavailable, "OutcomeUnknown"},
		{"late, then taken", none, []error{late, taken}, errs.Unavailable, "OutcomeUnknown"},
		{"throttled, then taken", none, []error{throttled, taken}, errs.AlreadyExists, ""},
		{"away, then changed", match, []error{away, changed}, errs.Unavailable, "OutcomeUnknown"},
		{"changed at once", match, []error{changed}, errs.FailedPrecondition, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := &scripted{script: c.script}
				_, err := wrap.Retry(in, wrap.RetryOptions{}).Put(t.Context(), "k", bytes.NewReader(nil), 0, c.o)
				if errs.CodeOf(err) != c.want || errs.ReasonOf(err) != c.reason || in.calls != len(c.script) {
					t.Errorf("Put: %v (%v, reason %q) after %d calls, want %v, %q after %d", err, errs.CodeOf(err), errs.ReasonOf(err), in.calls, c.want, c.reason, len(c.script))
				}
			})
		})
	}
	t.Run("complete", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			in := &scripted{script: []error{away, absent}}
			_, err := wrap.Retry(in, wrap.RetryOptions{}).CompleteUpload(t.Context(), "k", "u", nil, adapters.PutOptions{})
			if !errs.Is(err, errs.Unavailable) || errs.ReasonOf(err) != "OutcomeUnknown" {
				t.Errorf("CompleteUpload that is not found after an attempt without an answer: %v", err)
			}
		})
	})
	t.Run("delete", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			in := &scripted{script: []error{away, changed}}
			if err := wrap.Retry(in, wrap.RetryOptions{}).Delete(t.Context(), "k", "x"); !errs.Is(err, errs.FailedPrecondition) {
				t.Errorf("Delete that finds another object: %v", err)
			}
		})
	})
}
