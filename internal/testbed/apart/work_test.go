package apart

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/internal/testbed"
)

const bucket = "photos"

// stage makes the bucket with n objects, and a second backend, in dir.
func stage(ctx context.Context, t *testing.T, c *testbed.Front, dir string, n int) {
	t.Helper()
	if err := c.Client().CreateBucket(ctx, bucket, ""); err != nil {
		t.Fatal(err)
	}
	if err := put(ctx, c, 0, n); err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(dir, "second")
	if err := os.Mkdir(second, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := c.REST(ctx, http.MethodPost, "backends", map[string]any{"name": "second", "type": "posix", "bucketName": second}, nil); err != nil {
		t.Fatal(err)
	}
}

func name(i int) string { return fmt.Sprintf("dir/%d", i) }

func content(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "object %d ", i), i%300+1) }

// put stores the objects from to to-1.
func put(ctx context.Context, c *testbed.Front, from, to int) error {
	s3 := c.Client()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i := from; i < to; i++ {
		group.Go(func() error {
			if err := s3.Put(ctx, bucket, name(i), content(i)); err != nil {
				return fmt.Errorf("put %d: %w", i, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// get reads the first n objects and compares them.
func get(ctx context.Context, c *testbed.Front, n int) error {
	s3 := c.Client()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i := range n {
		group.Go(func() error {
			resp, err := s3.Get(ctx, bucket, name(i))
			if err != nil {
				return fmt.Errorf("get %d: %w", i, err)
			}
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			if err != nil || !bytes.Equal(got, content(i)) {
				return fmt.Errorf("get %d: got %d bytes, %w; want %d", i, len(got), err, len(content(i)))
			}
			return nil
		})
	}
	return group.Wait()
}

func ask(ctx context.Context, url string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, string(text), err
}
