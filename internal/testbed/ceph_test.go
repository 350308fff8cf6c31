package testbed_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

func TestCeph(t *testing.T) {
	t.Parallel()
	start := time.Now()
	c := testbed.Ceph(t, testbed.CephOptions{})
	t.Logf("started in %v", time.Since(start))
	t.Run("Pool", func(t *testing.T) { testPool(t, c) })
	t.Run("Gateway", func(t *testing.T) { testGateway(t, c) })
	t.Run("Pause", func(t *testing.T) {
		c.RGW().Pause()
		client := http.Client{Timeout: 300 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
		if resp, err := client.Get(c.Endpoint); err == nil {
			resp.Body.Close()
			t.Error("the paused gateway answers")
		}
		c.RGW().Resume()
		c.RGW().Kill()
		c.RGW().Restart()
	})
}

// testPool goes to the pools as the user who may.
func testPool(t *testing.T, c *testbed.CephCluster) {
	c.CreatePool("second")
	for pool, may := range map[string]bool{c.Pool: true, "second": true, ".rgw.root": false} {
		if err := asUser(t, c, "here", "-p", pool, "put", "object", "-"); (err == nil) != may {
			t.Errorf("put into %s as %s: %v, want success %v", pool, c.User, err, may)
		}
	}
}

// asUser runs rados with the user's key and a monitor's address, without the cluster's files.
func asUser(t *testing.T, c *testbed.CephCluster, input string, args ...string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "rados", append([]string{"-c", os.DevNull, "-m", c.MonHost, "-n", "client." + c.User, "--key", c.Key}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	return err
}

func testGateway(t *testing.T, c *testbed.CephCluster) {
	ctx := t.Context()
	c.CreateBucket("bucket")
	c.CreateBucketIn("elsewhere", testbed.CephPlacement)
	own, err := s3lite.New(s3lite.Endpoint{URL: c.Endpoint, Access: c.Access, Secret: c.Secret, Region: "default"})
	if err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []string{"bucket", "elsewhere"} {
		if err := own.Put(ctx, bucket, "key", []byte("body")); err != nil {
			t.Errorf("put into %s: %v", bucket, err)
		}
	}
	for _, class := range testbed.CephClasses {
		resp, err := own.Do(ctx, s3lite.Request{Method: "PUT", Bucket: "bucket", Key: class, Header: http.Header{"X-Amz-Storage-Class": {class}}, Body: strings.NewReader("body"), Size: 4})
		if err != nil {
			t.Fatalf("put with class %s: %v", class, err)
		}
		resp.Body.Close()
		h, err := own.Head(ctx, "bucket", class)
		if got := h.Get("X-Amz-Storage-Class"); err != nil || got != class {
			t.Errorf("head of an object of class %s: %q, %v", class, got, err)
		}
	}
	other, err := s3lite.New(s3lite.Endpoint{URL: c.Endpoint, Access: c.OtherAccess, Secret: c.OtherSecret, Region: "default"})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Put(ctx, "bucket", "key", []byte("body")); err == nil {
		t.Error("another user may put into the bucket")
	}
}

func TestCephSurvivesKill(t *testing.T) {
	t.Parallel()
	c := testbed.Ceph(t, testbed.CephOptions{Bluestore: true, NoRGW: true})
	if err := asUser(t, c, "kept", "-p", c.Pool, "put", "object", "-"); err != nil {
		t.Fatal(err)
	}
	c.OSD().Kill()
	c.Mon().Kill()
	c.Mon().Restart()
	c.OSD().Restart()
	out := t.TempDir() + "/out"
	if err := asUser(t, c, "", "-p", c.Pool, "get", "object", out); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(out); string(got) != "kept" {
		t.Errorf("after kill -9 of all: %q, %v, want what was put", got, err)
	}
}
