package docstoretest_test

import (
	"context"
	"fmt"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/docstoretest"
	"github.com/opensds/gelato/internal/docstore/pebble"
	"github.com/opensds/gelato/internal/errs"
)

func faulty(t *testing.T, f docstoretest.Faults) *docstoretest.Faulty {
	t.Helper()
	s, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return docstoretest.NewFaulty(s, f)
}

// TestTorn sees batches of which a part was done.
func TestTorn(t *testing.T) {
	t.Parallel()
	s := faulty(t, docstoretest.Faults{Seed: 1, Torn: 1})
	partial := 0
	for round := range 20 {
		var ops []docstore.Op
		var keys []string
		for i := range 6 {
			keys = append(keys, fmt.Sprintf("%d/%d", round, i))
			ops = append(ops, docstore.Op{Kind: docstore.OpInsert, Collection: "c", Doc: docstoretest.NewDoc(t, keys[i], bson.D{})})
		}
		if _, err := s.Batch(t.Context(), ops); !errs.Is(err, errs.Unavailable) {
			t.Fatalf("got %v, want Unavailable", err)
		}
		docs, err := s.GetMany(t.Context(), "c", keys)
		if err != nil {
			t.Fatal(err)
		}
		done := 0
		for _, d := range docs {
			if d.Rev != "" {
				done++
			}
		}
		if done > 0 && done < len(ops) {
			partial++
		}
	}
	if partial == 0 {
		t.Error("no batch of 20 was torn in the middle")
	}
}

// TestCollectionSettles counts through a store that loses half of its answers: an update that says success was done once, one that
// says Unavailable not at all, since here nothing is done late.
func TestCollectionSettles(t *testing.T) {
	t.Parallel()
	s := faulty(t, docstoretest.Faults{Seed: 2, Applied: 0.5, Dropped: 0.3})
	type counter struct {
		N int `bson:"n"`
	}
	c := docstore.NewCollection[counter](s, "c")
	for {
		if _, err := c.Insert(t.Context(), "k", counter{}); err == nil {
			break
		}
	}
	want, failed := 0, 0
	for range 200 {
		_, _, err := c.Update(t.Context(), "k", func(v *counter) error { v.N++; return nil })
		switch {
		case err == nil:
			want++
		case errs.Is(err, errs.Unavailable):
			failed++
		default:
			t.Fatal(err)
		}
	}
	if got, _, err := c.Get(t.Context(), "k"); err != nil || got.N != want || failed == 0 || want == 0 {
		t.Errorf("got %d, %v, want %d (and %d failures, more than 0)", got.N, err, want, failed)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	docstoretest.Run(t, docstoretest.Harness{Open: func(*testing.T) docstore.Store { return docstoretest.NewMemory() }})
}

// leaving is a store whose caller gives up in the middle of each replacement, which is done all the same.
type leaving struct {
	docstore.Store
	leave context.CancelFunc
}

func (l leaving) Replace(ctx context.Context, c string, d docstore.Doc, old docstore.Rev) error {
	if err := l.Store.Replace(ctx, c, d, old); err != nil {
		return err
	}
	l.leave()
	return ctx.Err()
}

// TestCollectionSettlesAfterItsContext finds out what became of a write although its context ended.
func TestCollectionSettlesAfterItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := leaving{docstoretest.NewMemory(), cancel}
	c := docstore.NewCollection[struct{}](s, "c")
	rev, err := c.Insert(ctx, "k", struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Replace(ctx, "k", rev, struct{}{}); err != nil {
		t.Errorf("got %v for a replacement that was made", err)
	}
}

// TestStopped gives up on a store that stands still, and sees the write done when it goes on.
func TestStopped(t *testing.T) {
	t.Parallel()
	s := docstoretest.NewFaulty(docstoretest.NewMemory(), docstoretest.Faults{})
	c := docstore.NewCollection[struct{}](s, "c")
	s.Stop(true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Insert(ctx, "k", struct{}{}); !errs.Is(err, errs.DeadlineExceeded) {
		t.Errorf("got %v, want DeadlineExceeded", err)
	}
	s.Stop(false)
	s.Wait()
	if _, _, err := c.Get(t.Context(), "k"); err != nil {
		t.Errorf("got %v, want the document that was written late", err)
	}
	s.Away(true)
	if _, _, err := c.Get(t.Context(), "k"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("got %v, want Unavailable", err)
	}
}
