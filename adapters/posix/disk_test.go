package posix_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
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

func sidecars(t *testing.T, dir string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, ".gelato~store/meta/*/*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func TestSidecars(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, "", "true")
	big := map[string]string{"big": strings.Repeat("ü", 40_000)} // more than an attribute takes on any file system
	check := func(s *posix.Store, want int) {
		t.Helper()
		info, err := s.Head(t.Context(), "k")
		if err != nil || !maps.Equal(info.Metadata, big) || info.CRC64 == nil {
			t.Errorf("Head = %d metadata, CRC64 %v, %v", len(info.Metadata["big"]), info.CRC64, err)
		}
		if got := sidecars(t, dir); got != want {
			t.Errorf("%d sidecars, want %d", got, want)
		}
	}
	put(t, s, "k", "1", adapters.PutOptions{Metadata: big})
	check(s, 1)
	put(t, s, "k", "2", adapters.PutOptions{Metadata: big})
	check(s, 1)
	put(t, s, "other", "2", adapters.PutOptions{Metadata: big})
	other := open(t, dir, "", "true")
	check(other, 2)
	if err := other.Delete(t.Context(), "other", ""); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	check(s, 1)
	if _, err := s.Put(t.Context(), "k", strings.NewReader("3"), 1, adapters.PutOptions{Metadata: big, IfMatch: "stale"}); !errs.Is(err, errs.FailedPrecondition) {
		t.Errorf("Put: %v", err)
	}
	check(s, 1)
	put(t, s, "k", "4", adapters.PutOptions{})
	if got := sidecars(t, dir); got != 0 {
		t.Errorf("%d sidecars after all are gone", got)
	}
}

// readerFrom notes what io.Copy hands to it.
type readerFrom struct {
	bytes.Buffer
	from []io.Reader
}

func (r *readerFrom) ReadFrom(src io.Reader) (int64, error) {
	r.from = append(r.from, src)
	return r.Buffer.ReadFrom(src)
}

func TestBodiesAreSentFromTheFile(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), "", "false")
	content := strings.Repeat("0123456789", 30_000)
	put(t, s, "k", content, adapters.PutOptions{})
	body, _, err := s.Get(t.Context(), "k", adapters.Range{Offset: 5, Length: 200_000}, "")
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	defer body.Close()
	var w readerFrom
	if n, err := io.Copy(&w, body); err != nil || n != 200_000 || w.String() != content[5:200_005] {
		t.Errorf("Copy = %d, %v", n, err)
	}
	if len(w.from) != 1 {
		t.Fatalf("Copy used ReadFrom %d times, want once", len(w.from))
	}
	if l, ok := w.from[0].(*io.LimitedReader); !ok {
		t.Errorf("Copy gave %T, want what net.TCPConn makes sendfile of", w.from[0])
	} else if _, ok := l.R.(*os.File); !ok {
		t.Errorf("Copy gave a limited %T, want what net.TCPConn makes sendfile of", l.R)
	}

	// The same over a real connection.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		c, err := l.Accept()
		if err != nil {
			t.Errorf("Accept: %v", err)
			return
		}
		defer c.Close()
		body, _, err := s.Get(t.Context(), "k", adapters.Range{}, "")
		if err != nil {
			t.Errorf("Get: %v", err)
			return
		}
		defer body.Close()
		if _, err := io.Copy(c, body); err != nil {
			t.Errorf("Copy: %v", err)
		}
	})
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := io.ReadAll(c); err != nil || string(got) != content {
		t.Errorf("read %d bytes, %v, want %d", len(got), err, len(content))
	}
}

func TestBodiesEndWithTheirContext(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), "", "false")
	put(t, s, "k", strings.Repeat("x", 100_000), adapters.PutOptions{})
	for _, w := range []io.Writer{io.Discard, &readerFrom{}} {
		ctx, cancel := context.WithCancel(t.Context())
		body, _, err := s.Get(ctx, "k", adapters.Range{}, "")
		if err != nil {
			t.Fatalf("Get: %v", err)
		}
		cancel()
		if n, err := io.Copy(w, body); n != 0 || !errs.Is(err, errs.Canceled) {
			t.Errorf("Copy after the context ended = %d, %v, want %v", n, err, errs.Canceled)
		}
		if n, err := body.Read(make([]byte, 10)); n != 0 || !errs.Is(err, errs.Canceled) {
			t.Errorf("Read after the context ended = %d, %v, want %v", n, err, errs.Canceled)
		}
		body.Close()
	}
}

func TestLargeFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o750); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 40_000 { // more than two windows
		name := fmt.Sprintf("d/%05d", i*7%40_000)
		if i%1000 == 0 {
			name += "/x"
		}
		write(t, filepath.Join(dir, name), "")
		want = append(want, name)
	}
	slices.Sort(want)
	s := open(t, dir, "", "true")
	past := time.Now().Add(-time.Hour)
	for range 2 { // the second time from memory
		if err := os.Chtimes(filepath.Join(dir, "d"), past, past); err != nil {
			t.Fatal(err)
		}
		if got := list(t, s); !slices.Equal(got, want) {
			t.Errorf("List: %d keys, want %d", len(got), len(want))
		}
	}
	// What changes afterwards is seen, by whomever it is done.
	write(t, filepath.Join(dir, "d/00000a"), "")
	if err := os.Remove(filepath.Join(dir, "d/39999")); err != nil {
		t.Fatal(err)
	}
	put(t, s, "d/20000a", "", adapters.PutOptions{})
	want = slices.DeleteFunc(append(want, "d/00000a", "d/20000a"), func(k string) bool { return k == "d/39999" })
	slices.Sort(want)
	if got := list(t, s); !slices.Equal(got, want) {
		t.Errorf("List after changes: %d keys, want %d", len(got), len(want))
	}
}

func TestUploadsOutliveTheProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx := t.Context()
	s, err := posix.Open(ctx, adapters.Config{BucketName: dir}, adapters.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.CreateUpload(ctx, "k", adapters.PutOptions{Metadata: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatalf("CreateUpload: %v", err)
	}
	part, err := s.PutPart(ctx, "k", id, 1, strings.NewReader("part"), 4, nil)
	if err != nil {
		t.Fatalf("PutPart: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	// What a crash between the last two steps of completing leaves behind: the object and the upload.
	kept := t.TempDir()
	uploads := filepath.Join(dir, ".gelato~store/uploads")
	if err := os.CopyFS(kept, os.DirFS(uploads)); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, "", "true")
	parts := []adapters.Part{part}
	first, err := s.CompleteUpload(ctx, "k", id, parts, adapters.PutOptions{IfNoneMatch: true})
	if err != nil || first.Metadata["a"] != "b" {
		t.Fatalf("CompleteUpload = %+v, %v", first, err)
	}
	if err := os.CopyFS(uploads, os.DirFS(kept)); err != nil {
		t.Fatal(err)
	}
	again, err := s.CompleteUpload(ctx, "k", id, parts, adapters.PutOptions{IfNoneMatch: true})
	if err != nil || again.ETag != first.ETag {
		t.Errorf("CompleteUpload after a crash = ETag %q, %v, want %q", again.ETag, err, first.ETag)
	}
	if open, err := s.ListUploads(ctx, "", 10); err != nil || len(open) != 0 {
		t.Errorf("ListUploads = %+v, %v, want none", open, err)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "")
	for _, c := range []struct {
		name   string
		config adapters.Config
		want   errs.Code
		reason string
	}{
		{"relative", adapters.Config{BucketName: "data"}, errs.InvalidArgument, "bucketName"},
		{"none", adapters.Config{}, errs.InvalidArgument, "bucketName"},
		{"roundabout", adapters.Config{BucketName: dir + "/../x"}, errs.InvalidArgument, "bucketName"},
		{"absent", adapters.Config{BucketName: dir + "/absent"}, errs.NotFound, "bucketName"},
		{"file", adapters.Config{BucketName: dir + "/file"}, errs.FailedPrecondition, "bucketName"},
		{"sync", adapters.Config{BucketName: dir, Options: map[string]string{"sync": "maybe"}}, errs.InvalidArgument, "options.sync"},
	} {
		_, err := posix.Open(t.Context(), c.config, adapters.Deps{})
		if errs.CodeOf(err) != c.want || errs.ReasonOf(err) != c.reason {
			t.Errorf("Open %s: %v (%v, %q), want %v, %q", c.name, err, errs.CodeOf(err), errs.ReasonOf(err), c.want, c.reason)
		}
	}
}
