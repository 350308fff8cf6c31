package posix_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/posix"
	"github.com/opensds/gelato/internal/errs"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatalf("MkdirAll: %v", err)
	}
	if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
		t.Fatalf("WriteFile: %v", err)
	}
}

func put(t *testing.T, s *posix.Store, key, content string, o adapters.PutOptions) adapters.Info {
	t.Helper()
	info, err := s.Put(t.Context(), key, strings.NewReader(content), int64(len(content)), o)
	if err != nil {
		t.Fatalf("Put %q: %v", key, err)
	}
	return info
}

func read(t *testing.T, s *posix.Store, key string) (string, adapters.Info, error) {
	t.Helper()
	body, info, err := s.Get(t.Context(), key, adapters.Range{}, "")
	if err != nil {
		return "", info, err
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	return string(b), info, err
}

func list(t *testing.T, s *posix.Store) []string {
	t.Helper()
	var keys []string
	for after := ""; ; {
		page, err := s.List(t.Context(), "", after, 1000)
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		for _, o := range page.Objects {
			keys = append(keys, o.Key)
		}
		if !page.More {
			return keys
		}
		after = keys[len(keys)-1]
	}
}

func TestForeignFilesAreObjects(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, path := range []string{"photos/2024/a.jpg", "photos/b.jpg", "read me.txt", ".hidden"} {
		write(t, filepath.Join(dir, path), "bytes of "+path)
	}
	// None of these is an object, and none does harm.
	if err := os.WriteFile(filepath.Join(dir, "latin1-\xe4"), []byte("x"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o640); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"link": "read me.txt", "dangling": "nowhere", "loop": ".", "photos/up": ".."} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, ".gelato~x/strange"), "x")
	write(t, filepath.Join(dir, ".gelato~gx/plain"), "x")
	write(t, filepath.Join(dir, ".gelato~dplain/x"), "x")

	s := open(t, dir, "", "true")
	want := []string{".hidden", "photos/2024/a.jpg", "photos/b.jpg", "read me.txt"}
	if got := list(t, s); !slices.Equal(got, want) {
		t.Errorf("List = %q, want %q", got, want)
	}
	for _, key := range want {
		if got, info, err := read(t, s, key); err != nil || got != "bytes of "+key || info.CRC64 != nil || info.Metadata != nil {
			t.Errorf("Get %q = %q, %+v, %v, want its bytes and no checksum", key, got, info, err)
		}
	}
	for _, key := range []string{"fifo", "link", "dangling", "photos", "photos/2024", "loop"} {
		if _, err := s.Head(t.Context(), key); !errs.Is(err, errs.NotFound) {
			t.Errorf("Head %q: %v, want %v", key, err, errs.NotFound)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, ".gelato~store")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("reading alone made the hidden folder: %v", err)
	}
	// A file that has to make way for a folder stays the object that it was.
	put(t, s, "read me.txt/below", "new", adapters.PutOptions{})
	if got, _, err := read(t, s, "read me.txt"); err != nil || got != "bytes of read me.txt" {
		t.Errorf("Get of a file that made way = %q, %v", got, err)
	}
	if got := list(t, s); !slices.Equal(got, append(want, "read me.txt/below")) {
		t.Errorf("List = %q, want one key more than %q", got, want)
	}
}

func TestChangesFromOutside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, "", "false")
	first := put(t, s, "k", "written here", adapters.PutOptions{Metadata: map[string]string{"a": "b"}})
	if first.CRC64 == nil {
		t.Fatal("Put gives no CRC64")
	}
	f, err := os.OpenFile(filepath.Join(dir, "k"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("WRITTEN THERE"[:12]); err != nil {
		t.Fatal(err)
	}
	f.Close()
	info, err := s.Head(t.Context(), "k")
	if err != nil || info.ETag == first.ETag || info.CRC64 != nil {
		t.Errorf("Head after a change from outside = %+v, %v, want another ETag and no CRC64", info, err)
	}
	if err := s.Delete(t.Context(), "k", first.ETag); !errs.Is(err, errs.FailedPrecondition) {
		t.Errorf("Delete by the old ETag: %v", err)
	}
	// A file that shrinks under a reader is an error, not an end.
	big := strings.Repeat("x", 300_000)
	put(t, s, "big", big, adapters.PutOptions{})
	for _, copyTo := range []io.Writer{io.Discard, struct{ io.Writer }{io.Discard}, &strings.Builder{}} {
		body, _, err := s.Get(t.Context(), "big", adapters.Range{}, "")
		if err != nil {
			t.Fatalf("Get: %v", err)
		}
		if err := os.Truncate(filepath.Join(dir, "big"), 1000); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(copyTo, body); !errs.Is(err, errs.DataLoss) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Copy of a file that shrinks: %v, want %v", err, errs.DataLoss)
		}
		body.Close()
		put(t, s, "big", big, adapters.PutOptions{})
	}
}

func TestNothingLeadsOut(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	write(t, filepath.Join(outside, "secret"), "secret")
	for name, target := range map[string]string{"out": outside, "file": filepath.Join(outside, "secret"), "rel": "../" + filepath.Base(outside)} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir, "", "true")
	inside := map[string]bool{"file": true, "../" + filepath.Base(outside) + "/secret": true, outside + "/secret": true} // names like any other
	for _, key := range []string{"out/secret", "file", "rel/secret", "../" + filepath.Base(outside) + "/secret", outside + "/secret"} {
		if got, _, err := read(t, s, key); err == nil {
			t.Errorf("Get %q = %q", key, got)
		}
		if err := s.Delete(t.Context(), key, ""); err != nil && errs.CodeOf(err) == errs.Unknown {
			t.Errorf("Delete %q: %v has no code", key, err)
		}
		_, err := s.Put(t.Context(), key, strings.NewReader("changed"), 7, adapters.PutOptions{})
		if linked := strings.HasPrefix(key, "out/") || strings.HasPrefix(key, "rel/"); linked != errs.Is(err, errs.FailedPrecondition) {
			t.Errorf("Put %q: %v, want FailedPrecondition: %v", key, err, linked)
		}
		if page, err := s.List(t.Context(), key, "", 10); err != nil || (len(page.Objects) > 0) != inside[key] {
			t.Errorf("List %q = %v, %v", key, page.Objects, err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(outside, "secret")); err != nil || string(b) != "secret" {
		t.Errorf("outside: %q, %v, want it untouched", b, err)
	}
	if found, err := os.ReadDir(outside); err != nil || len(found) != 1 {
		t.Errorf("outside: %v, %v, want one file", found, err)
	}
}

func TestStaleStagingIsSwept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := time.Now().Add(-25 * time.Hour)
	for name, alive := range map[string]bool{"old-dead": true, "old-without-mark": false, "young": true, "old-alive": true} {
		path := filepath.Join(dir, ".gelato~store/tmp", name)
		write(t, filepath.Join(path, "1"), "staged")
		if alive {
			write(t, filepath.Join(path, "alive"), "")
		}
		if name == "old-alive" {
			f, err := os.Open(filepath.Join(path, "alive"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
				t.Fatal(err)
			}
		}
		if name != "young" {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	open(t, dir, "", "true")
	found, err := os.ReadDir(filepath.Join(dir, ".gelato~store/tmp"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range found {
		names = append(names, e.Name())
	}
	if want := []string{"old-alive", "young"}; !slices.Equal(names, want) {
		t.Errorf("left after Open: %q, want %q", names, want)
	}
}

// TestTwoStores has two stores of one directory, as two processes have, compete: the locks are those of open files, not of the process.
func TestTwoStores(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stores := []*posix.Store{open(t, dir, "", "false"), open(t, dir, "", "false")}
	for round := range 30 {
		key := fmt.Sprintf("k%d", round)
		compete := func(o adapters.PutOptions) {
			var wg sync.WaitGroup
			won := make(chan string, 16)
			for i := range 16 {
				wg.Go(func() {
					body := fmt.Sprintf("writer %02d", i)
					_, err := stores[i%2].Put(t.Context(), key, strings.NewReader(body), -1, o)
					if err == nil {
						won <- body
					} else if !errs.Is(err, errs.AlreadyExists) && !errs.Is(err, errs.FailedPrecondition) {
						t.Errorf("Put: %v", err)
					}
				})
			}
			wg.Wait()
			close(won)
			var winners []string
			for w := range won {
				winners = append(winners, w)
			}
			if got, _, err := read(t, stores[1], key); len(winners) != 1 || err != nil || got != winners[0] {
				t.Errorf("Put %+v: %q won, %q is there (%v)", o, winners, got, err)
			}
		}
		compete(adapters.PutOptions{IfNoneMatch: true})
		info, err := stores[0].Head(t.Context(), key)
		if err != nil {
			t.Fatalf("Head: %v", err)
		}
		compete(adapters.PutOptions{IfMatch: info.ETag})
	}
}
