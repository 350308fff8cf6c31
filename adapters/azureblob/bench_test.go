package azureblob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/minio/crc64nvme"
	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/testbed"
)

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// BenchmarkBeside puts and gets through the adapter and through azblob alone, 8 at once, at the same server. One operation is a round of both, in
// turn, so that what else the machine does meets both; "gelato/sdk" is the median ratio of their throughputs.
func BenchmarkBeside(b *testing.B) {
	srv := testbed.Azurite(b, testbed.AzuriteOptions{})
	srv.CreateContainer("container")
	s := open(b, adapters.Config{Endpoint: srv.Endpoint, BucketName: "container", Access: srv.Account, Security: srv.Key})
	cred, err := container.NewSharedKeyCredential(srv.Account, srv.Key)
	if err != nil {
		b.Fatal(err)
	}
	sdk, err := container.NewClientWithSharedKeyCredential(srv.Endpoint+"/container", cred, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{4 << 10, 1 << 20, 16 << 20} {
		objects := max(8, min(64, (32<<20)/size))
		body := random(size)
		crc := crc64nvme.Checksum(body)
		beside(b, fmt.Sprintf("put/%dKiB", size>>10), size, objects, func(ctx context.Context, key string) error {
			_, err := sdk.NewBlockBlobClient(key).Upload(ctx, streaming.NopCloser(bytes.NewReader(body)), &blockblob.UploadOptions{})
			return err
		}, func(ctx context.Context, key string) error {
			_, err := s.Put(ctx, key, bytes.NewReader(body), int64(size), adapters.PutOptions{CRC64: &crc})
			return err
		})
		for i := range objects {
			if _, err := s.Put(b.Context(), fmt.Sprint(i), bytes.NewReader(body), int64(size), adapters.PutOptions{CRC64: &crc}); err != nil {
				b.Fatal(err)
			}
		}
		beside(b, fmt.Sprintf("get/%dKiB", size>>10), size, objects, func(ctx context.Context, key string) error {
			out, err := sdk.NewBlobClient(key).DownloadStream(ctx, nil)
			if err != nil {
				return err
			}
			return drain(out.Body)
		}, func(ctx context.Context, key string) error {
			r, _, err := s.Get(ctx, key, adapters.Range{}, "")
			if err != nil {
				return err
			}
			return drain(r)
		})
	}
}

func drain(r io.ReadCloser) error {
	defer r.Close()
	_, err := io.Copy(io.Discard, r)
	return err
}

// beside runs rounds of both calls, each over all objects.
func beside(b *testing.B, name string, size, objects int, sdk, gelato func(ctx context.Context, key string) error) {
	b.Run(name, func(b *testing.B) {
		b.SetBytes(2 * int64(size) * int64(objects))
		round := func(call func(ctx context.Context, key string) error) time.Duration {
			g, ctx := errgroup.WithContext(b.Context())
			g.SetLimit(8)
			start := time.Now()
			for i := range objects {
				g.Go(func() error { return call(ctx, fmt.Sprint(i)) })
			}
			if err := g.Wait(); err != nil {
				b.Fatal(err)
			}
			return time.Since(start)
		}
		var ratios []float64
		for b.Loop() {
			var of [2]time.Duration
			first := len(ratios) % 2
			for _, i := range []int{first, 1 - first} {
				of[i] = round([]func(context.Context, string) error{sdk, gelato}[i])
			}
			ratios = append(ratios, of[0].Seconds()/of[1].Seconds())
		}
		slices.Sort(ratios)
		b.ReportMetric(ratios[len(ratios)/2], "gelato/sdk")
	})
}
