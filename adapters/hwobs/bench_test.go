package hwobs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/huaweicloud/huaweicloud-sdk-go-obs/obs"
	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/adapters"
)

// BenchmarkBesideSDK moves the same objects, as many at once, with the adapter and with the bare SDK, in turns on one server. "ratio" is the adapter's
// throughput over the SDK's.
func BenchmarkBesideSDK(b *testing.B) {
	s := open(b, config(b))
	// As Huawei's examples make it: one client for the life of the program, with the SDK's own transport.
	c, err := obs.New(s.access, s.secret, s.endpoint.String(), obs.WithSignature(obs.SignatureV4), obs.WithRegion(s.region), obs.WithPathStyle(true), obs.WithMaxRetryCount(0))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for _, size := range []struct{ bytes, objects, atOnce int }{{4 << 10, 640, 32}, {1 << 20, 96, 8}, {8 << 20, 32, 8}, {64 << 20, 4, 4}} {
		body := make([]byte, size.bytes)
		for i := range body {
			body[i] = byte(i * i >> 3)
		}
		reader := func() io.Reader { return stream{bytes.NewReader(body)} }
		key := func(i int) string { return fmt.Sprintf("%d/%d", size.bytes, i) }
		put := func(ctx context.Context, i int) error {
			info, err := s.Put(ctx, key(i), reader(), int64(size.bytes), adapters.PutOptions{})
			if err == nil && !info.Verified {
				err = fmt.Errorf("%s is not verified", key(i))
			}
			return err
		}
		get := func(ctx context.Context, i int) error {
			body, _, err := s.Get(ctx, key(i), adapters.Range{}, "")
			if err != nil {
				return err
			}
			defer body.Close()
			_, err = io.Copy(io.Discard, body)
			return err
		}
		barePut := func(_ context.Context, i int) error {
			in := &obs.PutObjectInput{Body: reader()}
			in.Bucket, in.Key, in.ContentLength = s.bucket, s.prefix+key(i), int64(size.bytes)
			_, err := c.PutObject(in, obs.WithCustomHeader(s.dated()))
			return err
		}
		bareGet := func(_ context.Context, i int) error {
			in := &obs.GetObjectInput{}
			in.Bucket, in.Key = s.bucket, s.prefix+key(i)
			out, err := c.GetObject(in, obs.WithCustomHeader(s.dated()))
			if err != nil {
				return err
			}
			defer out.Body.Close()
			_, err = io.Copy(io.Discard, out.Body)
			return err
		}
		for _, op := range []struct {
			name      string
			ours, sdk func(context.Context, int) error
		}{{"Put", put, barePut}, {"Get", get, bareGet}} {
			b.Run(fmt.Sprintf("%s/%dKiB", op.name, size.bytes>>10), func(b *testing.B) {
				round := func(call func(context.Context, int) error) time.Duration {
					start := time.Now()
					g, ctx := errgroup.WithContext(b.Context())
					g.SetLimit(size.atOnce)
					for i := range size.objects {
						g.Go(func() error { return call(ctx, i) })
					}
					if err := g.Wait(); err != nil {
						b.Fatal(err)
					}
					return time.Since(start)
				}
				round(op.sdk) // warms up both ends
				var ours, sdk time.Duration

				for b.Loop() {
					ours += round(op.ours)
					sdk += round(op.sdk)
				}
				b.ReportMetric(sdk.Seconds()/ours.Seconds(), "ratio")
				b.ReportMetric(float64(2*b.N*size.bytes*size.objects)/ours.Seconds()/(1<<20), "MiB/s")
				b.ReportMetric(float64(2*b.N*size.bytes*size.objects)/sdk.Seconds()/(1<<20), "sdk-MiB/s")
			})
		}
	}
}
