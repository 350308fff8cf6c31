package s3dialect

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"github.com/minio/crc64nvme"
	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/testbed"
)

// twoStores makes a source and a destination on versitygw servers of their own.
func twoStores(b *testing.B) (from, to *Store) {
	b.Helper()
	stores := make([]*Store, 2)
	for i := range stores {
		srv := testbed.Versity(b, testbed.VersityOptions{})
		srv.CreateBucket("bucket")
		s, err := some().Open(adapters.Config{Endpoint: srv.Endpoint, BucketName: "bucket", Access: srv.Access, Security: srv.Secret})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { s.Close() })
		stores[i] = s
	}
	return stores[0], stores[1]
}

// BenchmarkCopySmall copies objects of 4 KiB whose CRC64 is known, 32 at a time; one operation is one object.
func BenchmarkCopySmall(b *testing.B) {
	from, to := twoStores(b)
	const objects = 2000
	body := random(4096)
	crc := crc64nvme.Checksum(body)
	var g errgroup.Group
	g.SetLimit(32)
	for i := range objects {
		g.Go(func() error {
			_, err := from.Put(b.Context(), fmt.Sprintf("d%d/%04d", i%10, i), bytes.NewReader(body), 4096, adapters.PutOptions{CRC64: &crc})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(4096)
	b.SetParallelism(32)
	b.ReportAllocs()
	var n atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := int(n.Add(1))
			if err := copyOne(b.Context(), from, to, fmt.Sprintf("d%d/%04d", i%10, i%objects/10*10+i%10), fmt.Sprintf("d%d/%d", i%10, i), crc); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func copyOne(ctx context.Context, from, to *Store, source, destination string, crc uint64) error {
	rc, info, err := from.Get(ctx, source, adapters.Range{}, "")
	if err != nil {
		return err
	}
	defer rc.Close()
	put, err := to.Put(ctx, destination, rc, info.Size, adapters.PutOptions{CRC64: &crc, Headers: info.Headers, Metadata: info.Metadata})
	if err == nil && !put.Verified {
		err = fmt.Errorf("%s is not verified", destination)
	}
	return err
}

// BenchmarkCopyBig copies objects of 256 MiB in parts of 32 MiB, 4 parts at a time; one operation is one object.
func BenchmarkCopyBig(b *testing.B) {
	from, to := twoStores(b)
	const partSize, parts = 32 << 20, 8
	body := random(partSize)
	crc := crc64nvme.Checksum(body)
	if _, err := from.Put(b.Context(), "big", io.LimitReader(&cycle{body: body}, parts*partSize), parts*partSize, adapters.PutOptions{}); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(parts * partSize)
	b.ReportAllocs()
	for b.Loop() {
		id, err := to.CreateUpload(b.Context(), "big", adapters.PutOptions{})
		if err != nil {
			b.Fatal(err)
		}
		done := make([]adapters.Part, parts)
		g, ctx := errgroup.WithContext(b.Context())
		g.SetLimit(4)
		for i := range parts {
			g.Go(func() error {
				rc, _, err := from.Get(ctx, "big", adapters.Range{Offset: int64(i) * partSize, Length: partSize}, "")
				if err != nil {
					return err
				}
				defer rc.Close()
				done[i], err = to.PutPart(ctx, "big", id, i+1, rc, partSize, adapters.Sums{CRC64: &crc})
				return err
			})
		}
		if err := g.Wait(); err != nil {
			b.Fatal(err)
		}
		if info, err := to.CompleteUpload(b.Context(), "big", id, done, adapters.PutOptions{}); err != nil || !info.Verified {
			b.Fatal(info, err)
		}
	}
}

// cycle repeats body for ever.
type cycle struct {
	body []byte
	at   int
}

func (c *cycle) Read(p []byte) (int, error) {
	n := copy(p, c.body[c.at:])
	c.at = (c.at + n) % len(c.body)
	return n, nil
}
