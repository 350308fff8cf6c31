package docstoretest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

const racers = 8

// race lets every racer try the same step at once and checks that exactly one wins and all others fail with the code.
func race(t *testing.T, rounds int, lost errs.Code, try func(round, racer int) error) {
	t.Helper()
	for round := range rounds {
		var wins atomic.Int32
		var wg sync.WaitGroup
		start := make(chan struct{})
		for r := range racers {
			wg.Go(func() {
				<-start
				switch err := try(round, r); {
				case err == nil:
					wins.Add(1)
				case !errs.Is(err, lost):
					t.Errorf("round %d: a loser got %v, want code %v", round, err, lost)
				}
			})
		}
		close(start)
		wg.Wait()
		if got := wins.Load(); got != 1 {
			t.Errorf("round %d: got %d winners, want 1", round, got)
		}
	}
}

func testInsertRace(t *testing.T, s docstore.Store) {
	race(t, 50, errs.AlreadyExists, func(round, racer int) error {
		return s.Insert(t.Context(), "c", NewDoc(t, fmt.Sprint(round), bson.D{{Key: "racer", Value: racer}}))
	})
}

// testReplaceRace mixes replaces and deletes of one revision.
func testReplaceRace(t *testing.T, s docstore.Store) {
	const rounds = 50
	revs := make([]docstore.Rev, rounds)
	for i := range revs {
		revs[i] = insert(t, s, "c", fmt.Sprint(i)).Rev
	}
	race(t, rounds, errs.FailedPrecondition, func(round, racer int) error {
		if racer == 0 {
			return s.Delete(t.Context(), "c", fmt.Sprint(round), revs[round])
		}
		return s.Replace(t.Context(), "c", NewDoc(t, fmt.Sprint(round), bson.D{}), revs[round])
	})
}

func testBatchRace(t *testing.T, s docstore.Store) {
	race(t, 30, errs.AlreadyExists, func(round, racer int) error {
		shared := docstore.Op{Kind: docstore.OpInsert, Collection: "c", Doc: NewDoc(t, fmt.Sprintf("%d/shared", round), bson.D{})}
		ops := []docstore.Op{shared}
		for i := range 5 {
			own := docstore.Op{Kind: docstore.OpInsert, Collection: "c", Doc: NewDoc(t, fmt.Sprintf("%d/%d/%d", round, racer, i), bson.D{})}
			if i%2 == racer%2 {
				ops = append(ops, own)
			} else {
				ops = append([]docstore.Op{own}, ops...)
			}
		}
		outcomes, err := s.Batch(t.Context(), ops)
		if err != nil {
			return err
		}
		for i, op := range ops {
			if op.Doc.Key != shared.Doc.Key && outcomes[i] != nil {
				t.Errorf("insert of %s: %v", op.Doc.Key, outcomes[i])
			}
			if op.Doc.Key == shared.Doc.Key {
				err = outcomes[i]
			}
		}
		return err
	})
}

// testCounter counts in one document from many sides: no increment may be lost.
func testCounter(t *testing.T, s docstore.Store) {
	type counter struct {
		N int `bson:"n"`
	}
	const each = 25
	c := docstore.NewCollection[counter](s, "c")
	if _, err := c.Insert(t.Context(), "k", counter{}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range racers {
		wg.Go(func() {
			for range each {
				if _, _, err := c.Update(t.Context(), "k", func(v *counter) error { v.N++; return nil }); err != nil {
					t.Errorf("update: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if got, _, err := c.Get(t.Context(), "k"); err != nil || got.N != racers*each {
		t.Errorf("got %d, %v, want %d", got.N, err, racers*each)
	}
}

// testReadAfterWrite reads each write at once, from another goroutine too.
func testReadAfterWrite(t *testing.T, s docstore.Store) {
	var wg sync.WaitGroup
	for r := range racers {
		wg.Go(func() {
			for i := range 20 {
				key := fmt.Sprintf("%d/%02d", r, i)
				d := NewDoc(t, key, bson.D{{Key: "i", Value: i}})
				if err := s.Insert(t.Context(), "c", d); err != nil {
					t.Errorf("insert: %v", err)
				}
				done := make(chan struct{})
				go func() {
					defer close(done)
					wantDoc(t, s, "c", d)
					docs, err := s.List(t.Context(), "c", docstore.Range{From: fmt.Sprintf("%d/", r), To: fmt.Sprintf("%d/~", r), Limit: 100})
					if err != nil || len(docs) != i+1 || docs[i].Rev != d.Rev {
						t.Errorf("list after write %s: got %d documents, %v, want %d", key, len(docs), err, i+1)
					}
				}()
				<-done
			}
		})
	}
	wg.Wait()
}
