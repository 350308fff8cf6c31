package clients

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/testbed/s3lite"
)

const bigBytes = 200 << 20

func TestClients(t *testing.T) {
	t.Parallel()
	e := newTarget(t)
	big := filepath.Join(t.TempDir(), "big")
	sum := writeRandom(t, big, bigBytes)
	for name, start := range map[string]func(*testing.T, target) tool{"awscli": newAwscli, "s3cmd": newS3cmd, "rclone": newRclone, "boto3": newBoto3} {
		t.Run(name, func(t *testing.T) { exercise(t, e, start(t, e), name+"-bucket", big, sum) })
	}
}

// exercise does with one client what people do with it.
func exercise(t *testing.T, e target, c tool, bucket, big string, bigSum [32]byte) {
	raw, err := s3lite.New(e.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	fetched := filepath.Join(dir, "fetched")
	c.mkbucket(bucket)

	small := map[string][]byte{
		"plain.txt":                  []byte("hello\n"),
		"empty":                      {},
		"dir/a b+c&d=e.txt":          []byte("blanks, plus and ampersand"),
		"dir/ünï/日本語.txt":            []byte("unicode"),
		"dir/100%25 'quoted' (1).md": bytes.Repeat([]byte("0123456789abcdef"), 4096),
	}
	for key, body := range small {
		file := filepath.Join(dir, "up")
		if err := os.WriteFile(file, body, 0o600); err != nil {
			t.Fatal(err)
		}
		c.put(file, bucket, key)
		if err := c.get(bucket, key, fetched); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(fetched); err != nil || !bytes.Equal(got, body) {
			t.Errorf("get %q: %d bytes, %v, want the %d put", key, len(got), err, len(body))
		}
		os.Remove(fetched)
	}
	wantKeys := func(prefix string, want ...string) {
		t.Helper()
		got := c.list(bucket, prefix)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("list %q: got %q, want %q", prefix, got, want)
		}
	}
	wantKeys("", "dir/100%25 'quoted' (1).md", "dir/a b+c&d=e.txt", "dir/ünï/日本語.txt", "empty", "plain.txt")
	wantKeys("dir/", "dir/100%25 'quoted' (1).md", "dir/a b+c&d=e.txt", "dir/ünï/日本語.txt")

	wantBig := func(key string) {
		t.Helper()
		if err := c.get(bucket, key, fetched); err != nil {
			t.Fatal(err)
		}
		if got := hashFile(t, fetched); got != bigSum {
			t.Errorf("get %s: other bytes than were put", key)
		}
		os.Remove(fetched)
	}
	c.put(big, bucket, "big")
	h, err := raw.Head(t.Context(), bucket, "big")
	if err != nil {
		t.Fatal(err)
	}
	if etag := h.Get("ETag"); !strings.Contains(etag, "-") && !isRclone(c) {
		t.Errorf("ETag of 200 MiB: got %s, want that of a multipart upload", etag)
	}
	wantBig("big")
	c.copy(bucket, "big", "big copy")
	wantBig("big copy")
	c.copy(bucket, "dir/a b+c&d=e.txt", "copied/ü+ .txt")
	wantKeys("copied/", "copied/ü+ .txt")

	url := c.presign(bucket, "dir/a b+c&d=e.txt")
	if url != "" {
		wantPresigned(t, url, small["dir/a b+c&d=e.txt"])
	}

	for _, key := range append(c.list(bucket, ""), "was never there") {
		if key == "was never there" && isRclone(c) {
			continue // it looks first, and refuses
		}
		c.delete(bucket, key)
	}
	if err := c.get(bucket, "plain.txt", fetched); err == nil {
		if _, err := os.Stat(fetched); err == nil { // rclone takes what is absent for an empty directory
			t.Error("get of a deleted object succeeded")
		}
	}
	if url != "" {
		if status, _ := fetch(t, url); status != http.StatusNotFound {
			t.Errorf("presigned GET of a deleted object: got %d, want 404", status)
		}
	}
	c.rmbucket(bucket)
	if _, err := raw.Head(t.Context(), bucket, ""); s3lite.Status(err) != http.StatusNotFound {
		t.Errorf("head of the removed bucket: got %v, want 404", err)
	}
}

func isRclone(c tool) bool { _, is := c.(rclone); return is }

// wantPresigned fetches a URL without credentials, then with its signature spoilt.
func wantPresigned(t *testing.T, url string, want []byte) {
	t.Helper()
	if status, body := fetch(t, url); status != http.StatusOK || !bytes.Equal(body, want) {
		t.Errorf("presigned GET %s: got %d %q, want 200 %q", url, status, body, want)
	}
	i := strings.Index(url, "Signature=") + len("Signature=")
	spoilt := url[:i] + map[bool]string{true: "b", false: "a"}[url[i] == 'a'] + url[i+1:]
	if status, _ := fetch(t, spoilt); status != http.StatusForbidden {
		t.Errorf("presigned GET with a spoilt signature: got %d, want 403", status)
	}
}

func fetch(t *testing.T, url string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

// A second sync finds nothing to do, in either direction, and what came back is what went.
func TestAwsSync(t *testing.T) {
	t.Parallel()
	e := newTarget(t)
	c := newAwscli(t, e).(awscli)
	c.mkbucket("sync-bucket")
	up, down := writeTree(t), t.TempDir()
	if out := c.must("s3", "sync", "--no-progress", up, "s3://sync-bucket/tree"); !strings.Contains(out, "upload:") {
		t.Errorf("first sync uploaded nothing: %s", out)
	}
	if out := c.must("s3", "sync", "--no-progress", up, "s3://sync-bucket/tree"); out != "" {
		t.Errorf("second sync found a difference:\n%s", out)
	}
	c.must("s3", "sync", "--no-progress", "s3://sync-bucket/tree", down)
	if out := c.must("s3", "sync", "--no-progress", "s3://sync-bucket/tree", down); out != "" {
		t.Errorf("second sync down found a difference:\n%s", out)
	}
	wantSameTree(t, up, down)
}

// rclone compares names, sizes and hashes, then every byte.
func TestRcloneCheck(t *testing.T) {
	t.Parallel()
	e := newTarget(t)
	c := newRclone(t, e).(rclone)
	tree := writeTree(t)
	c.must("copy", tree, "t:check-bucket/tree")
	c.must("check", tree, "t:check-bucket/tree")
	c.must("check", "--download", tree, "t:check-bucket/tree")
	log := filepath.Join(t.TempDir(), "log")
	c.must("sync", "-v", "--log-file", log, tree, "t:check-bucket/tree")
	if text, err := os.ReadFile(log); err != nil || !bytes.Contains(text, []byte("There was nothing to transfer")) {
		t.Errorf("second sync found a difference: %v\n%s", err, text)
	}
	if err := os.WriteFile(filepath.Join(tree, "d1", "f3"), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.run("check", tree, "t:check-bucket/tree"); err == nil || !strings.Contains(err.Error(), "1 differences found") {
		t.Errorf("check after a change: got %v, want 1 difference", err)
	}
}

// writeTree makes 60 files in nested directories, one of them large enough for multipart.
func writeTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i := range 60 {
		sub := filepath.Join(dir, fmt.Sprintf("d%d", i%4), strings.Repeat("x/", i%3))
		if err := os.MkdirAll(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		size := int64(i * 97)
		if i == 7 {
			size = 20 << 20
		}
		writeRandom(t, filepath.Join(sub, fmt.Sprintf("f%d", i)), size)
	}
	writeRandom(t, filepath.Join(dir, "d1", "f3"), 5)
	return dir
}

func wantSameTree(t *testing.T, a, b string) {
	t.Helper()
	count := 0
	err := filepath.WalkDir(a, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		count++
		rel, err := filepath.Rel(a, path)
		if err != nil {
			return err
		}
		if hashFile(t, path) != hashFile(t, filepath.Join(b, rel)) {
			t.Errorf("%s differs", rel)
		}
		return nil
	})
	if err != nil || count < 60 {
		t.Errorf("compared %d files, %v", count, err)
	}
}

// writeRandom writes a file of bytes that do not compress and returns their SHA-256.
func writeRandom(t *testing.T, path string, size int64) [32]byte {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(f, h), rand.NewChaCha8(sha256.Sum256([]byte(filepath.Base(path)))), size); err != nil {
		t.Fatal(err)
	}
	return [32]byte(h.Sum(nil))
}

func hashFile(t *testing.T, path string) [32]byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return [32]byte(h.Sum(nil))
}
