package matrix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/obstranslator"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

const native = "store" // the native bucket of a store that has such

// servers starts the real stores: those that make pairs with one another, and those that make them with the first one only.
// A pair writes bytes of objects three times, and what is deleted stays in Ceph for some minutes.
func servers(t *testing.T, bytes int64) (all, others []*store) {
	ceph := testbed.Ceph(t, testbed.CephOptions{Bytes: 32 * bytes})
	secure := s3OfCeph(t, ceph, "fusionstorage-v2", "fusionstorage-object", map[string]string{"signature": "v2", "caFile": ceph.CAFile})
	secure.backend["endpoint"] = ceph.SecureEndpoint
	all = []*store{posix(t), s3(t), s3OfCeph(t, ceph, "rgw", "ceph-s3", nil), rados(t, ceph), azure(t)}
	return all, []*store{
		secure, s3OfCeph(t, ceph, "fusionstorage-v4", "fusionstorage-object", map[string]string{"signature": "v4"}),
		s3OfCeph(t, ceph, "obs-v4", "hw-obs", map[string]string{"signature": "v4"}), obs(t),
	}
}

func posix(t *testing.T) *store {
	dir := t.TempDir()
	return &store{name: "posix", own: files(dir), backend: map[string]any{"type": "posix", "bucketName": dir, "options": map[string]string{"sync": "false"}}}
}

func s3(t *testing.T) *store {
	server := testbed.Versity(t, testbed.VersityOptions{ExtraOptions: []string{"--keep-alive"}})
	server.CreateBucket(native)
	return &store{name: "s3", own: newS3cmd(t, server.S3(), native), backend: map[string]any{"type": "aws-s3", "endpoint": server.Endpoint, "region": server.Region,
		"bucketName": native, "access": server.Access, "security": server.Secret, "options": map[string]string{"pathStyle": "true"}}}
}

// obs is an S3 server that speaks the dialect of OBS. Its own client goes to the server.
func obs(t *testing.T) *store {
	at := s3(t)
	upstream := at.own.(s3cmd).endpoint
	translator := obstranslator.Start(t, upstream)
	at.name = "obs"
	at.backend = map[string]any{"type": "hw-obs", "endpoint": translator.Endpoint, "bucketName": native, "access": obstranslator.Access, "security": obstranslator.Secret}
	return at
}

// files are what is below a directory.
type files string

func (f files) list(_ context.Context, bucket string) (map[string]int64, error) {
	found := map[string]int64{}
	err := filepath.WalkDir(filepath.Join(string(f), bucket), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if errors.Is(err, fs.ErrNotExist) {
				err = nil // the whole bucket, or a folder that was emptied meanwhile
			}
			return err
		}
		info, err := d.Info()
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return err
		}
		key, err := filepath.Rel(string(f), path)
		found[key] = info.Size()
		return err
	})
	return found, err
}

func (f files) read(_ context.Context, key string, w io.Writer) error {
	file, err := os.Open(filepath.Join(string(f), key))
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(w, file)
	return err
}

// s3cmd is that program with its configuration, for one bucket.
type s3cmd struct {
	endpoint          s3lite.Endpoint
	path, config, url string
}

func newS3cmd(t *testing.T, e s3lite.Endpoint, bucket string) s3cmd {
	t.Helper()
	c := s3cmd{e, testbed.Binary(t, "venv/bin/s3cmd"), filepath.Join(t.TempDir(), "s3cfg"), "s3://" + bucket + "/"}
	text := fmt.Sprintf("[default]\naccess_key = %s\nsecret_key = %s\nhost_base = %s\nhost_bucket = %[3]s\nbucket_location = %s\nuse_https = False\nmax_retries = 1\n",
		e.Access, e.Secret, strings.TrimPrefix(e.URL, "http://"), e.Region)
	if err := os.WriteFile(c.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c s3cmd) run(ctx context.Context, w io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, c.path, append([]string{"--config", c.config, "--no-progress"}, args...)...)
	cmd.Env = []string{"HOME=" + filepath.Dir(c.config), "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "LC_ALL=C.UTF-8"}
	return runTo(cmd, w)
}

// runTo runs a command whose standard output goes to w.
func runTo(cmd *exec.Cmd, w io.Writer) error {
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", cmd, err, stderr.Bytes())
	}
	return nil
}

// s3cmdLine is date, time, size and URL.
var s3cmdLine = regexp.MustCompile(`^\S+ +\S+ +(\d+) +(s3://.*)$`)

func (c s3cmd) list(ctx context.Context, bucket string) (map[string]int64, error) {
	var out bytes.Buffer
	if err := c.run(ctx, &out, "ls", "--recursive", c.url+bucket+"/"); err != nil {
		return nil, err
	}
	found := map[string]int64{}
	for line := range strings.Lines(out.String()) {
		words := s3cmdLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if words == nil {
			return nil, fmt.Errorf("s3cmd says %q", line)
		}
		size, err := strconv.ParseInt(words[1], 10, 64)
		if err != nil {
			return nil, err
		}
		found[strings.TrimPrefix(words[2], c.url)] = size
	}
	return found, nil
}

func (c s3cmd) read(ctx context.Context, key string, w io.Writer) error {
	return c.run(ctx, w, "get", "--quiet", c.url+key, "-")
}
