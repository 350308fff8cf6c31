package docstoretest

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/opensds/gelato/internal/docstore"
)

// Bench measures a driver, always in the same way, so that figures compare. open returns an empty store that ends with the benchmark.
func Bench(b *testing.B, open func(b *testing.B) docstore.Store) {
	b.Run("Insert", func(b *testing.B) { benchInsert(b, open) })
	b.Run("Replace", func(b *testing.B) { benchReplace(b, open) })
	b.Run("Read", func(b *testing.B) { benchRead(b, open) })
}

// share gives b.N operations to so many workers.
func share(b *testing.B, workers int, do func(n int64)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range workers {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				do(n)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
}

// scatter spreads numbers over the whole range.
func scatter(n int64) uint64 { return uint64(n) * 0x9e3779b97f4a7c15 }

// benchInsert commits documents of 508 bytes durably, each by itself.
func benchInsert(b *testing.B, open func(b *testing.B) docstore.Store) {
	for _, workers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(workers), func(b *testing.B) {
			s := open(b)
			doc := Body(b, bson.M{"pad": strings.Repeat("x", 490)})
			share(b, workers, func(n int64) {
				d := docstore.Doc{Key: fmt.Sprintf("%016x", scatter(n)), Rev: docstore.NewRev(time.Now(), ""), Body: doc}
				if err := s.Insert(b.Context(), "c", d); err != nil {
					b.Error(err)
				}
			})
		})
	}
}

// benchReplace compares and sets, each worker its own keys.
func benchReplace(b *testing.B, open func(b *testing.B) docstore.Store) {
	for _, workers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(workers), func(b *testing.B) {
			s, keys := filled(b, open, 10000)
			doc := Body(b, bson.M{"pad": strings.Repeat("y", 490)})
			share(b, workers, func(n int64) {
				key := keys[n%int64(len(keys))]
				d, err := s.Get(b.Context(), "c", key)
				if err == nil {
					err = s.Replace(b.Context(), "c", docstore.Doc{Key: key, Rev: docstore.NewRev(time.Now(), d.Rev), Body: doc}, d.Rev)
				}
				if err != nil {
					b.Error(err)
				}
			})
		})
	}
}

// benchRead reads single documents, and pages of 1,000, whole and as summaries.
func benchRead(b *testing.B, open func(b *testing.B) docstore.Store) {
	s, keys := filled(b, open, 100000)
	for _, workers := range []int{1, 16} {
		b.Run(fmt.Sprintf("Get/%d", workers), func(b *testing.B) {
			share(b, workers, func(n int64) {
				if _, err := s.Get(b.Context(), "c", keys[scatter(n)%uint64(len(keys))]); err != nil {
					b.Error(err)
				}
			})
		})
	}
	for name, fields := range map[string][]string{"Whole": nil, "Summary": {"size", "etag"}} {
		b.Run("List/"+name, func(b *testing.B) {
			share(b, 1, func(n int64) {
				from := keys[uint64(n)*7919%uint64(len(keys)-1000)]
				docs, err := s.List(b.Context(), "c", docstore.Range{From: from, Limit: 1000, Fields: fields})
				if err != nil || len(docs) != 1000 {
					b.Errorf("got %d, %v", len(docs), err)
				}
			})
		})
	}
}

func filled(b *testing.B, open func(b *testing.B) docstore.Store, n int) (docstore.Store, []string) {
	s := open(b)
	doc := Body(b, bson.D{{Key: "size", Value: int64(4096)}, {Key: "etag", Value: strings.Repeat("e", 32)}, {Key: "pad", Value: strings.Repeat("x", 420)}})
	keys := make([]string, n)
	var ops []docstore.Op
	for i := range keys {
		keys[i] = fmt.Sprintf("bucket\x01some/folder/object-%08d", i)
		ops = append(ops, docstore.Op{Kind: docstore.OpInsert, Collection: "c", Doc: docstore.Doc{Key: keys[i], Rev: docstore.NewRev(time.Now(), ""), Body: doc}})
		if len(ops) == 1000 || i == n-1 {
			if _, err := s.Batch(b.Context(), ops); err != nil {
				b.Fatal(err)
			}
			ops = nil
		}
	}
	return s, keys
}
