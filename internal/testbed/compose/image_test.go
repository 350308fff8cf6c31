package compose

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed/docker"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

const (
	image     = "gelato"
	cephImage = "gelato:ceph"
	maxSize   = 64 << 20 // bytes of the image: a binary and certificates
	binary    = "usr/local/bin/gelato"
)

// checkImage wants the image small, without root, with one static program, and with nothing else of ours in it.
func (s *stage) checkImage(t *testing.T) {
	e := s.engine
	inspect := func(format string) string {
		out, err := e.Run(t.Context(), "image", "inspect", "--format", format, image)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(out)
	}
	if got, want := inspect("{{.Config.User}}"), "65532:65532"; got != want {
		t.Errorf("the image runs as %q, want %q", got, want)
	}
	size, err := strconv.ParseInt(inspect("{{.Size}}"), 10, 64)
	if err != nil || size > maxSize {
		t.Errorf("the image has %d bytes, %v, want at most %d", size, err, int64(maxSize))
	}
	t.Logf("the image has %.1f MB", float64(size)/1e6)
	for _, v := range strings.Fields(inspect("{{range .Config.Env}}{{.}} {{end}}")) {
		if name, _, _ := strings.Cut(v, "="); name != "PATH" && name != "SSL_CERT_FILE" {
			t.Errorf("the image sets %s", v)
		}
	}

	program, others, err := contents(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	if len(others) > 0 {
		t.Errorf("the image holds %v", others)
	}
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the program is not static: it has a %v", p.Type)
		}
	}
}

// checkCeph wants the image with librados to run the same program, linked dynamically as librados needs it, without root.
func (s *stage) checkCeph(t *testing.T, built error) {
	if built != nil {
		t.Fatal(built)
	}
	out, err := s.engine.Run(t.Context(), "run", "--rm", "--read-only", "--cap-drop", "ALL", "--entrypoint", "bash", cephImage, "-c",
		"id -u; ls /usr/lib/*/librados.so.2; ldd /usr/local/bin/gelato; gelato version")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"65532\n", "librados.so.2\n", "libc.so.6 => ", "gelato (devel)"} {
		if !strings.Contains(out, want) {
			t.Errorf("the image with librados says %q, want %q in it", out, want)
		}
	}
}

// contents returns the program in the image, and the names of files that are neither it nor of the base.
func contents(ctx context.Context, e *docker.Engine) (program []byte, others []string, err error) {
	id, err := e.Run(ctx, "create", image)
	if err != nil {
		return nil, nil, err
	}
	id = strings.TrimSpace(id)
	defer func() { _, rm := e.Run(ctx, "rm", id); err = errors.Join(err, rm) }()
	cmd := e.Command(ctx, "docker", "export", id)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, cmd.Wait()) }()
	for files := tar.NewReader(out); ; {
		h, err := files.Next()
		if err == io.EOF {
			return program, others, nil
		}
		if err != nil {
			return nil, nil, err
		}
		switch {
		case h.Name == binary:
			if program, err = io.ReadAll(files); err != nil {
				return nil, nil, err
			}
		case h.Typeflag == tar.TypeReg && (strings.HasPrefix(h.Name, "usr/local/") || strings.HasPrefix(h.Name, "var/") || strings.HasPrefix(h.Name, "src/")):
			others = append(others, h.Name)
		}
	}
}

// runUp runs everything in one container, as tightly as a container can be held, and wants its data back in a second one.
func (s *stage) runUp(t *testing.T) {
	e := s.engine
	want := []byte("kept in a volume")
	for _, round := range []string{"first", "second"} {
		id, err := e.Run(t.Context(), "run", "--detach", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
			"--memory", "512m", "--volume", "up:/var/lib/gelato/data", "--publish", "127.0.0.1:8090:8090", image)
		if err != nil {
			t.Fatal(err)
		}
		id = strings.TrimSpace(id)
		client, err := upClient(t.Context(), e, id)
		if err != nil {
			logs, _ := e.Command(t.Context(), "docker", "logs", id).CombinedOutput()
			t.Fatalf("%s container: %v\n%s", round, err, logs)
		}
		if round == "first" {
			if err := client.CreateBucket(t.Context(), "photos", ""); err != nil {
				t.Fatal(err)
			}
			if err := client.Put(t.Context(), "photos", "a", want); err != nil {
				t.Fatal(err)
			}
		}
		got, err := read(t.Context(), client, "photos", "a")
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s container: read %q, %v, want %q", round, got, err, want)
		}
		if _, err := e.Run(t.Context(), "stop", id); err != nil {
			t.Fatal(err)
		}
		if code, err := e.Run(t.Context(), "inspect", "--format", "{{.State.ExitCode}}", id); err != nil || strings.TrimSpace(code) != "0" {
			t.Errorf("%s container: stopped with exit code %q, %v", round, code, err)
		}
		if _, err := e.Run(t.Context(), "rm", id); err != nil {
			t.Fatal(err)
		}
	}
}

// upClient waits until a container of `gelato up` is ready, and takes the root credentials that it made.
func upClient(ctx context.Context, e *docker.Engine, id string) (*s3lite.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		logs, err := e.Run(ctx, "logs", id)
		if err != nil {
			return nil, err
		}
		if strings.Contains(logs, "gelato ready ") {
			break
		}
		running, err := e.Run(ctx, "inspect", "--format", "{{.State.Running}}", id)
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(running) != "true" {
			return nil, errors.New("it ended")
		}
		time.Sleep(pollInterval)
	}
	text, err := e.Run(ctx, "cp", id+":/var/lib/gelato/data/root-credentials", "-")
	if err != nil {
		return nil, err
	}
	files := tar.NewReader(strings.NewReader(text))
	if _, err := files.Next(); err != nil {
		return nil, err
	}
	kept, err := io.ReadAll(files)
	if err != nil {
		return nil, err
	}
	credentials := map[string]string{}
	for line := range strings.Lines(string(kept)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		credentials[name] = value
	}
	return s3lite.New(s3lite.Endpoint{
		URL: "http://127.0.0.1:8090", Region: "us-east-1",
		Access: credentials["GELATO_ROOT_ACCESS_KEY"], Secret: credentials["GELATO_ROOT_SECRET_KEY"],
	})
}

const pollInterval = 200 * time.Millisecond

func read(ctx context.Context, c *s3lite.Client, bucket, key string) ([]byte, error) {
	resp, err := c.Get(ctx, bucket, key)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return body, nil
}
