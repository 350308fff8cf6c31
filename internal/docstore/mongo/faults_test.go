package mongo_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/docstoretest"
	"github.com/opensds/gelato/internal/docstore/mongo"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/testbed"
)

func doc(t testing.TB, key string) docstore.Doc {
	return docstoretest.NewDoc(t, key, bson.D{{Key: "v", Value: key}})
}

func wantCode(t *testing.T, what string, err error, want errs.Code) {
	t.Helper()
	if got := errs.CodeOf(err); err == nil || got != want {
		t.Errorf("%s: got %v (code %v), want code %v", what, err, got, want)
	}
}

// eventually waits for a call to work again.
func eventually(t *testing.T, call func() error) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := call()
		if err == nil {
			return
		}
		if !errs.Retryable(err) {
			t.Fatalf("got %v, want an error after which trying again helps", err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("not working again: %v", err)
		}
	}
}

// TestKill kills the server in the middle of writes: whatever was acknowledged is there afterwards.
func TestKill(t *testing.T) {
	t.Parallel()
	server := testbed.Mongo(t, testbed.MongoOptions{})
	s := open(t, server.URL("kill"), mongo.Options{Timeout: 3 * time.Second})
	for round := range 3 {
		const writers = 8
		var acknowledged sync.Map // key to docstore.Doc, the zero one after a delete
		var count atomic.Int32
		enough := make(chan struct{})
		stop := make(chan struct{})
		var wg sync.WaitGroup
		done := func(d docstore.Doc, err error) {
			switch {
			case err != nil && !errs.Is(err, errs.Unavailable) && !errs.Is(err, errs.DeadlineExceeded):
				t.Errorf("write %s: %v", d.Key, err)
			case err != nil:
				acknowledged.Delete(d.Key)
			default:
				acknowledged.Store(d.Key, d)
				if count.Add(1) == 300 {
					close(enough)
				}
			}
		}
		for w := range writers {
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					d := doc(t, fmt.Sprintf("%d/%d/%d", round, w, i))
					if err := s.Insert(t.Context(), "c", d); err != nil {
						done(d, err)
						continue
					}
					done(d, nil)
					switch i % 3 {
					case 0:
						next := docstore.Doc{Key: d.Key, Rev: docstore.NewRev(time.Now(), d.Rev), Body: d.Body}
						done(next, s.Replace(t.Context(), "c", next, d.Rev))
					case 1:
						done(docstore.Doc{Key: d.Key}, s.Delete(t.Context(), "c", d.Key, d.Rev))
					case 2:
						var ops []docstore.Op
						for j := range 5 {
							ops = append(ops, docstore.Op{Kind: docstore.OpInsert, Collection: "c", Doc: doc(t, fmt.Sprintf("%s/%d", d.Key, j))})
						}
						outcomes, err := s.Batch(t.Context(), ops)
						for j, op := range ops {
							if outcomes != nil {
								err = outcomes[j]
							}
							done(op.Doc, err)
						}
					}
				}
			})
		}
		<-enough
		server.Kill()
		close(stop)
		wg.Wait()
		server.Restart()
		eventually(t, func() error {
			_, err := s.List(t.Context(), "c", docstore.Range{Limit: 1})
			return err
		})
		n := 0
		acknowledged.Range(func(key, value any) bool {
			n++
			want := value.(docstore.Doc)
			got, err := s.Get(t.Context(), "c", key.(string))
			if want.Rev == "" && !errs.Is(err, errs.NotFound) || want.Rev != "" && (err != nil || got.Rev != want.Rev) {
				t.Errorf("round %d: %s: got revision %q, %v, want %q", round, key, got.Rev, err, want.Rev)
			}
			return true
		})
		if n < 100 {
			t.Errorf("round %d: only %d keys were compared", round, n)
		}
	}
}

// TestAway stops and pauses the server: calls fail cleanly and in time, and work again by themselves.
func TestAway(t *testing.T) {
	t.Parallel()
	server := testbed.Mongo(t, testbed.MongoOptions{})
	s := open(t, server.URL("away"), mongo.Options{Timeout: 3 * time.Second})
	d := doc(t, "k")
	if err := s.Insert(t.Context(), "c", d); err != nil {
		t.Fatal(err)
	}
	calls := map[string]func() error{
		"Get":     func() error { _, err := s.Get(t.Context(), "c", "k"); return err },
		"GetMany": func() error { _, err := s.GetMany(t.Context(), "c", []string{"k"}); return err },
		"List":    func() error { _, err := s.List(t.Context(), "c", docstore.Range{Limit: 1}); return err },
		"Insert":  func() error { return s.Insert(t.Context(), "c", doc(t, "other")) },
		"Replace": func() error { return s.Replace(t.Context(), "c", doc(t, "k"), d.Rev) },
		"Delete":  func() error { return s.Delete(t.Context(), "c", "absent", d.Rev) },
		"Batch": func() error {
			_, err := s.Batch(t.Context(), []docstore.Op{{Kind: docstore.OpInsert, Collection: "c", Doc: doc(t, "x")}, {Kind: docstore.OpDelete, Collection: "c", Doc: docstore.Doc{Key: "y"}, Old: d.Rev}})
			return err
		},
	}
	all := func(check func(name string, err error)) {
		var wg sync.WaitGroup
		for name, call := range calls {
			wg.Go(func() { check(name, call()) })
		}
		wg.Wait()
	}
	again := func() {
		t.Helper()
		eventually(t, func() error { _, err := s.Get(t.Context(), "c", "k"); return err })
	}

	server.Kill()
	start := time.Now()
	all(func(name string, err error) { wantCode(t, name+" of a server that is away", err, errs.Unavailable) })
	if got := time.Since(start); got > 6*time.Second {
		t.Errorf("calls to a server that is away took %v", got)
	}
	server.Restart()
	again()

	server.Pause()
	start = time.Now()
	all(func(name string, err error) {
		if !errs.Is(err, errs.Unavailable) && !errs.Is(err, errs.DeadlineExceeded) {
			t.Errorf("%s of a server that hangs: %v", name, err)
		}
	})
	if got := time.Since(start); got > 9*time.Second {
		t.Errorf("calls to a server that hangs took %v", got)
	}
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start = time.Now()
	if err := s.Insert(short, "c", doc(t, "short")); !errs.Is(err, errs.DeadlineExceeded) && !errs.Is(err, errs.Unavailable) || time.Since(start) > 2500*time.Millisecond {
		t.Errorf("a call with a short deadline: %v after %v", err, time.Since(start))
	}
	server.Resume()
	again()
}

// TestUnknownOutcome loses the answers of writes, or the writes: what can be found out is, and nothing is called failed that may have happened.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	server := testbed.Mongo(t, testbed.MongoOptions{})
	p := newProxy(t, server.Addr)
	s := open(t, p.url("cut"), mongo.Options{})
	direct := open(t, server.URL("cut"), mongo.Options{})
	timedOut := bson.D{{Key: "code", Value: 64}, {Key: "codeName", Value: "WriteConcernTimeout"}, {Key: "errmsg", Value: "waiting for replication timed out"}}
	deposed := bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: 10107}, {Key: "codeName", Value: "NotWritablePrimary"}, {Key: "errmsg", Value: "not primary"}}
	unsure := bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: 1}, {Key: "nModified", Value: 1}, {Key: "writeConcernError", Value: timedOut}}

	for i, tt := range []struct {
		name     string
		fault    action
		happens  bool
		resolved bool // for inserts and replaces
	}{
		{"the answer is lost", action{cut: true}, true, true},
		{"the command is lost", action{drop: true, cut: true}, false, false},
		{"not replicated in time, but there", action{answer: unsure}, true, true},
		{"not replicated in time, and gone", action{drop: true, answer: unsure}, false, false},
		{"the primary stepped down", action{drop: true, answer: deposed}, false, false},
	} {
		check := func(what string, err error, resolved bool) {
			t.Helper()
			switch {
			case resolved && err != nil:
				t.Errorf("%s, %s: got %v, want success", tt.name, what, err)
			case !resolved && !errs.Is(err, errs.Unavailable):
				t.Errorf("%s, %s: got %v (%v), want Unavailable", tt.name, what, err, errs.CodeOf(err))
			}
		}
		key := fmt.Sprint("k", i)
		d := doc(t, key)
		p.once("insert", tt.fault)
		check("insert", s.Insert(t.Context(), "c", d), tt.resolved)
		if _, err := direct.Get(t.Context(), "c", key); (err == nil) != tt.happens {
			t.Errorf("%s: inserted: %v", tt.name, err)
		}
		p.behave(func(string, bson.Raw) action { return action{} })
		if !tt.happens {
			if err := s.Insert(t.Context(), "c", d); err != nil {
				t.Fatal(err)
			}
		}
		next := docstore.Doc{Key: key, Rev: docstore.NewRev(time.Now(), d.Rev), Body: d.Body}
		p.once("update", tt.fault)
		check("replace", s.Replace(t.Context(), "c", next, d.Rev), tt.resolved)
		if !tt.happens {
			next = d
		}
		if got, err := direct.Get(t.Context(), "c", key); err != nil || got.Rev != next.Rev {
			t.Errorf("%s: replaced: got %v, %v, want %v", tt.name, got.Rev, err, next.Rev)
		}
		p.once("delete", tt.fault)
		check("delete", s.Delete(t.Context(), "c", key, next.Rev), false)
		if _, err := direct.Get(t.Context(), "c", key); (err != nil) != tt.happens {
			t.Errorf("%s: deleted: %v", tt.name, err)
		}
		var ops []docstore.Op
		for j := range 3 {
			ops = append(ops, docstore.Op{Kind: docstore.OpInsert, Collection: "c", Doc: doc(t, fmt.Sprintf("batch%d/%d", i, j))})
		}
		p.once("insert", tt.fault)
		outcomes, err := s.Batch(t.Context(), ops)
		if outcomes == nil {
			outcomes = []error{err, err, err}
		}
		for _, err := range outcomes {
			check("batch", err, tt.resolved)
		}
	}
}

// TestCancelled cancels a call while the server works on it: the write is seen to its end.
func TestCancelled(t *testing.T) {
	t.Parallel()
	server := testbed.Mongo(t, testbed.MongoOptions{})
	p := newProxy(t, server.Addr)
	s := open(t, p.url("cancel"), mongo.Options{})
	if err := s.Insert(t.Context(), "c", doc(t, "first")); err != nil { // makes the collection
		t.Fatal(err)
	}
	during := func(command string) context.Context {
		ctx, cancel := context.WithCancel(t.Context())
		p.behave(func(name string, _ bson.Raw) action {
			if name == command {
				cancel()
			}
			return action{}
		})
		return ctx
	}
	ctx := during("insert")
	if err := s.Insert(ctx, "c", doc(t, "k")); err != nil {
		t.Errorf("an insert that was cancelled on its way: got %v, want success", err)
	}
	wantCode(t, "an insert after that", s.Insert(ctx, "c", doc(t, "l")), errs.Canceled)
	_, err := s.Get(ctx, "c", "k")
	wantCode(t, "a get after that", err, errs.Canceled)
	if _, err := s.Get(during("find"), "c", "k"); err != nil && !errs.Is(err, errs.Canceled) {
		t.Errorf("a get that was cancelled on its way: got %v", err)
	}
}
