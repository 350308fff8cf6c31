package wrap_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/wrap"
	"github.com/opensds/gelato/internal/errs"
)

// slow is a store with the manners of a network: it reads bodies in pieces, waits between them, and heeds contexts.
type slow struct {
	adapters.Store
	answer  time.Duration // before an answer
	piece   time.Duration // before each kilobyte
	pieces  int           // kilobytes of a Get body, after which it stands still
	blocked bool          // Get bodies stand still after their pieces instead of ending
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return errs.New(errs.Unavailable, "connection closed", ctx.Err())
	}
}

func (s *slow) Head(ctx context.Context, _ string) (adapters.Info, error) {
	return adapters.Info{}, wait(ctx, s.answer)
}

func (s *slow) CompleteUpload(ctx context.Context, _, _ string, _ []adapters.Part, _ adapters.PutOptions) (adapters.Info, error) {
	return adapters.Info{}, wait(ctx, s.answer)
}

func (s *slow) Put(ctx context.Context, _ string, body io.Reader, _ int64, _ adapters.PutOptions) (adapters.Info, error) {
	buf := make([]byte, 1024)
	var n int64
	for {
		if err := wait(ctx, s.piece); err != nil {
			return adapters.Info{}, err
		}
		read, err := body.Read(buf)
		n += int64(read)
		if err == io.EOF {
			return adapters.Info{Size: n}, wait(ctx, s.answer)
		}
		if err != nil {
			return adapters.Info{}, err
		}
	}
}

func (s *slow) Get(ctx context.Context, _ string, _ adapters.Range, _ string) (io.ReadCloser, adapters.Info, error) {
	return &slowBody{s: s, ctx: ctx}, adapters.Info{}, wait(ctx, s.answer)
}

type slowBody struct {
	s   *slow
	ctx context.Context
	n   int
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.n++; b.n > b.s.pieces {
		if b.s.blocked {
			return 0, wait(b.ctx, 1000*time.Hour)
		}
		return 0, io.EOF
	}
	return min(len(p), 1024), wait(b.ctx, b.s.piece)
}

func (b *slowBody) Close() error { return nil }

var limits = wrap.Limits{Call: 10 * time.Second, Stall: 20 * time.Second, Finish: time.Minute, Complete: time.Hour}

func TestLimitEndsWhatStandsStill(t *testing.T) {
	t.Parallel()
	put := func(size int) func(ctx context.Context, s adapters.Store) error {
		return func(ctx context.Context, s adapters.Store) error {
			_, err := s.Put(ctx, "k", bytes.NewReader(make([]byte, size)), int64(size), adapters.PutOptions{})
			return err
		}
	}
	head := func(ctx context.Context, s adapters.Store) error { _, err := s.Head(ctx, "k"); return err }
	finish := func(ctx context.Context, s adapters.Store) error {
		_, err := s.CompleteUpload(ctx, "k", "u", nil, adapters.PutOptions{})
		return err
	}
	get := func(ctx context.Context, s adapters.Store) error {
		body, _, err := s.Get(ctx, "k", adapters.Range{}, "")
		if err != nil {
			return err
		}
		defer body.Close()
		_, err = io.Copy(io.Discard, body)
		return err
	}
	for _, c := range []struct {
		name string
		in   slow
		call func(context.Context, adapters.Store) error
		late bool
		took time.Duration
	}{
		{"answer in time", slow{answer: 9 * time.Second}, head, false, 9 * time.Second},
		{"no answer", slow{answer: time.Hour}, head, true, 10 * time.Second},
		{"long transfer that moves", slow{piece: 19 * time.Second}, put(100 << 10), false, 101 * 19 * time.Second},
		{"transfer that stands still", slow{piece: 21 * time.Second}, put(100 << 10), true, 20 * time.Second},
		{"long flush", slow{piece: time.Second, answer: 59 * time.Second}, put(2 << 10), false, 62 * time.Second},
		{"flush without end", slow{piece: time.Second, answer: time.Hour}, put(2 << 10), true, 63 * time.Second},
		{"long copy of parts", slow{answer: 59 * time.Minute}, finish, false, 59 * time.Minute},
		{"copy of parts without end", slow{answer: 61 * time.Minute}, finish, true, time.Hour},
		{"body that moves", slow{piece: 19 * time.Second, pieces: 100}, get, false, 1900 * time.Second},
		{"body that stands still", slow{piece: 19 * time.Second, pieces: 3, blocked: true}, get, true, (3*19 + 20) * time.Second},
		{"body that does not open", slow{answer: time.Minute}, get, true, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				err := c.call(t.Context(), wrap.Limit(&c.in, limits))
				if got := errs.CodeOf(err); c.late != (got == errs.DeadlineExceeded) || !c.late && err != nil {
					t.Errorf("error %v (%v), want late: %v", err, got, c.late)
				}
				// A flush's minute starts with the last byte or the end after it, whichever is seen last.
				if took := time.Since(start); (took - c.took).Abs() > time.Second {
					t.Errorf("took %v, want %v", took, c.took)
				}
			})
		})
	}
}

func TestLimitLeavesOtherEndsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := &slow{answer: time.Hour, piece: time.Hour, pieces: 1}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := wrap.Limit(in, limits).Head(ctx, "k")
		if !errs.Is(err, errs.Unavailable) {
			t.Errorf("a call that its caller ended: %v, want the store's own error", err)
		}
		// A reader that takes its time is no stall of the store.
		body, _, err := wrap.Limit(&slow{pieces: 3}, limits).Get(t.Context(), "k", adapters.Range{}, "")
		if err != nil {
			t.Fatalf("Get: %v", err)
		}
		defer body.Close()
		for range 3 {
			time.Sleep(time.Hour)
			if _, err := body.Read(make([]byte, 10)); err != nil {
				t.Errorf("Read after an hour: %v", err)
			}
		}
	})
}

// plain hides all of a reader but Read.
type plain struct{ io.Reader }

// asking is a store that looks at what kind of body it gets.
type asking struct {
	adapters.Store
	seeks bool
}

func (a *asking) Put(_ context.Context, _ string, body io.Reader, _ int64, _ adapters.PutOptions) (adapters.Info, error) {
	_, a.seeks = body.(io.Seeker)
	return adapters.Info{}, nil
}

func TestOptionalInterfacesGoThrough(t *testing.T) {
	t.Parallel()
	metrics, err := wrap.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatalf("NewMetrics: %v", err)
	}
	decorate := func(s adapters.Store) adapters.Store {
		return wrap.Measure(wrap.Retry(wrap.Limit(s, wrap.Limits{}), wrap.RetryOptions{}), metrics, "b")
	}
	in := &asking{}
	s := decorate(in)
	for want, body := range map[bool]io.Reader{true: bytes.NewReader(nil), false: plain{bytes.NewReader(nil)}} {
		if _, err := s.Put(t.Context(), "k", body, 0, adapters.PutOptions{}); err != nil || in.seeks != want {
			t.Errorf("Put of %T: the store sees a Seeker: %v, want %v (%v)", body, in.seeks, want, err)
		}
	}
	file := decorate(scratch(t))
	defer file.Close()
	if _, err := file.Put(t.Context(), "k", bytes.NewReader(make([]byte, 1000)), 1000, adapters.PutOptions{}); err != nil {
		t.Fatalf("Put: %v", err)
	}
	body, _, err := file.Get(t.Context(), "k", adapters.Range{}, "")
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	defer body.Close()
	if _, ok := body.(io.WriterTo); !ok {
		t.Errorf("the body of a file has lost WriteTo")
	}
	over, _, err := decorate(&slow{}).Get(t.Context(), "k", adapters.Range{}, "")
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	defer over.Close()
	if _, ok := over.(io.WriterTo); ok {
		t.Errorf("the body of a network store claims WriteTo")
	}
}

func TestMeasure(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	m, err := wrap.NewMetrics(reg)
	if err != nil {
		t.Fatalf("NewMetrics: %v", err)
	}
	if _, err := wrap.NewMetrics(reg); err != nil {
		t.Errorf("NewMetrics again: %v", err)
	}
	s := wrap.Measure(scratch(t), m, "disk")
	defer s.Close()
	ctx := t.Context()
	if _, err := s.Put(ctx, "k", bytes.NewReader(make([]byte, 1000)), 1000, adapters.PutOptions{}); err != nil {
		t.Fatalf("Put: %v", err)
	}
	for range 2 {
		body, _, err := s.Get(ctx, "k", adapters.Range{Length: 10}, "")
		if err != nil {
			t.Fatalf("Get: %v", err)
		}
		if _, err := io.Copy(io.Discard, body); err != nil {
			t.Fatalf("Copy: %v", err)
		}
		body.Close()
		body.Close()
	}
	if _, err := s.Head(ctx, "absent"); !errs.Is(err, errs.NotFound) {
		t.Errorf("Head: %v", err)
	}
	if _, err := s.Put(ctx, "k", io.MultiReader(bytes.NewReader(make([]byte, 10)), failing{}), 20, adapters.PutOptions{}); err == nil {
		t.Error("Put of a broken body succeeded")
	}
	counts := map[string]uint64{}
	families, err := reg.Gather()
	if err != nil {
		t.Fatalf("Gather: %v", err)
	}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			name := ""
			for _, l := range metric.GetLabel() {
				name += l.GetValue() + " "
			}
			if h := metric.GetHistogram(); h != nil {
				counts[name] = h.GetSampleCount()
			} else {
				counts[name+"bytes"] = uint64(metric.GetCounter().GetValue())
			}
		}
	}
	for name, want := range map[string]uint64{"disk ok put ": 1, "disk unknown put ": 1, "disk ok get ": 2, "disk ok get_body ": 2, "disk not_found head ": 1,
		"disk put bytes": 1000, "disk get_body bytes": 20} {
		if counts[name] != want {
			t.Errorf("observed %q %d times, want %d; all: %v", name, counts[name], want, counts)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broke") }
