//go:build ceph && cgo

package cephrados_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/ceph/go-ceph/rados"
	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/cephrados"
	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

const (
	benchClients = 8
	benchRounds  = 5
)

// contender stores and reads objects of one size.
type contender struct {
	name string
	put  func(ctx context.Context, key string, b []byte) error
	get  func(ctx context.Context, key string, b []byte) error // b is room for the object
	del  func(ctx context.Context, key string) error
}

// BenchmarkBesideRGW stores and reads objects by eight clients, in turn through the adapter, through go-ceph in a bare loop, in one that has the OSD prove each
// write as the adapter does, and through RGW, on one cluster whose OSD keeps them in a file. It reports the median of the rounds, and that of the ratios within each. One round for each iteration is enough:
//
//	go test -tags ceph -run '^$' -bench BesideRGW -benchtime 1x ./adapters/cephrados
func BenchmarkBesideRGW(b *testing.B) {
	c := testbed.Ceph(b, testbed.CephOptions{Bluestore: true, Bytes: 12 << 30})
	c.CreateBucket("bench")
	s := open(b, config(c, nil))
	rgw, err := s3lite.New(s3lite.Endpoint{URL: c.Endpoint, Access: c.Access, Secret: c.Secret, Region: "default"})
	if err != nil {
		b.Fatal(err)
	}
	contenders := []contender{adapterContender(s), bareContender(cephrados.Pool(s)), provenContender(s), rgwContender(rgw)}
	for _, size := range []int{4 << 20, 64 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			for range b.N {
				compete(b, s, contenders, size, 96)
			}
		})
	}
}

func adapterContender(s *cephrados.Store) contender {
	return contender{
		name: "adapter",
		put: func(ctx context.Context, key string, b []byte) error {
			_, err := s.Put(ctx, key, bytes.NewReader(b), int64(len(b)), adapters.PutOptions{})
			return err
		},
		get: func(ctx context.Context, key string, b []byte) error {
			body, _, err := s.Get(ctx, key, adapters.Range{}, "")
			if err != nil {
				return err
			}
			defer body.Close()
			n, err := io.Copy(io.Discard, body)
			return enough(int(n), b, err)
		},
		del: func(ctx context.Context, key string) error { return s.Delete(ctx, key, "") },
	}
}

func bareContender(pool *rados.IOContext) contender {
	return contender{
		name: "bare",
		put:  func(_ context.Context, key string, b []byte) error { return pool.WriteFull(key, b) },
		get: func(_ context.Context, key string, b []byte) error {
			n, err := pool.Read(key, b, 0)
			return enough(n, b, err)
		},
		del: func(_ context.Context, key string) error { return pool.Delete(key) },
	}
}

// provenContender is the bare loop with the checksum of the OSD after each write.
func provenContender(s *cephrados.Store) contender {
	c := bareContender(cephrados.Pool(s))
	write := c.put
	c.name = "proven"
	c.put = func(ctx context.Context, key string, b []byte) error {
		if err := write(ctx, key, b); err != nil {
			return err
		}
		return cephrados.Prove(s, key, b)
	}
	return c
}

func rgwContender(c *s3lite.Client) contender {
	return contender{
		name: "rgw",
		put:  func(ctx context.Context, key string, b []byte) error { return c.Put(ctx, "bench", key, b) },
		get: func(ctx context.Context, key string, b []byte) error {
			resp, err := c.Get(ctx, "bench", key)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			n, err := io.Copy(io.Discard, resp.Body)
			return enough(int(n), b, err)
		},
		del: func(ctx context.Context, key string) error { return c.Delete(ctx, "bench", key) },
	}
}

func enough(n int, b []byte, err error) error {
	if err == nil && n != len(b) {
		return fmt.Errorf("read %d bytes, want %d", n, len(b))
	}
	return err
}

// compete runs the rounds; who begins changes from one to the next.
func compete(b *testing.B, s *cephrados.Store, contenders []contender, size, objects int) {
	b.Helper()
	data := pattern(7, size)
	rates := map[string][]float64{} // MiB/s by round
	for round := range benchRounds {
		for i := range contenders {
			c := contenders[(round+i)%len(contenders)]
			mib := float64(objects) * float64(size) / (1 << 20)
			rates[c.name+"-put"] = append(rates[c.name+"-put"], mib/eachKey(b, objects, func(key string, _ []byte) error { return c.put(b.Context(), key, data) }, 0))
			rates[c.name+"-get"] = append(rates[c.name+"-get"], mib/eachKey(b, objects, func(key string, buf []byte) error { return c.get(b.Context(), key, buf) }, size))
			eachKey(b, objects, func(key string, _ []byte) error { return c.del(b.Context(), key) }, 0)
		}
		if err := cephrados.Sweep(b.Context(), s, time.Now().Add(2*cephrados.GraceTime)); err != nil {
			b.Fatal(err)
		}
	}
	for _, op := range []string{"-put", "-get"} {
		for _, c := range contenders {
			b.ReportMetric(median(rates[c.name+op]), c.name+op+"-MiB/s")
		}
		for _, pair := range [][2]string{{"adapter", "bare"}, {"adapter", "proven"}, {"adapter", "rgw"}, {"bare", "rgw"}} {
			var ratios []float64
			for i, rate := range rates[pair[0]+op] {
				ratios = append(ratios, rate/rates[pair[1]+op][i])
			}
			b.ReportMetric(median(ratios), pair[0]+"/"+pair[1]+op)
		}
	}
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// eachKey has the clients do something with every key, each with room for size bytes, and says how many seconds that took.
func eachKey(b *testing.B, objects int, do func(key string, buf []byte) error, size int) float64 {
	b.Helper()
	start := time.Now()
	var g errgroup.Group
	for client := range benchClients {
		g.Go(func() error {
			buf := make([]byte, size)
			for i := client; i < objects; i += benchClients {
				if err := do(fmt.Sprintf("bench/%06d", i), buf); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start).Seconds()
}
