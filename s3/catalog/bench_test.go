package catalog

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/docstore/pebble"
)

func benchCatalog(b *testing.B) (*Catalog, Bucket) {
	docs, err := pebble.Open(b.TempDir(), pebble.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = docs.Close() })
	c, err := New(docs, memStores{"a": newMemStore()}, blob.TagOf("bench"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	bk, err := c.CreateBucket(b.Context(), Bucket{Name: "bucket", Owner: "u", BackendID: "a"}, nil)
	if err != nil {
		b.Fatal(err)
	}
	return c, bk
}

// BenchmarkPage lists 1,000 keys of 3,000.
func BenchmarkPage(b *testing.B) {
	c, bk := benchCatalog(b)
	var intents []Intent
	var items []CommitItem
	for i := range 3000 {
		intents = append(intents, Intent{Bucket: bk, Key: fmt.Sprintf("some/folder/object-%06d", i), Size: 4096})
	}
	for i, g := range c.BeginMany(b.Context(), intents) {
		items = append(items, CommitItem{WriteID: g.WriteID, Location: g.Location, Put: &Put{Object: object(intents[i].Key)}})
	}
	for _, r := range c.CommitMany(b.Context(), items) {
		if r.Err != nil {
			b.Fatal(r.Err)
		}
	}
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		p, err := c.List(b.Context(), Listing{Bucket: bk, After: "some/folder/object-000999", Limit: 1000})
		if err != nil || len(p.Objects) != 1000 {
			b.Fatal(len(p.Objects), err)
		}
	}
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// cpuTime is what the process used so far: unlike the wall clock it says something on a busy machine.
func cpuTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkPut is the catalog's part of a PUT of a new key, with 32 clients on a synced disk.
func BenchmarkPut(b *testing.B) {
	c, bk := benchCatalog(b)
	o := object("content")
	var serial atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			w, err := c.Begin(b.Context(), bk, fmt.Sprintf("key-%d", serial.Add(1)), "", 7)
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := c.Commit(b.Context(), w, o, nil, Condition{}); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkOverwrite is the catalog's part of a PUT of one of 2,000 keys that are there, with 32 clients on a synced disk.
func BenchmarkOverwrite(b *testing.B) {
	for _, state := range []string{"", Enabled, Suspended} {
		b.Run("versioning="+state, func(b *testing.B) {
			c, bk := benchCatalog(b)
			bk.Versioning = state // as a gateway knows it
			o := object("content")
			var serial atomic.Int64
			put := func() {
				bk := bk
				bk.read = time.Now()
				w, err := c.Begin(b.Context(), bk, fmt.Sprintf("key-%d", serial.Add(1)%2000), "", 7)
				if err != nil {
					b.Error(err)
					return
				}
				if _, err := c.Commit(b.Context(), w, o, nil, Condition{}); err != nil {
					b.Error(err)
				}
			}
			var first sync.WaitGroup
			for range 32 {
				first.Go(func() {
					for range 125 { // each key twice
						put()
					}
				})
			}
			first.Wait()
			b.SetParallelism(16)
			b.ResetTimer()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					put()
				}
			})
		})
	}
}

// BenchmarkSettle settles the notes of 1,000 puts, and collects nothing.
func BenchmarkSettle(b *testing.B) {
	c, bk := benchCatalog(b)
	c.opt.Skew = -time.Second // even the newest notes
	n := 0
	for b.Loop() {
		b.StopTimer()
		var intents []Intent
		var items []CommitItem
		for i := range 1000 {
			intents = append(intents, Intent{Bucket: bk, Key: fmt.Sprintf("key-%04d", i), Size: 7})
		}
		for i, g := range c.BeginMany(b.Context(), intents) {
			items = append(items, CommitItem{WriteID: g.WriteID, Location: g.Location, Put: &Put{Object: object(intents[i].Key[:7])}})
		}
		for _, r := range c.CommitMany(b.Context(), items) {
			if r.Err != nil {
				b.Fatal(r.Err)
			}
		}
		b.StartTimer()
		for shard := range shards {
			if err := c.sweep(b.Context(), shard); err != nil {
				b.Fatal(err)
			}
		}
		n += 1000
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "notes/s")
}
