package hwobs

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/huaweicloud/huaweicloud-sdk-go-obs/obs"
	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/adapters"
)

// BenchmarkBesideSDK moves the same objects, 8 at once, with the adapter, with the bare SDK, and with the SDK and a Content-MD5, which proves what the adapter
// proves; by turns, on one server. It reports each one's throughput and the processor time of this process for each object, which tells more than the throughput where
// the machine is busy with other things.
func BenchmarkBesideSDK(b *testing.B) {
	s := open(b, config(b))
	// As Huawei's examples make it: one client for the life of the program, with the SDK's own transport.
	c, err := obs.New(s.access, s.secret, s.endpoint.String(), obs.WithSignature(obs.SignatureV4), obs.WithRegion(s.region), obs.WithPathStyle(true), obs.WithMaxRetryCount(0))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for _, size := range []struct{ bytes, objects int }{{4 << 10, 640}, {1 << 20, 96}, {4 << 20, 48}} {
		body := bytes.Repeat([]byte("gelato body of 32 bytes, no more"), size.bytes/32)
		key := func(i int) string { return fmt.Sprintf("%d/%d", size.bytes, i) }
		bare := func(checked bool) func(context.Context, int) error {
			return func(_ context.Context, i int) error {
				in := &obs.PutObjectInput{Body: stream{bytes.NewReader(body)}}
				in.Bucket, in.Key, in.ContentLength = s.bucket, s.prefix+key(i), int64(size.bytes)
				if checked { // as for a body that is not known yet
					sum := md5.Sum(body)
					in.ContentMD5 = base64.StdEncoding.EncodeToString(sum[:])
				}
				_, err := c.PutObject(in, obs.WithCustomHeader(s.dated()))
				return err
			}
		}
		compare(b, fmt.Sprintf("Put/%dKiB", size.bytes>>10), size.bytes, size.objects, []lane{
			{"adapter", func(ctx context.Context, i int) error {
				info, err := s.Put(ctx, key(i), stream{bytes.NewReader(body)}, int64(size.bytes), adapters.PutOptions{})
				if err == nil && !info.Verified {
					err = fmt.Errorf("%s is not verified", key(i))
				}
				return err
			}},
			{"SDK", bare(false)}, {"SDK-MD5", bare(true)},
		})
		compare(b, fmt.Sprintf("Get/%dKiB", size.bytes>>10), size.bytes, size.objects, []lane{
			{"adapter", func(ctx context.Context, i int) error {
				body, _, err := s.Get(ctx, key(i), adapters.Range{}, "")
				return discard(body, err)
			}},
			{"SDK", func(_ context.Context, i int) error {
				in := &obs.GetObjectInput{}
				in.Bucket, in.Key = s.bucket, s.prefix+key(i)
				out, err := c.GetObject(in, obs.WithCustomHeader(s.dated()))
				if err != nil {
					return err
				}
				return discard(out.Body, nil)
			}},
		})
	}
}

// lane is one way to do the same.
type lane struct {
	name string
	call func(context.Context, int) error
}

func compare(b *testing.B, name string, size, objects int, lanes []lane) {
	b.Run(name, func(b *testing.B) {
		took, used := make([]time.Duration, len(lanes)), make([]time.Duration, len(lanes))
		round := func(i int) (wall, processor time.Duration) {
			start, before := time.Now(), processorTime(b)
			g, ctx := errgroup.WithContext(b.Context())
			g.SetLimit(8)
			for n := range objects {
				g.Go(func() error { return lanes[i].call(ctx, n) })
			}
			if err := g.Wait(); err != nil {
				b.Fatal(err)
			}
			return time.Since(start), processorTime(b) - before
		}
		for i := range lanes { // warms up both ends
			round(i)
		}
		for turn := 0; b.Loop(); turn++ {
			for i := range lanes {
				i = (i + turn) % len(lanes) // each goes first once
				wall, processor := round(i)
				took[i] += wall
				used[i] += processor
			}
		}
		for i, l := range lanes {
			b.ReportMetric(float64(b.N*size*objects)/took[i].Seconds()/(1<<20), l.name+"-MiB/s")
			b.ReportMetric(float64(used[i].Microseconds())/float64(b.N*objects), l.name+"-cpu-us")
		}
	})
}

// processorTime is what this process has used, in user and system mode.
func processorTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
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
