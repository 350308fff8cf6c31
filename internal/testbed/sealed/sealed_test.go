package sealed

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/s3/keyring"
)

// marker is in every plaintext, at every place where one could look for it.
const marker = "this line must not be readable on any disk\n"

// mode is one way to encrypt. Its key, if it has one, is the customer's.
type mode struct {
	name  string
	sse   types.ServerSideEncryption
	keyID *string
	key   []byte
}

func (m mode) customer() (algorithm, key, sum *string) {
	if m.key == nil {
		return nil, nil, nil
	}
	digest := md5.Sum(m.key)
	return aws.String("AES256"), aws.String(base64.StdEncoding.EncodeToString(m.key)), aws.String(base64.StdEncoding.EncodeToString(digest[:]))
}

// stage is a gateway with the backends local and second, and a bucket that the modes' objects are in.
type stage struct {
	*testing.T
	g      *testbed.Gelato
	c      *s3.Client
	modes  []mode
	second string // directory
	want   map[string][]byte
}

func newStage(t *testing.T) *stage {
	s := &stage{T: t, g: testbed.StartGelato(t, testbed.GelatoOptions{}), second: t.TempDir(), want: map[string][]byte{}}
	s.c = s.client()
	s.check(s.g.REST(t.Context(), http.MethodPost, "backends", map[string]any{"name": "second", "type": "posix", "bucketName": s.second}, nil))
	box, err := seal.Load(filepath.Join(s.g.Data, "master.key"), false)
	s.check(err)
	ring, err := keyring.Open(filepath.Join(s.g.Data, "kms.keyring"), box, false, keyring.Options{})
	s.check(err)
	_, err = ring.Create("payroll", []string{"hr"})
	s.check(err)
	time.Sleep(1100 * time.Millisecond) // the gateway looks at the file every second, and a change is not announced
	s.modes = []mode{{name: "s3", sse: types.ServerSideEncryptionAes256}, {name: "kms", sse: types.ServerSideEncryptionAwsKms, keyID: aws.String("alias/hr")},
		{name: "customer", key: []byte("0123456789abcdef0123456789abcdef")}}
	return s
}

func (s *stage) client() *s3.Client {
	return s3.New(s3.Options{BaseEndpoint: &s.g.S3, Region: "us-east-1", UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider(s.g.Access, s.g.Secret, "")})
}

func (s *stage) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *stage) bucket(name string) {
	s.Helper()
	_, err := s.c.CreateBucket(s.Context(), &s3.CreateBucketInput{Bucket: &name})
	s.check(err)
}

// text is n bytes full of the marker.
func text(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "%d %s", r.Uint64(), marker)
	}
	return b.Bytes()[:n]
}

// fill puts small and large objects of every mode, and uploads in parts of odd sizes.
func (s *stage) fill(bucket string) {
	for i, m := range s.modes {
		a, k, sum := m.customer()
		for _, n := range []int{1, 4096, 65_537, 3_000_001} {
			key, body := fmt.Sprintf("%s/%d", m.name, n), text(uint64(i), n)
			_, err := s.c.PutObject(s.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body), ServerSideEncryption: m.sse, SSEKMSKeyId: m.keyID,
				SSECustomerAlgorithm: a, SSECustomerKey: k, SSECustomerKeyMD5: sum})
			s.check(err)
			s.want[key] = body
		}
		key := m.name + "/parts"
		u, err := s.c.CreateMultipartUpload(s.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key, ServerSideEncryption: m.sse, SSEKMSKeyId: m.keyID,
			SSECustomerAlgorithm: a, SSECustomerKey: k, SSECustomerKeyMD5: sum})
		s.check(err)
		var parts []types.CompletedPart
		var whole []byte
		for n, size := range []int{5<<20 + 77, 6<<20 - 1, 12_345} {
			body := text(uint64(10+n), size)
			p, err := s.c.UploadPart(s.Context(), &s3.UploadPartInput{Bucket: &bucket, Key: &key, UploadId: u.UploadId, PartNumber: aws.Int32(int32(n + 1)), Body: bytes.NewReader(body),
				SSECustomerAlgorithm: a, SSECustomerKey: k, SSECustomerKeyMD5: sum})
			s.check(err)
			parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(int32(n + 1)), ETag: p.ETag, ChecksumCRC32: p.ChecksumCRC32, ChecksumCRC64NVME: p.ChecksumCRC64NVME})
			whole = append(whole, body...)
		}
		_, err = s.c.CompleteMultipartUpload(s.Context(), &s3.CompleteMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: u.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
			SSECustomerAlgorithm: a, SSECustomerKey: k, SSECustomerKeyMD5: sum})
		s.check(err)
		s.want[key] = whole
	}
}

// read reads all objects whole, by ranges and by parts; backend is where they should be.
func (s *stage) read(bucket, backend string) {
	s.Helper()
	for _, m := range s.modes {
		a, k, sum := m.customer()
		for key, want := range s.want {
			if !strings.HasPrefix(key, m.name+"/") {
				continue
			}
			get := func(in s3.GetObjectInput, want []byte) *s3.GetObjectOutput {
				s.Helper()
				in.Bucket, in.Key, in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5 = &bucket, &key, a, k, sum
				out, err := s.c.GetObject(s.Context(), &in)
				if err != nil {
					s.Errorf("%s: %v", key, err)
					return out
				}
				defer out.Body.Close()
				got, err := io.ReadAll(out.Body)
				if err != nil || !bytes.Equal(got, want) {
					s.Errorf("%s: %d bytes of %d, %v", key, len(got), len(want), err)
				}
				return out
			}
			// The SDK compares the checksum too.
			out := get(s3.GetObjectInput{ChecksumMode: types.ChecksumModeEnabled}, want)
			if out != nil && (out.ServerSideEncryption != m.sse || aws.ToString(out.SSECustomerKeyMD5) != aws.ToString(sum) || m.keyID != nil && aws.ToString(out.SSEKMSKeyId) != "payroll") {
				s.Errorf("%s is told to be encrypted by %s, key %s", key, out.ServerSideEncryption, aws.ToString(out.SSEKMSKeyId))
			}
			from, to := len(want)/3, len(want)-1-len(want)/5
			get(s3.GetObjectInput{Range: aws.String(fmt.Sprintf("bytes=%d-%d", from, to))}, want[from:to+1])
			if strings.HasSuffix(key, "/parts") {
				get(s3.GetObjectInput{PartNumber: aws.Int32(2)}, want[5<<20+77:5<<20+77+6<<20-1])
			}
			head, err := s.c.HeadObject(s.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key, SSECustomerAlgorithm: a, SSECustomerKey: k, SSECustomerKeyMD5: sum})
			s.check(err)
			if *head.ContentLength != int64(len(want)) {
				s.Errorf("%s has %d bytes, want %d", key, *head.ContentLength, len(want))
			}
			if backend != "" && s.backend(bucket, key, m) != backend {
				s.Errorf("%s is on %s, want %s", key, s.backend(bucket, key, m), backend)
			}
		}
	}
}

// backend is where an object lies, as GET tells.
func (s *stage) backend(bucket, key string, m mode) string {
	s.Helper()
	a, k, sum := m.customer()
	var where string
	_, err := s.c.HeadObject(s.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key, SSECustomerAlgorithm: a, SSECustomerKey: k, SSECustomerKeyMD5: sum}, func(o *s3.Options) {
		o.HTTPClient = doer(func(r *http.Request) (*http.Response, error) {
			resp, err := http.DefaultClient.Do(r)
			if err == nil {
				where = resp.Header.Get("X-Gelato-Backend")
			}
			return resp, err
		})
	})
	s.check(err)
	return where
}

type doer func(*http.Request) (*http.Response, error)

// Do implements s3.HTTPClient.
func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

// job runs a plan and returns how it ended and what it reports.
func (s *stage) job(name, mode string, source, destination map[string]string) (testbed.Job, []testbed.Outcome) {
	s.Helper()
	s.check(s.g.REST(s.Context(), http.MethodPost, "plans", map[string]any{"name": name, "mode": mode, "source": source, "destination": destination}, nil))
	var run struct{ JobID string }
	s.check(s.g.REST(s.Context(), http.MethodPost, "plans/"+name+"/run", nil, &run))
	ctx, cancel := context.WithTimeout(s.Context(), 2*time.Minute)
	defer cancel()
	j, err := s.g.WaitJob(ctx, run.JobID, 50*time.Millisecond, nil)
	s.check(err)
	report, err := s.g.Report(s.Context(), run.JobID)
	s.check(err)
	return j, report
}

// nothingReadable looks for plaintext and for customers' keys in every file of the gateway and its backends.
func (s *stage) nothingReadable() {
	s.Helper()
	files := 0
	for _, dir := range []string{s.g.Data, s.second} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			if os.IsNotExist(err) {
				return nil
			}
			files++
			for _, secret := range [][]byte{[]byte(marker), s.modes[2].key, []byte(base64.StdEncoding.EncodeToString(s.modes[2].key))} {
				if bytes.Contains(b, secret) {
					s.Errorf("%s has %q", path, secret)
				}
			}
			return err
		})
		s.check(err)
	}
	if files < len(s.want) {
		s.Errorf("looked into %d files only", files)
	}
	if log := s.g.Process().Output(); strings.Contains(log, base64.StdEncoding.EncodeToString(s.modes[2].key)) {
		s.Error("a customer's key is in the log")
	}
}

func TestEncryptedObjectsMoveAndStayEncrypted(t *testing.T) {
	t.Parallel()
	if testbed.Short() {
		t.Skip("needs the real process")
	}
	s := newStage(t)
	s.bucket("sealed")
	s.bucket("copies")
	s.fill("sealed")
	s.read("sealed", "local")
	s.nothingReadable()

	j, report := s.job("away", "relocate", map[string]string{"bucket": "sealed"}, map[string]string{"backend": "second"})
	if j.Status != "succeeded" || j.PassedCount != int64(len(s.want)) || j.PassedCapacity != j.TotalCapacity {
		t.Errorf("relocated: %+v", j)
	}
	for _, line := range report {
		if line.Bytes != int64(len(s.want[line.Key])) || line.Proof == "" || line.Source.Checksum != line.Destination.Checksum {
			t.Errorf("the report says %+v", line)
		}
	}
	s.read("sealed", "second")

	j, _ = s.job("copy", "copy", map[string]string{"bucket": "sealed"}, map[string]string{"bucket": "copies"})
	if j.Status != "succeeded" || j.PassedCount != int64(len(s.want)) {
		t.Errorf("copied: %+v", j)
	}
	s.read("copies", "local")
	j, _ = s.job("again", "copy", map[string]string{"bucket": "sealed"}, map[string]string{"bucket": "copies"})
	if j.Status != "succeeded" || j.SkippedCount != int64(len(s.want)) {
		t.Errorf("copied again: %+v", j)
	}

	s.g.Stop()
	s.check(s.g.Restart())
	s.c = s.client()
	s.read("sealed", "second")
	s.read("copies", "local")
	s.nothingReadable()
}

// TestJobsRefuseWhatNobodyCouldDecrypt sends encrypted objects to a raw backend, and objects in clear into a bucket that encrypts.
func TestJobsRefuseWhatNobodyCouldDecrypt(t *testing.T) {
	t.Parallel()
	if testbed.Short() {
		t.Skip("needs the real process")
	}
	s := newStage(t)
	s.bucket("plain")
	s.bucket("encrypts")
	_, err := s.c.PutBucketEncryption(t.Context(), &s3.PutBucketEncryptionInput{Bucket: aws.String("encrypts"), ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256}}}}})
	s.check(err)
	for key, sse := range map[string]types.ServerSideEncryption{"clear": "", "sealed": types.ServerSideEncryptionAes256} {
		_, err := s.c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("plain"), Key: &key, Body: strings.NewReader("body of " + key), ServerSideEncryption: sse})
		s.check(err)
	}
	outcomes := func(report []testbed.Outcome) map[string]string {
		m := map[string]string{}
		for _, line := range report {
			m[line.Key] = line.Outcome + " " + line.Reason
		}
		return m
	}
	j, report := s.job("raw", "copy", map[string]string{"bucket": "plain"}, map[string]string{"backend": "second"})
	if got := outcomes(report); j.Status != "failed" || !strings.HasPrefix(got["clear"], "copied") || !strings.Contains(got["sealed"], "encrypted by the gateway") {
		t.Errorf("to a raw backend: %s, %v", j.Status, got)
	}
	j, report = s.job("into", "copy", map[string]string{"bucket": "plain"}, map[string]string{"bucket": "encrypts"})
	if got := outcomes(report); j.Status != "failed" || !strings.HasPrefix(got["sealed"], "copied") || !strings.Contains(got["clear"], "the bucket encrypts what is put into it") {
		t.Errorf("into a bucket that encrypts: %s, %v", j.Status, got)
	}
	out, err := s.c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("encrypts"), Key: aws.String("sealed")})
	s.check(err)
	defer out.Body.Close()
	if got, err := io.ReadAll(out.Body); err != nil || string(got) != "body of sealed" || out.ServerSideEncryption != types.ServerSideEncryptionAes256 {
		t.Errorf("got %q, %v", got, err)
	}
}
