package pebble_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/docstore/docstoretest"
	"github.com/opensds/gelato/internal/docstore/pebble"
	"github.com/opensds/gelato/internal/errs"
)

func body(t testing.TB, v any) bson.Raw {
	t.Helper()
	b, err := bson.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestReopen closes a store on disk and finds everything again.
func TestReopen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := pebble.Open(dir, pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rev := docstore.NewRev(time.Now(), "")
	want := body(t, bson.M{"n": 1})
	if err := s.Insert(t.Context(), "c", docstore.Doc{Key: "k", Rev: rev, Body: want}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = pebble.Open(dir, pebble.Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got, err := s.Get(t.Context(), "c", "k")
	if err != nil || got.Rev != rev || string(got.Body) != string(want) {
		t.Errorf("got %v, %v, want revision %s and the same body", got, err, rev)
	}
}

// TestLocked opens a directory twice.
func TestLocked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := pebble.Open(dir, pebble.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = pebble.Open(dir, pebble.Options{})
	if !errs.Is(err, errs.FailedPrecondition) || !strings.Contains(errs.Public(err), "another process uses this data directory") {
		t.Errorf("second open: got %v", err)
	}
}

// TestCrash cuts the power while writers are busy, again and again: what was acknowledged is there, the newest revision of each key or a later one.
func TestCrash(t *testing.T) {
	t.Parallel()
	const writers, keys = 8, 40
	for round := range 8 {
		fs := vfs.NewCrashableMem()
		s, err := pebble.Open("state", pebble.Options{FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		acknowledged := map[string]docstore.Rev{}
		var wg sync.WaitGroup
		half := make(chan struct{})
		for w := range writers {
			wg.Go(func() {
				for k := range keys {
					if w == 0 && k == keys/2 {
						close(half)
					}
					key := fmt.Sprintf("%d/%d", w, k)
					var old docstore.Rev
					for n := range 3 {
						d := docstore.Doc{Key: key, Rev: docstore.NewRev(time.Now(), old), Body: body(t, bson.M{"n": n, "pad": strings.Repeat("x", 300)})}
						var err error
						if n == 0 {
							err = s.Insert(t.Context(), "c", d)
						} else {
							err = s.Replace(t.Context(), "c", d, old)
						}
						if err != nil {
							t.Errorf("write %s: %v", key, err)
							return
						}
						old = d.Rev
						mu.Lock()
						acknowledged[key] = d.Rev
						mu.Unlock()
					}
				}
			})
		}
		<-half
		mu.Lock()
		want := make(map[string]docstore.Rev, len(acknowledged))
		for k, r := range acknowledged {
			want[k] = r
		}
		mu.Unlock()
		crashed := fs.CrashClone(vfs.CrashCloneCfg{})
		wg.Wait()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		after, err := pebble.Open("state", pebble.Options{FS: crashed})
		if err != nil {
			t.Fatalf("round %d: open after the crash: %v", round, err)
		}
		for k, rev := range want {
			got, err := after.Get(t.Context(), "c", k)
			if err != nil || got.Rev < rev {
				t.Errorf("round %d: %s after the crash: got %q, %v, want %q or later", round, k, got.Rev, err, rev)
			}
		}
		if err := after.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	r := prometheus.NewPedanticRegistry()
	s, err := pebble.Open("state", pebble.Options{FS: vfs.NewMem(), Registerer: r})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Gather(); err != nil || len(got) != 6 {
		t.Errorf("got %d metrics, %v, want 6", len(got), err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Gather(); err != nil || len(got) != 0 {
		t.Errorf("after Close: got %d metrics, %v, want none", len(got), err)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("Disk", func(t *testing.T) {
		t.Parallel()
		docstoretest.Run(t, docstoretest.Harness{Open: func(t *testing.T) docstore.Store {
			s, err := pebble.Open(t.TempDir(), pebble.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}})
	})
	t.Run("Memory", func(t *testing.T) {
		t.Parallel()
		docstoretest.Run(t, docstoretest.Harness{Open: func(t *testing.T) docstore.Store {
			s, err := pebble.OpenMemory()
			if err != nil {
				t.Fatal(err)
			}
			return s
		}})
	})
}

// TestRelaxed cuts the power after a relaxed write, alone and followed by a durable one.
func TestRelaxed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		durable bool // a durable write comes after it
	}{{"alone", false}, {"followed", true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fs := vfs.NewCrashableMem()
			s, err := pebble.Open("state", pebble.Options{FS: fs})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			doc := func(key string) docstore.Doc {
				return docstore.Doc{Key: key, Rev: docstore.NewRev(time.Now(), ""), Body: body(t, bson.M{"n": 1})}
			}
			outcomes, err := s.Batch(t.Context(), []docstore.Op{{Kind: docstore.OpInsert, Collection: "c", Doc: doc("relaxed"), Relaxed: true}})
			if err != nil || outcomes[0] != nil {
				t.Fatal(err, outcomes)
			}
			if _, err := s.Get(t.Context(), "c", "relaxed"); err != nil {
				t.Errorf("not visible at once: %v", err)
			}
			if c.durable {
				if err := s.Insert(t.Context(), "c", doc("durable")); err != nil {
					t.Fatal(err)
				}
			}
			after, err := pebble.Open("state", pebble.Options{FS: fs.CrashClone(vfs.CrashCloneCfg{})})
			if err != nil {
				t.Fatal(err)
			}
			defer after.Close()
			if _, err := after.Get(t.Context(), "c", "relaxed"); c.durable != (err == nil) {
				t.Errorf("after the crash: got %v, want it there: %v", err, c.durable)
			}
		})
	}
}
