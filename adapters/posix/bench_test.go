package posix_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/posix"
)

// clients is how many goroutines a benchmark runs at once.
const clients = 32

// each runs b.N operations by 32 goroutines.
func each(b *testing.B, do func(ctx context.Context, i int64) error) {
	b.Helper()
	var n atomic.Int64
	b.ResetTimer()
	done := make(chan error, clients)
	for range clients {
		go func() {
			for {
				i := n.Add(1)
				if i > int64(b.N) {
					done <- nil
					return
				}
				if err := do(b.Context(), i); err != nil {
					done <- err
					return
				}
			}
		}()
	}
	for range clients {
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
}

func options() adapters.PutOptions {
	return adapters.PutOptions{Headers: adapters.ContentHeaders{ContentType: "application/octet-stream"}, Metadata: map[string]string{"gelato": "bench/key"}}
}

func BenchmarkPut4KiB(b *testing.B) {
	data := make([]byte, 4096)
	for _, sync := range []string{"true", "false"} {
		b.Run("sync="+sync, func(b *testing.B) {
			s := open(b, b.TempDir(), "", sync)
			each(b, func(ctx context.Context, i int64) error {
				_, err := s.Put(ctx, fmt.Sprintf("bucket/%08d", i), bytes.NewReader(data), 4096, options())
				return err
			})
		})
	}
}

func BenchmarkGet4KiB(b *testing.B) {
	s := open(b, b.TempDir(), "", "false")
	for i := range 1000 {
		if _, err := s.Put(b.Context(), fmt.Sprintf("bucket/%08d", i), bytes.NewReader(make([]byte, 4096)), 4096, options()); err != nil {
			b.Fatal(err)
		}
	}
	each(b, func(ctx context.Context, i int64) error {
		body, _, err := s.Get(ctx, fmt.Sprintf("bucket/%08d", i%1000), adapters.Range{}, "")
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, body)
		body.Close()
		return err
	})
}

func BenchmarkDelete4KiB(b *testing.B) {
	s := open(b, b.TempDir(), "", "false")
	for i := range b.N {
		if _, err := s.Put(b.Context(), fmt.Sprintf("bucket/%08d", i+1), bytes.NewReader(nil), 0, adapters.PutOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	each(b, func(ctx context.Context, i int64) error { return s.Delete(ctx, fmt.Sprintf("bucket/%08d", i), "") })
}

func BenchmarkList1000(b *testing.B) {
	const total = 100_000
	dir := b.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bucket"), 0o750); err != nil {
		b.Fatal(err)
	}
	for i := range total {
		if err := os.WriteFile(filepath.Join(dir, "bucket", fmt.Sprintf("%08d", i)), nil, 0o640); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		fresh bool
	}{{"one page", true}, {"page after page", false}} {
		b.Run(c.name, func(b *testing.B) {
			s := open(b, dir, "", "false")
			after := ""
			for i := 0; b.Loop(); i++ {
				if c.fresh {
					after = fmt.Sprintf("bucket/%08d", i*7919%(total-2000))
					s = openQuietly(b, dir)
				}
				page, err := s.List(b.Context(), "bucket/", after, 1000)
				if err != nil || len(page.Objects) == 0 {
					b.Fatalf("List: %d objects, %v", len(page.Objects), err)
				}
				after = page.Objects[len(page.Objects)-1].Key
				if !page.More {
					after = ""
				}
				if c.fresh {
					s.Close()
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pages/s")
		})
	}
}

func openQuietly(b *testing.B, dir string) *posix.Store {
	s, err := posix.Open(b.Context(), adapters.Config{BucketName: dir}, adapters.Deps{})
	if err != nil {
		b.Fatal(err)
	}
	return s
}
