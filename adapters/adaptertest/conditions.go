package adaptertest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

func testConditions(t *testing.T, h Harness) {
	s := h.New(t)
	ctx := t.Context()
	if !s.Capabilities().ConditionalPut {
		t.Log("ConditionalPut is declared missing: conditions must be refused")
		for name, o := range map[string]adapters.PutOptions{"IfNoneMatch": {IfNoneMatch: true}, "IfMatch": {IfMatch: "x"}} {
			_, err := s.Put(ctx, "c", strings.NewReader("x"), 1, o)
			wantCode(t, "Put with "+name, err, errs.Unimplemented)
		}
		wantNothing(t, h, s)
		return
	}
	_, err := s.Put(ctx, "c", strings.NewReader("x"), 1, adapters.PutOptions{IfMatch: "0123456789abcdef"})
	wantCode(t, "Put with IfMatch where nothing is", err, errs.FailedPrecondition)
	wantNothing(t, h, s)

	first := put(t, s, "c", []byte("first"), adapters.PutOptions{IfNoneMatch: true})
	_, err = s.Put(ctx, "c", strings.NewReader("other"), 5, adapters.PutOptions{IfNoneMatch: true})
	wantCode(t, "Put with IfNoneMatch where something is", err, errs.AlreadyExists)
	wantObject(t, s, "c", []byte("first"))

	second := put(t, s, "c", []byte("2nd"), adapters.PutOptions{IfMatch: first.ETag})
	_, err = s.Put(ctx, "c", strings.NewReader("third"), 5, adapters.PutOptions{IfMatch: first.ETag})
	wantCode(t, "Put with a stale IfMatch", err, errs.FailedPrecondition)
	wantObject(t, s, "c", []byte("2nd"))

	if err := s.Delete(ctx, "c", second.ETag); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	_, err = s.Put(ctx, "c", strings.NewReader("x"), 1, adapters.PutOptions{IfMatch: second.ETag})
	wantCode(t, "Put with IfMatch after a delete", err, errs.FailedPrecondition)
	put(t, s, "c", []byte("again"), adapters.PutOptions{IfNoneMatch: true})

	// A key that others begin with is free all the same.
	if unstorable(h, "p/q", []string{"c"}) == "" && unstorable(h, "p", []string{"c", "p/q"}) == "" {
		put(t, s, "p/q", []byte("child"), adapters.PutOptions{IfNoneMatch: true})
		parent := put(t, s, "p", []byte("parent"), adapters.PutOptions{IfNoneMatch: true})
		_, err = s.Put(ctx, "p", strings.NewReader("x"), 1, adapters.PutOptions{IfNoneMatch: true})
		wantCode(t, "Put with IfNoneMatch beside a longer key", err, errs.AlreadyExists)
		put(t, s, "p", []byte("parent 2"), adapters.PutOptions{IfMatch: parent.ETag})
		wantObject(t, s, "p/q", []byte("child"))
		wantObject(t, s, "p", []byte("parent 2"))
		if err := s.Delete(ctx, "p/q", ""); err != nil {
			t.Fatalf("Delete: %v", err)
		}
		_, err = s.Put(ctx, "p", strings.NewReader("x"), 1, adapters.PutOptions{IfNoneMatch: true})
		wantCode(t, "Put with IfNoneMatch after the longer key is gone", err, errs.AlreadyExists)
		wantObject(t, s, "p", []byte("parent 2"))
	}
	wantClean(t, h, s)
}

// testConditionsRaced lets writers with the same expectation race: exactly one may win.
func testConditionsRaced(t *testing.T, h Harness) {
	s := h.New(t)
	if !s.Capabilities().ConditionalPut {
		t.Log("ConditionalPut is declared missing: nothing to race")
	} else {
		for round := range 8 {
			key := fmt.Sprintf("race/%d", round)
			race(t, s, key, adapters.PutOptions{IfNoneMatch: true}, errs.AlreadyExists)
			head, err := s.Head(t.Context(), key)
			if err != nil {
				t.Fatalf("Head: %v", err)
			}
			race(t, s, key, adapters.PutOptions{IfMatch: head.ETag}, errs.FailedPrecondition)
		}
	}
	if !s.Capabilities().ConditionalDelete {
		t.Log("ConditionalDelete is declared missing: a fresh Head is compared instead, nothing to race")
		return
	}
	// Either the object that was named is deleted, or the newer one stays.
	for round := range 20 {
		key := fmt.Sprintf("race/delete/%d", round)
		old := put(t, s, key, []byte("old"), adapters.PutOptions{})
		var wg sync.WaitGroup
		var derr error
		wg.Go(func() { derr = s.Delete(t.Context(), key, old.ETag) })
		wg.Go(func() {
			if _, err := s.Put(t.Context(), key, strings.NewReader("newer"), 5, adapters.PutOptions{}); err != nil {
				t.Errorf("Put: %v", err)
			}
		})
		wg.Wait()
		if derr != nil && !errs.Is(derr, errs.FailedPrecondition) {
			t.Errorf("Delete with IfMatch against Put: %v", derr)
		}
		wantObject(t, s, key, []byte("newer"))
	}
}

// race has 12 writers put different bytes under the same condition and wants exactly one to win.
func race(t *testing.T, s adapters.Store, key string, o adapters.PutOptions, lost errs.Code) {
	t.Helper()
	const writers = 12
	results := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			body := fmt.Sprintf("writer %02d", i)
			_, results[i] = s.Put(t.Context(), key, strings.NewReader(body), int64(len(body)), o)
		})
	}
	wg.Wait()
	winner := -1
	for i, err := range results {
		switch {
		case err == nil && winner >= 0:
			t.Errorf("Put %+v: writers %d and %d both succeeded", o, winner, i)
		case err == nil:
			winner = i
		case !errs.Is(err, lost) && !errs.Retryable(err):
			t.Errorf("Put %+v: error %v (%v), want %v", o, err, errs.CodeOf(err), lost)
		}
	}
	if winner < 0 {
		t.Errorf("Put %+v: nobody succeeded: %v", o, results)
		return
	}
	wantObject(t, s, key, fmt.Appendf(nil, "writer %02d", winner))
}
