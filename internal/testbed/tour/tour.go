// Tour is `make tour`: a first migration on two local stores, from nothing, under readers. Each step is said before it is done, with the
// command that a user would type, and checked after. Its argument is the gelato binary, which it runs as a user would.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/opensds/gelato/internal/blob"
)

const (
	bucket  = "photos"
	objects = 200
	startup = 30 * time.Second
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: tour GELATO-BINARY")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tour:", err)
		os.Exit(1)
	}
}

// run takes the tour, telling out what happens, with its stores in a fresh directory that it removes.
func run(ctx context.Context, self string, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "gelato-tour-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t := &tour{self: self, dir: dir, out: out}

	t.say("Start Gelato. State, keys and a first backend named `local` go below one directory.")
	stop, err := t.start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()

	t.say("Create a bucket and upload %d objects with an ordinary S3 client (aws-sdk-go-v2, default settings).", objects)
	if _, err := t.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
		return fmt.Errorf("create bucket: %w", err)
	}
	for i := range objects {
		if _, err := t.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(key(i)), Body: bytes.NewReader(content(i))}); err != nil {
			return fmt.Errorf("put %s: %w", key(i), err)
		}
	}
	if err := t.where(ctx, "local"); err != nil {
		return err
	}

	t.say("Register a second place. For a cloud it would be --type aws-s3 --endpoint ... --access ... --security-file ...")
	second := filepath.Join(dir, "second")
	if err := os.Mkdir(second, 0o700); err != nil {
		return err
	}
	if err := t.gelato(ctx, "backend", "add", "second", "--type", "posix", "--bucket-name", second); err != nil {
		return err
	}

	t.say("Relocate the bucket to it, while a reader fetches objects all the time under the same URLs.")
	readCtx, stopReading := context.WithCancel(ctx)
	reads := make(chan result, 1)
	go func() { reads <- t.read(readCtx) }()
	err = errors.Join(
		t.gelato(ctx, "plan", "create", "to-second", "--mode", "relocate", "--source-bucket", bucket, "--destination-backend", "second"),
		t.gelato(ctx, "plan", "run", "to-second", "--watch"))
	stopReading()
	r := <-reads
	if err = errors.Join(err, r.err); err != nil {
		return err
	}
	fmt.Fprintf(out, "The reader fetched %d objects meanwhile: no failure, no wrong byte.\n", r.count)

	t.say("Where is everything now? Same bucket, same keys, another place.")
	if err := t.where(ctx, "second"); err != nil {
		return err
	}
	if err := t.gelato(ctx, "bucket", "show", bucket); err != nil {
		return err
	}

	t.say("The old bytes stay for reads under way and are collected after the grace time (2 s here, 1 h by default).")
	if err := emptied(ctx, filepath.Join(dir, "data")); err != nil {
		return err
	}
	fmt.Fprintln(out, "No object is left in the first place.")
	t.say("Stop. That was a migration.")
	return nil
}

type tour struct {
	self, dir string
	out       io.Writer
	step      int
	env       []string
	s3        *s3.Client
}

func (t *tour) say(format string, args ...any) {
	t.step++
	fmt.Fprintf(t.out, "\n%d. "+format+"\n", append([]any{t.step}, args...)...)
}

// gelato runs a client command of the own binary and shows it.
func (t *tour) gelato(ctx context.Context, args ...string) error {
	fmt.Fprintf(t.out, "   $ gelato %s\n", strings.Join(args, " "))
	c := exec.CommandContext(ctx, t.self, args...)
	c.Env, c.Stdout, c.Stderr = append(os.Environ(), t.env...), t.out, t.out
	if err := c.Run(); err != nil {
		return fmt.Errorf("gelato %s: %w", strings.Join(args[:2], " "), err)
	}
	return nil
}

// start runs `gelato up` on free ports and waits for its ready line.
func (t *tour) start(ctx context.Context) (stop func() error, err error) {
	args := []string{"up", "--data", filepath.Join(t.dir, "data"), "--s3-listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0", "--garbage-grace", "2s", "--sweep-interval", "1s", "--log-level", "error"}
	fmt.Fprintf(t.out, "   $ gelato %s\n", strings.Join(args, " "))
	access, secret := "tour", "tour-secret-for-this-run-only"
	c := exec.Command(t.self, args...)
	c.Env, c.Stderr = append(os.Environ(), "GELATO_ROOT_ACCESS_KEY="+access, "GELATO_ROOT_SECRET_KEY="+secret), t.out
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	stdout, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start gelato: %w", err)
	}
	stop = func() error {
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			return fmt.Errorf("stop gelato: %w", err)
		}
		return c.Wait()
	}
	defer func() {
		if err != nil {
			c.Process.Kill()
			c.Wait()
		}
	}()
	ready := make(chan string, 1)
	go func() {
		defer close(ready)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "gelato ready ") {
				ready <- lines.Text()
			}
		}
	}()
	select {
	case line := <-ready:
		fmt.Fprintf(t.out, "   %s\n", line)
		var s3URL, apiURL string
		if _, err := fmt.Sscanf(line, "gelato ready s3=%s api=%s", &s3URL, &apiURL); err != nil {
			return nil, fmt.Errorf("ready line %q: %w", line, err)
		}
		t.env = []string{"GELATO_ENDPOINT=" + apiURL, "GELATO_ACCESS_KEY=" + access, "GELATO_SECRET_KEY=" + secret}
		t.s3 = s3.New(s3.Options{BaseEndpoint: aws.String(s3URL), UsePathStyle: true, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(access, secret, "")})
		return stop, nil
	case <-time.After(startup):
		return nil, fmt.Errorf("gelato was not ready after %v", startup)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// where checks that every object says it lies on the backend.
func (t *tour) where(ctx context.Context, backend string) error {
	for i := range objects {
		answer, err := t.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(bucket), Key: aws.String(key(i))}, withBackend)
		if err != nil {
			return fmt.Errorf("head %s: %w", key(i), err)
		}
		if got, _ := answer.ResultMetadata.Get(backendKey{}).(string); got != backend {
			return fmt.Errorf("%s is on %q, not on %q", key(i), got, backend)
		}
	}
	fmt.Fprintf(t.out, "All %d objects of s3://%s are on the backend %s (x-gelato-backend).\n", objects, bucket, backend)
	return nil
}

type result struct {
	count int
	err   error
}

// read fetches objects one after the other until ctx ends, at least each of them once.
func (t *tour) read(ctx context.Context) (r result) {
	for i := 0; ctx.Err() == nil || r.count < objects; i = (i + 1) % objects {
		answer, err := t.s3.GetObject(context.WithoutCancel(ctx), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key(i))})
		if err != nil {
			return result{r.count, fmt.Errorf("get %s: %w", key(i), err)}
		}
		got, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || !bytes.Equal(got, content(i)) {
			return result{r.count, fmt.Errorf("get %s: %d bytes, wrong content or %w", key(i), len(got), err)}
		}
		r.count++
	}
	return r
}

// emptied waits until no blob is left below dir.
func emptied(ctx context.Context, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, startup)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		left := 0
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // collected while we looked
			}
			if err == nil && d.Type().IsRegular() && blob.IsOurs(path) {
				left++
			}
			return err
		})
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d objects are still in the first place after %v", left, startup)
		case <-tick.C:
		}
	}
}

func key(i int) string { return fmt.Sprintf("2026/%02d/photo %03d.jpg", i%12+1, i) }

func content(i int) []byte { return bytes.Repeat([]byte(key(i)+"\n"), i*i) }
