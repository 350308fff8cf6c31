//go:build ceph && cgo

package cephrados_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/cephrados"
	"github.com/opensds/gelato/internal/errs"
)

// What a process of its own does, in place of the tests, is in childEnv, and where in childConfigEnv.
const childEnv, childConfigEnv = "CEPHRADOS_TEST_CHILD", "CEPHRADOS_TEST_CONFIG"

// child is a process that does something in a place.
func child(t *testing.T, what string, c adapters.Config) *exec.Cmd {
	t.Helper()
	conf, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+what, childConfigEnv+"="+string(conf))
	cmd.Stderr = os.Stderr
	return cmd
}

// beChild is what a child's main does.
func beChild(what string) error {
	var c adapters.Config
	if err := json.Unmarshal([]byte(os.Getenv(childConfigEnv)), &c); err != nil {
		return err
	}
	s, err := cephrados.Open(context.Background(), c, adapters.Deps{})
	if err != nil {
		return err
	}
	defer s.Close()
	return map[string]func(context.Context, *cephrados.Store) error{"write": childWrites, "remember": childRemembers, "flip": childFlips}[what](context.Background(), s)
}

// childWrites begins an object and a part, says so, and never ends.
func childWrites(ctx context.Context, s *cephrados.Store) error {
	id, err := s.CreateUpload(ctx, "upload", adapters.PutOptions{})
	if err != nil {
		return err
	}
	b := pattern(3, 12<<20)
	waiting := func() io.Reader {
		return &hooked{bytes.NewReader(b), 10 << 20, func() {
			fmt.Println("begun")
			select {}
		}}
	}
	go s.Put(ctx, "present", waiting(), int64(len(b)), adapters.PutOptions{})
	_, err = s.PutPart(ctx, "upload", id, 1, waiting(), -1, adapters.Sums{})
	return err
}

// TestWriterKilled kills a process in the middle of writes: nothing of them is visible, and what it left is removed once its intents have run out, not before.
func TestWriterKilled(t *testing.T) {
	t.Parallel()
	conf := config(shared.Get(t), map[string]string{"stripeSize": "1048576"})
	s := open(t, conf)
	put(t, s, "present", []byte("old"))
	cmd := child(t, "write", conf)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for begun := 0; begun < 2 && lines.Scan(); {
		begun += strings.Count(lines.Text(), "begun")
	}
	// Its pieces are under way: some of them, at least, must arrive.
	for deadline := time.Now().Add(time.Minute); len(cephrados.Unreferenced(t, s)) < 8; {
		if time.Now().After(deadline) {
			t.Fatal("the child writes nothing")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed

	wantObject(t, s, "present", []byte("old"))
	if err := cephrados.Sweep(t.Context(), s, time.Now().Add(cephrados.LeaseTime/2)); err != nil {
		t.Fatal(err)
	}
	if left := cephrados.Unreferenced(t, s); len(left) < 8 {
		t.Errorf("a sweep before its time left %q", left)
	}
	wantNothingLeft(t, s, cephrados.LeaseTime+2*time.Minute)
	wantObject(t, s, "present", []byte("old"))
	if uploads, err := s.ListUploads(t.Context(), "", 10); err != nil || len(uploads) != 1 {
		t.Errorf("ListUploads = %+v, %v, want the one of the child", uploads, err)
	}
}

// TestSweeperStopped stops a sweep in the middle of what a dead writer left: the next one removes the rest.
func TestSweeperStopped(t *testing.T) {
	t.Parallel()
	s := open(t, config(shared.Get(t), map[string]string{"stripeSize": "65536"}))
	const stripes = 60
	cephrados.LeaveIntent(t, s, stripes)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	late := time.Now().Add(cephrados.LeaseTime + 2*time.Minute)
	swept := make(chan error, 1)
	go func() { swept <- s.SweepNow(ctx, late) }()
	for left := stripes; left > stripes/2; {
		left = 0
		for _, name := range cephrados.Unreferenced(t, s) {
			if strings.HasPrefix(name, "gelato.data.") {
				left++
			}
		}
	}
	cancel()
	if err := <-swept; err == nil {
		t.Log("the sweep was through before it was stopped")
	}
	wantNothingLeft(t, s, cephrados.LeaseTime+2*time.Minute)
}

// TestWriterTooLate has a sweep take the intent of a writer who still is at work: the write fails, and nothing of it is there.
func TestWriterTooLate(t *testing.T) {
	t.Parallel()
	s := open(t, config(shared.Get(t), nil))
	put(t, s, "key", []byte("old"))
	late := func() {
		if err := s.SweepNow(t.Context(), time.Now().Add(cephrados.LeaseTime+2*time.Minute)); err != nil {
			t.Error(err)
		}
	}
	b := pattern(1, 10<<20)
	_, err := s.Put(t.Context(), "key", &hooked{bytes.NewReader(b), 9 << 20, late}, int64(len(b)), adapters.PutOptions{})
	if !errs.Is(err, errs.Unavailable) {
		t.Errorf("Put that was given up: %v, want %v", err, errs.Unavailable)
	}
	id, err := s.CreateUpload(t.Context(), "upload", adapters.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutPart(t.Context(), "upload", id, 1, &hooked{bytes.NewReader(b), 9 << 20, late}, -1, adapters.Sums{}); !errs.Is(err, errs.Unavailable) {
		t.Errorf("PutPart that was given up: %v, want %v", err, errs.Unavailable)
	}
	wantObject(t, s, "key", []byte("old"))
	if err := s.AbortUpload(t.Context(), "upload", id); err != nil {
		t.Error(err)
	}
	wantNothingLeft(t, s, cephrados.LeaseTime+2*time.Minute)
}

// TestReaderTooLate removes what is being read: the reader hears so.
func TestReaderTooLate(t *testing.T) {
	t.Parallel()
	s := open(t, config(shared.Get(t), map[string]string{"stripeSize": "65536"}))
	b := pattern(1, 4<<20)
	put(t, s, "key", b)
	body, _, err := s.Get(t.Context(), "key", adapters.Range{}, "")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if _, err := io.ReadFull(body, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	put(t, s, "key", []byte("newer"))
	if err := cephrados.Sweep(t.Context(), s, time.Now().Add(cephrados.GraceTime/2)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, body, 1<<20); err != nil {
		t.Errorf("Read within the grace time: %v", err)
	}
	wantNothingLeft(t, s, cephrados.GraceTime+time.Minute)
	if _, err := io.Copy(io.Discard, body); !errs.Is(err, errs.NotFound) {
		t.Errorf("Read of bytes that are gone: %v, want %v", err, errs.NotFound)
	}
}

// childRemembers stores and reads a large and a much larger object and says how much memory that took at most.
func childRemembers(ctx context.Context, s *cephrados.Store) error {
	for _, size := range []int64{160 << 20, 640 << 20} {
		if _, err := s.Put(ctx, "big", io.LimitReader(endless{}, size), -1, adapters.PutOptions{}); err != nil {
			return err
		}
		body, _, err := s.Get(ctx, "big", adapters.Range{}, "")
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, body)
		body.Close()
		if err != nil || n != size {
			return fmt.Errorf("read %d of %d bytes: %w", n, size, err)
		}
		status, err := os.ReadFile("/proc/self/status")
		if err != nil {
			return err
		}
		_, after, _ := strings.Cut(string(status), "VmHWM:")
		fmt.Println("peak", strings.Fields(after)[0])
	}
	return nil
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestMemory(t *testing.T) {
	t.Parallel()
	out, err := child(t, "remember", config(shared.Get(t), nil)).Output()
	if err != nil {
		t.Fatalf("child: %v\n%s", err, out)
	}
	var peaks []int
	for line := range strings.Lines(string(out)) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "peak "); ok {
			kib, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			peaks = append(peaks, kib>>10)
		}
	}
	if len(peaks) != 2 {
		t.Fatalf("the child says %s", out)
	}
	t.Logf("peaks: %d MiB after 160 MiB, %d MiB after 640 MiB", peaks[0], peaks[1])
	if peaks[1] > 400 { // buffers of 64 MiB, as much again in librados, what Go has not collected yet, the race detector
		t.Errorf("peak of %d MiB, want 400 at most", peaks[1])
	}
}
