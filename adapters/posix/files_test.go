package posix_test

import (
	"bytes"
	"context"
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

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/posix"
	"github.com/opensds/gelato/internal/errs"
)

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
	part, err := s.PutPart(ctx, "k", id, 1, strings.NewReader("part"), 4, adapters.Sums{})
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
