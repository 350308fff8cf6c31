package clients

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

var oddKeys = []string{"odd/a b+c&d=e (1) 100%25 'q'.txt", "odd/ünï/日本語.txt", "odd/sl//ash", "odd/trailing/", "odd/%41", "odd/\U0001f600"}

// awsGo is the AWS SDK for Go in its default settings.
type awsGo struct {
	*s3.Client
	e      target
	bucket *string
	big    []byte
}

func newAWSGo(e target) *s3.Client {
	return s3.New(s3.Options{
		Region: e.Region, BaseEndpoint: &e.URL, UsePathStyle: true, // no DNS knows the buckets
		Credentials: credentials.NewStaticCredentialsProvider(e.Access, e.Secret, ""), RetryMaxAttempts: 1,
	})
}

func runAWSGo(t *testing.T, e target, m *column) {
	work := t.TempDir()
	writeFiles(t, work)
	big, err := os.ReadFile(filepath.Join(work, "big"))
	if err != nil {
		t.Fatal(err)
	}
	c := awsGo{newAWSGo(e), e, aws.String("sdk-go-bucket"), big}
	for _, row := range []struct {
		name string
		run  func(ctx context.Context) error
	}{
		{"make bucket", c.makeBucket}, {"put", c.put}, {"put odd keys", c.putOdd}, {"put from a pipe", c.putPipe}, {"put with checksums", c.putSums},
		{"put on condition", c.putIf}, {"multipart by hand", c.multipart}, {"get", c.get}, {"get range", c.getRange}, {"head", c.head},
		{"attributes", c.attributes}, {"list", c.list}, {"list recursively", c.listAll}, {"copy", c.copy}, {"copy multipart", c.copyParts},
		{"presigned get", c.presignedGet}, {"presigned put", c.presignedPut}, {"tags of objects", c.tags}, {"ACLs", c.acls}, {"policy", c.policy},
		{"CORS", c.cors}, {"lifecycle", c.lifecycle}, {"encryption", c.encryption}, {"versioning", c.versioning}, {"object lock", c.lock},
		{"virtual-host style", c.virtual}, {"remove", c.remove}, {"remove bucket", c.removeBucket},
	} {
		m.run(t, row.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), rowLimit)
			defer cancel()
			if err := row.run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// wantCode says so unless err is an answer of S3 with that code.
func wantCode(err error, code string) error {
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != code {
		return fmt.Errorf("got %w, want %s", cmp.Or(err, errors.New("no error")), code)
	}
	return nil
}

func (c awsGo) write(ctx context.Context, key, body string) error {
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: c.bucket, Key: &key, Body: strings.NewReader(body)})
	return err
}

// holds wants a key to have exactly these bytes.
func (c awsGo) holds(ctx context.Context, in *s3.GetObjectInput, want []byte) error {
	in.Bucket = cmp.Or(in.Bucket, c.bucket)
	out, err := c.GetObject(ctx, in)
	if err != nil {
		return err
	}
	defer out.Body.Close()
	if got, err := io.ReadAll(out.Body); err != nil || !bytes.Equal(got, want) {
		return fmt.Errorf("%s: got %d bytes, %w, want the %d put", *in.Key, len(got), cmp.Or(err, errors.New("no error")), len(want))
	}
	return nil
}

func (c awsGo) makeBucket(ctx context.Context) error {
	_, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: c.bucket})
	if err != nil {
		return err
	}
	all, err := c.ListBuckets(ctx, nil)
	if err == nil && !slices.ContainsFunc(all.Buckets, func(b types.Bucket) bool { return *b.Name == *c.bucket }) {
		return errors.New("the new bucket is not listed")
	}
	return err
}

func (c awsGo) put(ctx context.Context) error {
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: c.bucket, Key: aws.String("hello.txt"), Body: strings.NewReader("hello\n"),
		ContentType: aws.String("text/x-raw"), Metadata: map[string]string{"color": "blue"}})
	return errors.Join(err, c.write(ctx, "empty", ""))
}

func (c awsGo) putOdd(ctx context.Context) error {
	for _, key := range oddKeys {
		if err := errors.Join(c.write(ctx, key, key), c.holds(ctx, &s3.GetObjectInput{Key: &key}, []byte(key))); err != nil {
			return err
		}
	}
	return nil
}

func (c awsGo) putPipe(ctx context.Context) error {
	length := int64(len(c.big)) // a reader that cannot seek goes unsigned, in chunks with a trailing checksum, where TLS allows it
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: c.bucket, Key: aws.String("stream"), Body: bytes.NewReader(c.big), ContentLength: &length})
	return errors.Join(err, c.holds(ctx, &s3.GetObjectInput{Key: aws.String("stream")}, c.big))
}

func (c awsGo) putSums(ctx context.Context) error {
	for _, sum := range []types.ChecksumAlgorithm{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"} {
		key := "sum/" + string(sum)
		if _, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: c.bucket, Key: &key, Body: strings.NewReader("x"), ChecksumAlgorithm: sum}); err != nil {
			return err
		}
		if err := c.holds(ctx, &s3.GetObjectInput{Key: &key}, []byte("x")); err != nil { // the SDK verifies
			return err
		}
	}
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: c.bucket, Key: aws.String("bad"), Body: strings.NewReader("x"), ChecksumCRC32: aws.String("AAAAAA==")})
	return wantCode(err, "BadDigest")
}

func (c awsGo) putIf(ctx context.Context) error {
	once := &s3.PutObjectInput{Bucket: c.bucket, Key: aws.String("once"), IfNoneMatch: aws.String("*")}
	if _, err := c.PutObject(ctx, once); err != nil {
		return err
	}
	_, err := c.PutObject(ctx, once)
	return wantCode(err, "PreconditionFailed")
}

func (c awsGo) multipart(ctx context.Context) error {
	key := aws.String("big")
	up, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: c.bucket, Key: key})
	if err != nil {
		return err
	}
	var done types.CompletedMultipartUpload
	for i, part := range slices.Collect(slices.Chunk(c.big, 8<<20)) {
		n := aws.Int32(int32(i + 1))
		p, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: c.bucket, Key: key, UploadId: up.UploadId, PartNumber: n, Body: bytes.NewReader(part)})
		if err != nil {
			return err
		}
		done.Parts = append(done.Parts, types.CompletedPart{PartNumber: n, ETag: p.ETag, ChecksumCRC32: p.ChecksumCRC32})
	}
	parts, err := c.ListParts(ctx, &s3.ListPartsInput{Bucket: c.bucket, Key: key, UploadId: up.UploadId})
	if err != nil || len(parts.Parts) != len(done.Parts) {
		return fmt.Errorf("list parts: %v, %w", parts, err)
	}
	_, err = c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: c.bucket, Key: key, UploadId: up.UploadId, MultipartUpload: &done})
	return err
}

func (c awsGo) get(ctx context.Context) error {
	_, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: c.bucket, Key: aws.String("missing")})
	return errors.Join(c.holds(ctx, &s3.GetObjectInput{Key: aws.String("hello.txt")}, []byte("hello\n")), c.holds(ctx, &s3.GetObjectInput{Key: aws.String("empty")}, nil),
		c.holds(ctx, &s3.GetObjectInput{Key: aws.String("big")}, c.big), wantCode(err, "NoSuchKey"))
}

func (c awsGo) getRange(ctx context.Context) error {
	_, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: c.bucket, Key: aws.String("hello.txt"), Range: aws.String("bytes=100-")})
	return errors.Join(c.holds(ctx, &s3.GetObjectInput{Key: aws.String("big"), Range: aws.String("bytes=100-199")}, c.big[100:200]),
		c.holds(ctx, &s3.GetObjectInput{Key: aws.String("big"), PartNumber: aws.Int32(2)}, c.big[8<<20:16<<20]), wantCode(err, "InvalidRange"))
}

func (c awsGo) head(ctx context.Context) error {
	h, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: c.bucket, Key: aws.String("hello.txt")})
	if err != nil || *h.ContentType != "text/x-raw" || h.Metadata["color"] != "blue" || *h.ContentLength != 6 {
		return fmt.Errorf("head: %+v, %w", h, cmp.Or(err, errors.New("other headers")))
	}
	_, err = c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: c.bucket, Key: aws.String("missing")})
	return wantCode(err, "NotFound")
}

func (c awsGo) attributes(ctx context.Context) error {
	a, err := c.GetObjectAttributes(ctx, &s3.GetObjectAttributesInput{Bucket: c.bucket, Key: aws.String("big"), ObjectAttributes: types.ObjectAttributes("").Values()})
	if err == nil && (*a.ObjectSize != bigBytes || *a.ObjectParts.TotalPartsCount != 3) {
		err = fmt.Errorf("attributes: %+v", a)
	}
	return err
}

func (c awsGo) list(ctx context.Context) error {
	l, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: c.bucket, Delimiter: aws.String("/")})
	if err == nil && !slices.ContainsFunc(l.CommonPrefixes, func(p types.CommonPrefix) bool { return *p.Prefix == "odd/" }) {
		err = fmt.Errorf("list: %+v", l)
	}
	return err
}

func (c awsGo) keys(ctx context.Context, prefix string) ([]string, error) {
	var keys []string
	for p := s3.NewListObjectsV2Paginator(c.Client, &s3.ListObjectsV2Input{Bucket: c.bucket, Prefix: &prefix, MaxKeys: aws.Int32(2)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
		}
	}
	return keys, nil
}

func (c awsGo) listAll(ctx context.Context) error {
	keys, err := c.keys(ctx, "odd/")
	if want := slices.Sorted(slices.Values(oddKeys)); err == nil && !slices.Equal(keys, want) {
		err = fmt.Errorf("list: got %q, want %q", keys, want)
	}
	return err
}

func (c awsGo) copy(ctx context.Context) error {
	for _, key := range oddKeys {
		to := "copied/" + key
		in := &s3.CopyObjectInput{Bucket: c.bucket, Key: &to, CopySource: aws.String(*c.bucket + "/" + url.QueryEscape(key))}
		if _, err := c.CopyObject(ctx, in); err != nil {
			return err
		}
		if err := c.holds(ctx, &s3.GetObjectInput{Key: &to}, []byte(key)); err != nil {
			return err
		}
	}
	return nil
}

func (c awsGo) copyParts(ctx context.Context) error {
	key := aws.String("big.copy")
	up, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: c.bucket, Key: key})
	if err != nil {
		return err
	}
	var done types.CompletedMultipartUpload
	for i := range int64(2) {
		n, half := aws.Int32(int32(i+1)), int64(bigBytes/2)
		p, err := c.UploadPartCopy(ctx, &s3.UploadPartCopyInput{Bucket: c.bucket, Key: key, UploadId: up.UploadId, PartNumber: n, CopySource: aws.String(*c.bucket + "/big"),
			CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", i*half, (i+1)*half-1))})
		if err != nil {
			return err
		}
		done.Parts = append(done.Parts, types.CompletedPart{PartNumber: n, ETag: p.CopyPartResult.ETag, ChecksumCRC32: p.CopyPartResult.ChecksumCRC32})
	}
	_, err = c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: c.bucket, Key: key, UploadId: up.UploadId, MultipartUpload: &done})
	return errors.Join(err, c.holds(ctx, &s3.GetObjectInput{Key: key}, c.big))
}

func (c awsGo) presignedGet(ctx context.Context) error {
	p, err := s3.NewPresignClient(c.Client).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: c.bucket, Key: &oddKeys[0]})
	if err != nil {
		return err
	}
	if got, err := send(ctx, "GET", p.URL, ""); err != nil || got != "200 "+oddKeys[0] {
		return fmt.Errorf("presigned: got %q, %v", got, err)
	}
	if got, err := send(ctx, "GET", strings.Replace(p.URL, "Signature=", "Signature=0", 1), ""); err != nil || !strings.HasPrefix(got, "403 ") {
		return fmt.Errorf("presigned and spoilt: got %q, %v", got, err)
	}
	return nil
}

func (c awsGo) presignedPut(ctx context.Context) error {
	p, err := s3.NewPresignClient(c.Client).PresignPutObject(ctx, &s3.PutObjectInput{Bucket: c.bucket, Key: aws.String("signed")})
	if err != nil {
		return err
	}
	if got, err := send(ctx, "PUT", p.URL, "by url"); err != nil || got != "200 " {
		return fmt.Errorf("presigned: got %q, %v", got, err)
	}
	return c.holds(ctx, &s3.GetObjectInput{Key: aws.String("signed")}, []byte("by url"))
}

func (c awsGo) virtual(ctx context.Context) error {
	proxy, err := url.Parse(c.e.proxy)
	if err != nil {
		return err
	}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy)}
	defer transport.CloseIdleConnections()
	v := c
	v.Client = s3.New(c.Options(), func(o *s3.Options) {
		o.UsePathStyle, o.BaseEndpoint, o.HTTPClient = false, aws.String("http://s3.test"), &http.Client{Transport: transport}
	})
	return v.putOdd(ctx)
}

func (c awsGo) remove(ctx context.Context) error {
	_, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: c.bucket, Key: aws.String("hello.txt")})
	if err != nil {
		return err
	}
	_, err = c.GetObject(ctx, &s3.GetObjectInput{Bucket: c.bucket, Key: aws.String("hello.txt")})
	return wantCode(err, "NoSuchKey")
}

func (c awsGo) removeBucket(ctx context.Context) error {
	_, err := c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: c.bucket})
	if err := wantCode(err, "BucketNotEmpty"); err != nil {
		return err
	}
	keys, err := c.keys(ctx, "")
	if err != nil {
		return err
	}
	var ids []types.ObjectIdentifier
	for _, key := range keys {
		ids = append(ids, types.ObjectIdentifier{Key: &key})
	}
	if _, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: c.bucket, Delete: &types.Delete{Objects: ids}}); err != nil {
		return err
	}
	_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: c.bucket})
	return err
}
