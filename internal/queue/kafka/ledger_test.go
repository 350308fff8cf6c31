package kafka

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
)

// TestLedger finishes messages out of order: what may be committed is always the first one that is not finished.
func TestLedger(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		from   int64
		begin  []int64
		finish []int64
		want   int64
		due    bool
	}{
		"nothing":                    {from: 5, want: 5},
		"nothing, start unknown":     {from: -2, want: -2},
		"one in hand":                {from: 5, begin: []int64{5}, want: 5},
		"one finished":               {from: 5, begin: []int64{5}, finish: []int64{5}, want: 6, due: true},
		"a later one finished":       {from: 5, begin: []int64{5, 6, 7}, finish: []int64{7, 6}, want: 5},
		"the first finished last":    {from: 5, begin: []int64{5, 6, 7}, finish: []int64{7, 6, 5}, want: 8, due: true},
		"a hole in the middle":       {from: 5, begin: []int64{5, 6, 7}, finish: []int64{5, 7}, want: 6, due: true},
		"offsets that are not there": {from: 5, begin: []int64{8, 12, 20}, finish: []int64{8, 20}, want: 12, due: true},
		"start unknown":              {from: -2, begin: []int64{40, 41}, finish: []int64{40}, want: 41, due: true},
		"finished twice":             {from: 5, begin: []int64{5, 6}, finish: []int64{5, 5}, want: 6, due: true},
		"never begun":                {from: 5, begin: []int64{5}, finish: []int64{4, 9}, want: 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			progress := make(chan struct{}, 1)
			l := newLedger(0, test.from, 10, progress)
			for _, o := range test.begin {
				l.begin(t.Context(), o)
			}
			for _, o := range test.finish {
				l.finish(o)
			}
			if got, due := l.due(); got != test.want || due != test.due {
				t.Errorf("got %d (due: %v), want %d (%v)", got, due, test.want, test.due)
			}
			if got := len(progress) == 1; got != test.due {
				t.Errorf("progress was told: %v, want %v", got, test.due)
			}
		})
	}
}

// TestLedgerAnyOrder finishes in random order and compares with the plain rule.
func TestLedgerAnyOrder(t *testing.T) {
	t.Parallel()
	const n = 200
	l := newLedger(0, 0, n, make(chan struct{}, 1))
	for o := range int64(n) {
		l.begin(t.Context(), o)
	}
	finished := make([]bool, n+1)
	for _, o := range rand.Perm(n) {
		l.finish(int64(o))
		finished[o] = true
		want := int64(0)
		for finished[want] {
			want++
		}
		if got, _ := l.due(); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
	}
	if len(l.room) != 0 {
		t.Errorf("%d places are taken by finished messages", len(l.room))
	}
}

// TestLedgerWindow fills the window: begin waits for the first message, not for any.
func TestLedgerWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLedger(0, 0, 3, make(chan struct{}, 1))
		for o := range int64(3) {
			l.begin(t.Context(), o)
		}
		began := make(chan bool, 1)
		go func() { began <- l.begin(t.Context(), 3) }()
		l.finish(1)
		l.finish(2)
		synctest.Wait()
		if len(began) != 0 {
			t.Fatal("a message was handed out beyond the window")
		}
		l.finish(0)
		if !<-began {
			t.Error("begin gave up")
		}
		ctx, cancel := context.WithCancel(t.Context())
		l.begin(t.Context(), 4)
		l.begin(t.Context(), 5)
		cancel()
		if l.begin(ctx, 6) {
			t.Error("begin ignores its context")
		}
		l.giveBack(5)
		if got := l.position(); got != 5 {
			t.Errorf("next: got %d, want 5", got)
		}
		if !l.begin(t.Context(), 5) {
			t.Error("what is given back keeps its place")
		}
	})
}

// TestLedgerGoesOn decides which books stay valid across a rebalance.
func TestLedgerGoesOn(t *testing.T) {
	t.Parallel()
	l := newLedger(0, 5, 10, make(chan struct{}, 1))
	for o := int64(5); o < 9; o++ {
		l.begin(t.Context(), o)
	}
	l.finish(5)
	l.commit(6)
	l.finish(6) // 5 and 6 are finished, 6 is committed, 7 and 8 are in hand
	for committed, want := range map[int64]bool{-2: false, 5: false, 6: true, 7: true, 8: false, 100: false} {
		if got := l.goesOn(committed); got != want {
			t.Errorf("committed %d: got %v, want %v", committed, got, want)
		}
	}
	if !newLedger(0, -2, 10, nil).goesOn(-2) {
		t.Error("a partition without a commit does not go on")
	}
}
