//go:build ceph && cgo

package cephrados_test

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/cephrados"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/testbed"
)

// bounded fails the test when a call to a cluster that stands still takes longer than a few timeouts, or ends with an error that says nothing.
func bounded(t *testing.T, what string, do func() error) {
	t.Helper()
	start := time.Now()
	err := do()
	if !errs.Retryable(err) {
		t.Errorf("%s: %v (%v), want a retryable error", what, err, errs.CodeOf(err))
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("%s with a timeout of 2 s took %v", what, took)
	}
}

// patiently repeats what may succeed later, for a minute.
func patiently(t *testing.T, what string, do func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := do()
		if err == nil {
			return
		}
		if !errs.Retryable(err) || time.Now().After(deadline) {
			t.Fatalf("%s after the fault: %v", what, err)
		}
	}
}

// TestOSDGone stops and kills the OSD in the middle of calls: they fail soon, nothing torn becomes visible, and all goes on afterwards.
func TestOSDGone(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(*testbed.CephCluster) }{
		"paused": {func(c *testbed.CephCluster) { c.OSD().Pause() }, func(c *testbed.CephCluster) { c.OSD().Resume() }},
		"killed": {func(c *testbed.CephCluster) { c.OSD().Kill() }, func(c *testbed.CephCluster) { c.OSD().Restart() }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testbed.Ceph(t, testbed.CephOptions{NoRGW: true, Bluestore: true})
			s := open(t, config(c, map[string]string{"timeout": "2", "stripeSize": "1048576"}))
			old, newer := pattern(1, 24<<20), pattern(2, 40<<20)
			put(t, s, "present", old)
			put(t, s, "gone", old)
			upload, err := s.CreateUpload(t.Context(), "upload", adapters.PutOptions{})
			if err != nil {
				t.Fatal(err)
			}
			part, err := s.PutPart(t.Context(), "upload", upload, 1, bytes.NewReader(old), -1, adapters.Sums{})
			if err != nil {
				t.Fatal(err)
			}
			body, _, err := s.Get(t.Context(), "present", adapters.Range{}, "")
			if err != nil {
				t.Fatal(err)
			}
			defer body.Close()
			if _, err := io.ReadFull(body, make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}

			bounded(t, "Put", func() error {
				_, err := s.Put(t.Context(), "present", &hooked{bytes.NewReader(newer), 20 << 20, func() { fault.begin(c) }}, int64(len(newer)), adapters.PutOptions{})
				return err
			})
			// All at once: an OSD of Ceph 16 that stood still for longer than 16 s, its read lease, may keep reads waiting for ever.
			var calls sync.WaitGroup
			fails := func(what string, do func() error) { calls.Go(func() { bounded(t, what, do) }) }
			fails("Put of a new key", func() error {
				_, err := s.Put(t.Context(), "absent", bytes.NewReader(newer), -1, adapters.PutOptions{})
				return err
			})
			fails("Put of a small object", func() error {
				_, err := s.Put(t.Context(), "small", bytes.NewReader(newer[:1000]), 1000, adapters.PutOptions{})
				return err
			})
			fails("Get", func() error { _, err := get(t.Context(), s, "present", adapters.Range{}); return err })
			fails("Read", func() error { _, err := io.Copy(io.Discard, body); return err })
			fails("Head", func() error { _, err := s.Head(t.Context(), "present"); return err })
			fails("List", func() error { _, err := s.List(t.Context(), "", "", 10); return err })
			fails("Delete", func() error { return s.Delete(t.Context(), "gone", "") })
			fails("PutPart", func() error {
				_, err := s.PutPart(t.Context(), "upload", upload, 2, bytes.NewReader(old), -1, adapters.Sums{})
				return err
			})
			fails("CompleteUpload", func() error {
				_, err := s.CompleteUpload(t.Context(), "upload", upload, []adapters.Part{part}, adapters.PutOptions{})
				return err
			})
			calls.Wait()
			// A context ends a call long before the timeout.
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			start := time.Now()
			if _, err := s.Put(ctx, "absent", bytes.NewReader(old), -1, adapters.PutOptions{}); !errs.Is(err, errs.DeadlineExceeded) || time.Since(start) > 5*time.Second {
				t.Errorf("Put with a context of 50 ms: %v after %v", err, time.Since(start))
			}

			fault.end(c)
			patiently(t, "Get", func() error {
				got, err := get(t.Context(), s, "present", adapters.Range{})
				if err == nil && !bytes.Equal(got, old) {
					t.Errorf("Get: %d bytes, want the old ones", len(got))
				}
				return err
			})
			for _, key := range []string{"absent", "gone", "small"} { // the answer was lost, not always the call
				patiently(t, "Get", func() error {
					got, err := get(t.Context(), s, key, adapters.Range{})
					if err == nil && !bytes.Equal(got, old) && !bytes.Equal(got, newer) && !bytes.Equal(got, newer[:1000]) {
						t.Errorf("Get %q: %d bytes, want none or all", key, len(got))
					}
					if errs.Is(err, errs.NotFound) {
						return nil
					}
					return err
				})
			}
			patiently(t, "CompleteUpload", func() error {
				info, err := s.CompleteUpload(t.Context(), "upload", upload, []adapters.Part{part}, adapters.PutOptions{})
				if err == nil && info.Size != int64(len(old)) {
					t.Errorf("CompleteUpload: %d bytes, want %d", info.Size, len(old))
				}
				return err
			})
			patiently(t, "Put", func() error {
				_, err := s.Put(t.Context(), "present", bytes.NewReader(newer), -1, adapters.PutOptions{})
				return err
			})
			patiently(t, "sweep", func() error {
				return cephrados.Sweep(t.Context(), s, time.Now().Add(cephrados.LeaseTime+cephrados.GraceTime))
			})
			if left := cephrados.Unreferenced(t, s); len(left) > 0 {
				t.Errorf("left over: %q, want nothing", left)
			}
		})
	}
}

// TestMonitorGone stops the monitor: who is connected goes on, nobody else gets in, and it ends soon.
func TestMonitorGone(t *testing.T) {
	t.Parallel()
	c := testbed.Ceph(t, testbed.CephOptions{NoRGW: true})
	conf := config(c, map[string]string{"timeout": "2"})
	s := open(t, conf)
	b := pattern(1, 9<<20)
	put(t, s, "before", b)
	c.Mon().Kill()
	put(t, s, "after", b)
	wantObject(t, s, "before", b)
	if page, err := s.List(t.Context(), "", "", 10); err != nil || len(page.Objects) != 2 {
		t.Errorf("List without a monitor: %d objects, %v, want 2", len(page.Objects), err)
	}
	bounded(t, "Open", func() error { _, err := cephrados.Open(t.Context(), conf, adapters.Deps{}); return err })
	c.Mon().Restart()
	wantObject(t, open(t, conf), "after", b)
	c.Mon().Pause()
	bounded(t, "Open", func() error { _, err := cephrados.Open(t.Context(), conf, adapters.Deps{}); return err })
	c.Mon().Resume()
	wantObject(t, open(t, conf), "after", b)
}
