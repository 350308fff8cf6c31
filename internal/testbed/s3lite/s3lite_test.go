package s3lite_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// A server that is not ours judges the signatures.
func TestAgainstVersitygw(t *testing.T) {
	t.Parallel()
	s := testbed.Versity(t, testbed.VersityOptions{})
	e := s3lite.Endpoint{URL: s.Endpoint, Access: s.Access, Secret: s.Secret, Region: s.Region}
	c, err := s3lite.New(e)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if err := c.CreateBucket(ctx, "bkt", ""); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "", "dir/ä b+c%&=.txt": "one", "z~-_": "two"}
	for i := range 5 {
		want[fmt.Sprintf("n/%d", i)] = "x"
	}
	for k, v := range want {
		if err := c.Put(ctx, "bkt", k, []byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	var keys []string
	for o, err := range c.List(ctx, "bkt", "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, o.Key)
	}
	if wantKeys := slices.Sorted(maps.Keys(want)); !slices.Equal(slices.Sorted(slices.Values(keys)), wantKeys) {
		t.Errorf("list: got %q, want %q", keys, wantKeys)
	}
	for k, v := range want {
		resp, err := c.Get(ctx, "bkt", k)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if resp.Body.Close(); err != nil || string(got) != v {
			t.Errorf("get %q: got %q, %v, want %q", k, got, err, v)
		}
	}
	url := s3lite.Presign(e, http.MethodGet, "bkt", "dir/ä b+c%&=.txt", time.Minute, time.Now())
	if resp, err := http.Get(url); err != nil {
		t.Error(err)
	} else if got, err := io.ReadAll(resp.Body); err != nil || resp.Body.Close() != nil || string(got) != "one" {
		t.Errorf("presigned get: got %d %q, %v, want one", resp.StatusCode, got, err)
	}
	if err := c.Delete(ctx, "bkt", "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Head(ctx, "bkt", "a"); s3lite.Status(err) != http.StatusNotFound {
		t.Errorf("head of a deleted object: got %v, want 404", err)
	}
	e.Secret = "wrong"
	if c, err = s3lite.New(e); err != nil {
		t.Fatal(err)
	}
	if err := c.Put(ctx, "bkt", "a", nil); s3lite.Status(err) != http.StatusForbidden {
		t.Errorf("put with a wrong secret: got %v, want 403", err)
	}
}
