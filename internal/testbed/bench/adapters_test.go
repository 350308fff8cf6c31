package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/all"
	"github.com/opensds/gelato/adapters/azureblob"
	"github.com/opensds/gelato/adapters/cephrados"
)

const (
	adapterRounds = 5
	atOnce        = 8
)

// lane is one way to a store: an adapter, or a bare loop over the cloud's own SDK.
type lane interface {
	put(ctx context.Context, key string, body []byte) error
	get(ctx context.Context, key string) error // reads an object whole
	remove(ctx context.Context, key string) error
}

// partLane has parts, too.
type partLane interface {
	lane
	// parts makes an object of n equal parts, atOnce at once.
	parts(ctx context.Context, key string, part []byte, n int) error
}

// shape is what one round does.
type shape struct {
	name    string
	bytes   int // of an object, or of a part
	objects int
	parts   int // of each object; 0: it is put whole
}

var (
	small    = shape{name: "4 KiB", bytes: 4 << 10, objects: 2000}
	large    = shape{name: "4 MiB", bytes: 4 << 20, objects: 64}
	in16MiBs = shape{name: "parts of 16 MiB", bytes: 16 << 20, objects: 1, parts: 16}
)

// BenchmarkAdapters moves the same objects through each adapter and through the SDK beneath it, in turns and against one server.
func BenchmarkAdapters(b *testing.B) {
	for _, x := range kinds() {
		b.Run(x.name, func(b *testing.B) {
			config, sdk := x.start(b)
			ours := openLane(b, config)
			for _, s := range []shape{small, large, in16MiBs} {
				if _, ok := sdk.(partLane); ok || s.parts == 0 {
					beside(b, s, [2]string{"adapter", "SDK"}, ours, sdk)
				}
			}
		})
	}
}

// beside compares two lanes in rounds by turns: the medians of their throughputs, and the ratio of the first to the second.
func beside(b *testing.B, s shape, names [2]string, lanes ...lane) {
	b.Helper()
	body := bytes.Repeat([]byte("gelato body of 32 bytes, no more"), s.bytes/32)
	ops := []string{"PUT", "GET"}
	var rates [2]map[string][]float64
	for i := range rates {
		rates[i] = map[string][]float64{}
	}
	for round := range adapterRounds + 1 { // the first warms up both ends
		for i, l := range lanes {
			key := func(k int) string { return fmt.Sprintf("%d/%d/%d/%04d", i, s.bytes, round, k) }
			put := func(ctx context.Context, k int) error {
				if s.parts > 0 {
					return l.(partLane).parts(ctx, key(k), body, s.parts)
				}
				return l.put(ctx, key(k), body)
			}
			took := []time.Duration{
				timed(b, s.objects, put),
				timed(b, s.objects, func(ctx context.Context, k int) error { return l.get(ctx, key(k)) }),
			}
			timed(b, s.objects, func(ctx context.Context, k int) error { return l.remove(ctx, key(k)) })
			if round == 0 {
				continue
			}
			for j, op := range ops {
				rates[i][op] = append(rates[i][op], float64(s.bytes*max(1, s.parts)*s.objects)/took[j].Seconds()/(1<<20))
			}
		}
	}
	for _, op := range ops {
		one, two := median(rates[0][op]), median(rates[1][op])
		say("%s: %s %s, %d at once: %s %.1f MiB/s, %s %.1f MiB/s, ratio %.2f", strings.TrimPrefix(b.Name(), "Benchmark"), op, s.name, atOnce, names[0], one, names[1], two, one/two)
		b.ReportMetric(one/two, strings.ReplaceAll(op+"-"+s.name, " ", "-"))
	}
}

// timed is each with the time that it takes.
func timed(b *testing.B, n int, f func(context.Context, int) error) time.Duration {
	b.Helper()
	start := time.Now()
	if err := each(b.Context(), n, f); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

// adapter is the lane through an adapter.
type adapter struct {
	adapters.Store
	proves func(bytes int) bool // whether bodies of this size are proven by a checksum of the store
}

func openLane(b *testing.B, c adapters.Config) adapter {
	b.Helper()
	s, err := all.Registry().Open(b.Context(), c, adapters.Deps{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return adapter{s, func(bytes int) bool {
		switch c.Type {
		case azureblob.Type: // Azurite has no checksum that it asks of large ones
			return false
		case cephrados.Type: // small ones are in its index
			return bytes > 8<<10
		}
		return true
	}}
}

// stream hides that the body can seek: what Gelato writes comes from a connection.
type stream struct{ io.Reader }

func (a adapter) put(ctx context.Context, key string, body []byte) error {
	info, err := a.Put(ctx, key, stream{bytes.NewReader(body)}, int64(len(body)), adapters.PutOptions{})
	if err == nil && a.proves(len(body)) && !info.Verified {
		err = fmt.Errorf("%s is not verified", key)
	}
	return err
}

func (a adapter) get(ctx context.Context, key string) error {
	body, _, err := a.Get(ctx, key, adapters.Range{}, "")
	return discard(body, err)
}

// discard reads a body to its end and closes it.
func discard(body io.ReadCloser, err error) error {
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(io.Discard, body)
	return err
}

func (a adapter) remove(ctx context.Context, key string) error { return a.Delete(ctx, key, "") }

func (a adapter) parts(ctx context.Context, key string, part []byte, n int) error {
	id, err := a.CreateUpload(ctx, key, adapters.PutOptions{})
	if err != nil {
		return err
	}
	done := make([]adapters.Part, n)
	err = each(ctx, n, func(ctx context.Context, i int) (err error) {
		done[i], err = a.PutPart(ctx, key, id, i+1, stream{bytes.NewReader(part)}, int64(len(part)), adapters.Sums{})
		return err
	})
	if err != nil {
		return err
	}
	_, err = a.CompleteUpload(ctx, key, id, done, adapters.PutOptions{})
	return err
}

// each calls f for 0 to n-1, atOnce at once.
func each(ctx context.Context, n int, f func(context.Context, int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range n {
		g.Go(func() error { return f(ctx, i) })
	}
	return g.Wait()
}
