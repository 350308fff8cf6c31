//go:build ceph && cgo

package cephrados_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/cephrados"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/testbed"
)

// another key of the right form.
const strangeKey = "AQCKl6FoAAAAABAA7Q2tHhC6zJ0yqk2Tn4yK5A=="

// ceph gives a command to the shared cluster's monitor.
func ceph(t *testing.T, c *testbed.CephCluster, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "ceph", append([]string{"-c", c.ConfPath}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("ceph %q: %v\n%s", args, err, out)
	}
}

func TestOpenRefused(t *testing.T) {
	t.Parallel()
	c := shared.Get(t)
	ceph(t, c, "osd", "pool", "create", "elsewhere", "1", "1", "replicated")
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	for _, tt := range []struct {
		name   string
		change func(*adapters.Config)
		want   errs.Code
		reason string
		says   string
	}{
		{"wrong key", func(c *adapters.Config) { c.Security = strangeKey }, errs.Unauthenticated, "security", "user and its key"},
		{"unknown user", func(c *adapters.Config) { c.Access = "nobody" }, errs.Unauthenticated, "security", "user and its key"},
		{"no such pool", func(c *adapters.Config) { c.BucketName = "absent" }, errs.FailedPrecondition, "bucketName", `"absent"`},
		{"a pool of others", func(c *adapters.Config) { c.BucketName = "elsewhere" }, errs.PermissionDenied, "", "may not"},
		{"no monitor", func(c *adapters.Config) { c.Endpoint = free.Addr().String() }, errs.Unavailable, "endpoint", "no monitor"},
		{"a monitor that hangs", func(c *adapters.Config) { c.Endpoint = silent.Addr().String() }, errs.Unavailable, "endpoint", "no monitor"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			conf := config(c, map[string]string{"timeout": "2"})
			tt.change(&conf)
			start := time.Now()
			s, err := cephrados.Open(t.Context(), conf, adapters.Deps{})
			if err == nil {
				s.Close()
			}
			if !errs.Is(err, tt.want) || errs.ReasonOf(err) != tt.reason || !strings.Contains(errs.Public(err), tt.says) {
				t.Errorf("Open: %v (%v, %q), want %v because of %q that says %s", err, errs.CodeOf(err), errs.ReasonOf(err), tt.want, tt.reason, tt.says)
			}
			if took := time.Since(start); took > 8*time.Second {
				t.Errorf("Open with a timeout of 2 s took %v", took)
			}
			if err != nil && strings.Contains(err.Error(), conf.Security) {
				t.Errorf("the error tells the key: %v", err)
			}
		})
	}
	t.Run("context ends", func(t *testing.T) {
		t.Parallel()
		conf := config(c, nil)
		conf.Endpoint = silent.Addr().String()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := cephrados.Open(ctx, conf, adapters.Deps{}); !errs.Is(err, errs.DeadlineExceeded) || time.Since(start) > 5*time.Second {
			t.Errorf("Open after %v: %v, want %v", time.Since(start), err, errs.DeadlineExceeded)
		}
	})
}

// TestReader opens a pool as a user who may only read it.
func TestReader(t *testing.T) {
	t.Parallel()
	c := shared.Get(t)
	conf := config(c, nil)
	b := pattern(1, 5<<20)
	put(t, open(t, conf), "key", b)
	key, err := exec.CommandContext(t.Context(), "ceph", "-c", c.ConfPath, "auth", "get-or-create-key", "client.reader", "mon", "allow r", "osd", "allow r pool="+c.Pool).Output()
	if err != nil {
		t.Fatal(err)
	}
	conf.Access, conf.Security = "reader", strings.TrimSpace(string(key))
	conf.Options["readOnly"] = "true"
	s := open(t, conf)
	wantObject(t, s, "key", b)
	if page, err := s.List(t.Context(), "", "", 10); err != nil || len(page.Objects) != 1 {
		t.Errorf("List = %+v, %v, want one object", page, err)
	}
	if _, err := s.Put(t.Context(), "key", strings.NewReader("x"), 1, adapters.PutOptions{}); !errs.Is(err, errs.PermissionDenied) {
		t.Errorf("Put: %v, want %v", err, errs.PermissionDenied)
	}
	if err := s.Delete(t.Context(), "key", ""); !errs.Is(err, errs.PermissionDenied) {
		t.Errorf("Delete: %v, want %v", err, errs.PermissionDenied)
	}
	conf.Options["namespace"] = rand.Text() // where nothing was ever written
	s = open(t, conf)
	if page, err := s.List(t.Context(), "", "", 10); err != nil || len(page.Objects) != 0 {
		t.Errorf("List of nothing = %+v, %v", page, err)
	}
	if _, err := s.Head(t.Context(), "key"); !errs.Is(err, errs.NotFound) {
		t.Errorf("Head where nothing is: %v, want %v", err, errs.NotFound)
	}
}

func TestIndexShards(t *testing.T) {
	t.Parallel()
	conf := config(shared.Get(t), map[string]string{"indexShards": "5"})
	s := open(t, conf)
	put(t, s, "key", []byte("bytes"))
	conf.Options["indexShards"] = "6"
	if _, err := cephrados.Open(t.Context(), conf, adapters.Deps{}); !errs.Is(err, errs.FailedPrecondition) || errs.ReasonOf(err) != "options.indexShards" {
		t.Errorf("Open with another number of shards: %v, want %v", err, errs.FailedPrecondition)
	}
	delete(conf.Options, "indexShards")
	wantObject(t, open(t, conf), "key", []byte("bytes"))
}

// TestFirstWriters has stores with different settings write at once into a namespace where nothing is: one number of shards wins.
func TestFirstWriters(t *testing.T) {
	t.Parallel()
	conf := config(shared.Get(t), nil)
	namespace := conf.Options["namespace"]
	const writers = 6
	stores := make([]*cephrados.Store, writers)
	for i := range stores {
		conf.Options = map[string]string{"namespace": namespace, "indexShards": fmt.Sprint(1 + i%3)}
		stores[i] = open(t, conf)
	}
	results := make(chan error, writers)
	for i, s := range stores {
		go func() {
			_, err := s.Put(t.Context(), fmt.Sprintf("key %d", i), strings.NewReader("x"), 1, adapters.PutOptions{})
			results <- err
		}()
	}
	stored := 0
	for range writers {
		if err := <-results; err == nil {
			stored++
		} else if !errs.Is(err, errs.FailedPrecondition) {
			t.Errorf("Put: %v, want success or %v", err, errs.FailedPrecondition)
		}
	}
	conf.Options = map[string]string{"namespace": namespace}
	page, err := open(t, conf).List(t.Context(), "", "", 100)
	if err != nil || len(page.Objects) != stored || stored == 0 {
		t.Errorf("List: %d objects, %v, want the %d that were stored", len(page.Objects), err, stored)
	}
}
