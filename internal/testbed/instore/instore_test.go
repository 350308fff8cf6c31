package instore

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/opensds/gelato/internal/testbed"
)

const (
	size   = 8 << 20
	little = 256 << 10 // what calls without an object's bytes may cost together: headers, listings, health
)

// meter passes connections on and counts every byte of them.
type meter struct{ bytes atomic.Int64 }

// Write implements io.Writer.
func (m *meter) Write(p []byte) (int, error) {
	m.bytes.Add(int64(len(p)))
	return len(p), nil
}

// newMeter listens in front of target until the test ends.
func newMeter(t *testing.T, target string) (*meter, string) {
	t.Helper()
	m := &meter{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	open.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { m.pass(ctx, in, target) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		cancel()
		open.Wait()
	})
	return m, "http://" + l.Addr().String()
}

func (m *meter) pass(ctx context.Context, in net.Conn, target string) {
	defer in.Close()
	out, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer out.Close()
	defer context.AfterFunc(ctx, func() { in.Close(); out.Close() })()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		both.Go(func() {
			_, _ = io.Copy(io.MultiWriter(way[1], m), way[0]) // it ends with either connection
			_ = way[1].(*net.TCPConn).CloseWrite()
		})
	}
	both.Wait()
}

// TestCopiesDoNotTravel copies through S3 and by plans on a backend at versitygw, whose every byte is counted.
func TestCopiesDoNotTravel(t *testing.T) {
	t.Parallel()
	if testbed.Short() {
		t.Skip("needs the real process")
	}
	v := testbed.Versity(t, testbed.VersityOptions{})
	v.CreateBucket("native")
	m, front := newMeter(t, strings.TrimPrefix(v.Endpoint, "http://"))
	g := testbed.StartGelato(t, testbed.GelatoOptions{})
	err := g.REST(t.Context(), "POST", "backends", map[string]any{"name": "store", "type": "aws-s3", "endpoint": front, "region": v.Region, "bucketName": "native",
		"access": v.Access, "security": v.Secret}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := s3.New(s3.Options{BaseEndpoint: &g.S3, Region: "us-east-1", UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider(g.Access, g.Secret, "")})
	for _, name := range []string{"first", "second", "third"} {
		if err := g.Client().CreateBucket(t.Context(), name, "store"); err != nil {
			t.Fatal(err)
		}
	}
	body := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(body)
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("first"), Key: aws.String("a é/1"), Body: bytes.NewReader(body), ContentType: aws.String("x/y"),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32, Metadata: map[string]string{"m": "ü"}}); err != nil {
		t.Fatal(err)
	}
	travelled := func(what string, do func()) {
		t.Helper()
		before := m.bytes.Load()
		if do(); m.bytes.Load()-before > little {
			t.Errorf("%s: %d bytes travelled between Gelato and the store", what, m.bytes.Load()-before)
		}
	}
	var copied *s3.CopyObjectOutput
	travelled("CopyObject", func() {
		var err error
		if copied, err = c.CopyObject(t.Context(), &s3.CopyObjectInput{Bucket: aws.String("second"), Key: aws.String("copy"), CopySource: aws.String("first/a%20%C3%A9/1")}); err != nil {
			t.Fatal(err)
		}
	})
	var report []testbed.Outcome
	travelled("a plan", func() {
		job, err := g.Copy(t.Context(), "plan", "second", "third")
		if err != nil {
			t.Fatal(err)
		}
		done, err := g.WaitJob(t.Context(), job, 50*time.Millisecond, nil)
		if err != nil || done.Status != "succeeded" {
			t.Fatalf("the job ended %+v, %v", done, err)
		}
		if report, err = g.Report(t.Context(), job); err != nil || len(report) != 1 {
			t.Fatalf("the report is %v, %v", report, err)
		}
	})
	if want := "copied-in-store, store-crc64nvme"; report[0].Proof != want || report[0].Destination.Checksum == "" {
		t.Errorf("the report says %+v, want the proof %q", report[0], want)
	}
	for bucket, key := range map[string]string{"second": "copy", "third": "copy"} {
		got, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key, ChecksumMode: "ENABLED"})
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(got.Body)
		got.Body.Close()
		if err != nil || !bytes.Equal(b, body) || *got.ContentType != "x/y" || got.Metadata["m"] != "ü" || *got.ETag != *copied.CopyObjectResult.ETag || got.ChecksumCRC32 == nil {
			t.Errorf("%s: %d bytes, %v, %+v", bucket, len(b), err, got)
		}
	}
}
