package bench

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
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
	shapes   = []shape{small, large, in16MiBs}
)

// body is that of an object, or of a part.
func (s shape) body() []byte {
	return bytes.Repeat([]byte("gelato body of 32 bytes, no more"), s.bytes/32)
}

// reads is how often a round reads its objects: one object alone takes too short to tell much.
func (s shape) reads() int { return max(1, 4/s.objects) }

// BenchmarkAdapters moves the same objects through each adapter and through the SDK beneath it, in turns and against one server.
//
// The adapter is called as the S3 gateway calls it: without asking for a proof, and with the MD5 of each body and part (adapters.Sums). It is computed before the clock
// runs, since the gateway's part of it is no work of the adapter: S3 wants it as the ETag of the answer, whatever the store. The SDKs compute none, and prove nothing by it.
// Where a proof takes operations of its own, as jobs ask for it, there is a further row with it.
func BenchmarkAdapters(b *testing.B) {
	for _, x := range kinds() {
		b.Run(x.name, func(b *testing.B) {
			config, sdk := x.start(b)
			ours := openLane(b, config)
			for _, s := range shapes {
				if _, ok := sdk.(partLane); ok || s.parts == 0 {
					beside(b, s, [2]string{"adapter", "SDK"}, ours, sdk)
				}
			}
			if config.Type == cephrados.Type {
				proven := ours
				proven.proof = true
				beside(b, large, [2]string{"adapter with proof", "SDK"}, proven, sdk)
			}
		})
	}
}

// beside compares two lanes in rounds by turns: the medians of their throughputs, the median of the ratios of the first to the second in each turn, and the
// processor time that they take of this process, which tells more than throughputs where the machine is busy with other things.
func beside(b *testing.B, s shape, names [2]string, lanes ...lane) {
	b.Helper()
	body := s.body()
	ops := []string{"PUT", "GET"}
	var rates [2]map[string][]float64
	var used [2]map[string]time.Duration
	for i := range rates {
		rates[i], used[i] = map[string][]float64{}, map[string]time.Duration{}
	}
	volume := float64(s.bytes*max(1, s.parts)*s.objects) / (1 << 20)
	for round := range adapterRounds + 1 { // the first warms up both ends
		key := func(i, k int) string { return fmt.Sprintf("%d/%d/%d/%04d", i, s.bytes, round, k) }
		turns := func(op string, f func(ctx context.Context, i, k int) error) { // who goes first takes turns, too
			for n := range lanes {
				i := (n + round) % len(lanes)
				before := processorTime(b)
				took := timed(b, s.objects, func(ctx context.Context, k int) error { return f(ctx, i, k) })
				if round > 0 {
					rates[i][op] = append(rates[i][op], volume/took.Seconds())
					used[i][op] += processorTime(b) - before
				}
			}
		}
		turns("PUT", func(ctx context.Context, i, k int) error {
			if s.parts > 0 {
				return lanes[i].(partLane).parts(ctx, key(i, k), body, s.parts)
			}
			return lanes[i].put(ctx, key(i, k), body)
		})
		for range s.reads() {
			turns("GET", func(ctx context.Context, i, k int) error { return lanes[i].get(ctx, key(i, k)) })
		}
		turns("DELETE", func(ctx context.Context, i, k int) error { return lanes[i].remove(ctx, key(i, k)) })
	}
	for _, op := range ops {
		ratios := slices.Clone(rates[0][op])
		for i := range ratios {
			ratios[i] /= rates[1][op][i]
		}
		perMiB := func(i int) float64 {
			return float64(used[i][op].Microseconds()) / volume / float64(len(ratios))
		}
		say("%s: %s %s, %d at once: %s %.1f MiB/s, %s %.1f MiB/s, ratio %.2f (processor: %.0f and %.0f us a MiB)", strings.TrimPrefix(b.Name(), "Benchmark"), op, s.name, atOnce,
			names[0], median(rates[0][op]), names[1], median(rates[1][op]), median(ratios), perMiB(0), perMiB(1))
		b.ReportMetric(median(ratios), strings.ReplaceAll(names[0]+"-"+op+"-"+s.name, " ", "-"))
	}
}

// processorTime is what this process has used, in user and system mode.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
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
	proof  bool           // whether one is asked for
	proves bool           // whether there is one all the same
	md5    map[int][]byte // of bodies, by their length
}

func openLane(b *testing.B, c adapters.Config) adapter {
	b.Helper()
	s, err := all.Registry().Open(b.Context(), c, adapters.Deps{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	a := adapter{Store: s, md5: map[int][]byte{}}
	a.proves = c.Type != azureblob.Type && c.Type != cephrados.Type // Azurite answers with an MD5 at most, which is not asked of all; Ceph has to be asked
	for _, x := range shapes {
		sum := md5.Sum(x.body())
		a.md5[x.bytes] = sum[:]
	}
	return a
}

// stream hides that the body can seek: what Gelato writes comes from a connection.
type stream struct {
	io.Reader
	md5   []byte
	ended bool
}

func (a adapter) stream(body []byte) *stream {
	return &stream{Reader: bytes.NewReader(body), md5: a.md5[len(body)]}
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.ended = err == io.EOF
	return n, err
}

// sum is the MD5 once the body has ended, as the gateway knows it of all but small ones; there is none of lengths that are not among the shapes.
func (s *stream) sum() func() []byte {
	if s.md5 == nil {
		return nil
	}
	return func() []byte {
		if s.ended {
			return s.md5
		}
		return nil
	}
}

func (a adapter) put(ctx context.Context, key string, body []byte) error {
	r := a.stream(body)
	info, err := a.Put(ctx, key, r, int64(len(body)), adapters.PutOptions{MD5: r.sum(), Unproven: !a.proof})
	if err == nil && (a.proof || a.proves) && !info.Verified {
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
		r := a.stream(part)
		done[i], err = a.PutPart(ctx, key, id, i+1, r, int64(len(part)), adapters.Sums{MD5: r.sum(), Unproven: !a.proof})
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
