package clients

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// minioGo is minio-go in its default settings.
type minioGo struct {
	*minio.Client
	e      target
	bucket string
	big    []byte
}

func runMinio(t *testing.T, e target, m *column) {
	work := t.TempDir()
	writeFiles(t, work)
	big, err := os.ReadFile(filepath.Join(work, "big"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := minio.New(strings.TrimPrefix(e.URL, "http://"), &minio.Options{Creds: credentials.NewStaticV4(e.Access, e.Secret, ""), MaxRetries: 1})
	if err != nil {
		t.Fatal(err)
	}
	c := minioGo{client, e, "minio-go-bucket", big}
	for _, row := range []struct {
		name string
		run  func(ctx context.Context) error
	}{
		{"make bucket", c.makeBucket}, {"put", c.put}, {"put odd keys", c.putOdd}, {"put multipart", c.putParts}, {"put from a pipe", c.putPipe},
		{"put on condition", c.putIf}, {"get", c.get}, {"get range", c.getRange}, {"head", c.head}, {"attributes", c.attributes},
		{"list recursively", c.list}, {"copy", c.copy}, {"copy multipart", c.compose}, {"presigned get", c.presignedGet}, {"presigned put", c.presignedPut},
		{"post form", c.postForm}, {"tags of objects", c.tags}, {"tags of buckets", c.bucketTags}, {"policy", c.policy}, {"CORS", c.cors}, {"lifecycle", c.lifecycle},
		{"encryption", c.encryption}, {"versioning", c.versioning}, {"object lock", c.lock}, {"signature version 2", c.sigV2},
		{"notifications", c.notifications}, {"remove", c.remove}, {"remove bucket", c.removeBucket},
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

// wantMinio says so unless err is an answer of S3 with that code.
func wantMinio(err error, code string) error {
	if got := minio.ToErrorResponse(err).Code; got != code {
		return fmt.Errorf("got %w, want %s", cmp.Or(err, errors.New("no error")), code)
	}
	return nil
}

func (c minioGo) write(ctx context.Context, key, body string, o minio.PutObjectOptions) (minio.UploadInfo, error) {
	return c.PutObject(ctx, c.bucket, key, strings.NewReader(body), int64(len(body)), o)
}

// holds wants a key to have exactly these bytes.
func (c minioGo) holds(ctx context.Context, bucket, key string, want []byte, o minio.GetObjectOptions) error {
	r, err := c.GetObject(ctx, bucket, key, o)
	if err != nil {
		return err
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
		return fmt.Errorf("%s: got %d bytes, %w, want the %d put", key, len(got), cmp.Or(err, errors.New("no error")), len(want))
	}
	return nil
}

func (c minioGo) makeBucket(ctx context.Context) error {
	if err := c.MakeBucket(ctx, c.bucket, minio.MakeBucketOptions{}); err != nil {
		return err
	}
	if ok, err := c.BucketExists(ctx, c.bucket); err != nil || !ok {
		return fmt.Errorf("the new bucket exists: %v, %w", ok, err)
	}
	all, err := c.ListBuckets(ctx)
	if err == nil && !slices.ContainsFunc(all, func(b minio.BucketInfo) bool { return b.Name == c.bucket }) {
		err = errors.New("the new bucket is not listed")
	}
	return err
}

func (c minioGo) put(ctx context.Context) error {
	_, err := c.write(ctx, "hello.txt", "hello\n", minio.PutObjectOptions{ContentType: "text/x-raw", UserMetadata: map[string]string{"color": "blue"}})
	_, err2 := c.write(ctx, "empty", "", minio.PutObjectOptions{})
	return errors.Join(err, err2)
}

func (c minioGo) putOdd(ctx context.Context) error {
	for _, key := range oddKeys {
		if strings.HasSuffix(key, "/") || strings.Contains(key, "//") {
			continue // minio-go refuses some, and cleans others
		}
		if _, err := c.write(ctx, key, key, minio.PutObjectOptions{}); err != nil {
			return err
		}
		if err := c.holds(ctx, c.bucket, key, []byte(key), minio.GetObjectOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func (c minioGo) putParts(ctx context.Context) error {
	info, err := c.PutObject(ctx, c.bucket, "big", bytes.NewReader(c.big), bigBytes, minio.PutObjectOptions{}) // parts of 16 MiB
	if err == nil && !strings.HasSuffix(info.ETag, "-2") {
		err = fmt.Errorf("put: %+v", info)
	}
	return err
}

func (c minioGo) putPipe(ctx context.Context) error {
	r, w := io.Pipe()
	go func() {
		_, err := w.Write(c.big)
		w.CloseWithError(err)
	}()
	_, err := c.PutObject(ctx, c.bucket, "stream", r, -1, minio.PutObjectOptions{PartSize: 5 << 20})
	r.Close() // the writer ends with it
	return errors.Join(err, c.holds(ctx, c.bucket, "stream", c.big, minio.GetObjectOptions{}))
}

func (c minioGo) putIf(ctx context.Context) error {
	var o minio.PutObjectOptions
	o.SetMatchETagExcept("*")
	if _, err := c.write(ctx, "once", "1", o); err != nil {
		return err
	}
	_, err := c.write(ctx, "once", "2", o)
	return wantMinio(err, "PreconditionFailed")
}

func (c minioGo) get(ctx context.Context) error {
	_, err := c.StatObject(ctx, c.bucket, "missing", minio.StatObjectOptions{})
	return errors.Join(wantMinio(err, "NoSuchKey"), c.holds(ctx, c.bucket, "hello.txt", []byte("hello\n"), minio.GetObjectOptions{}),
		c.holds(ctx, c.bucket, "empty", nil, minio.GetObjectOptions{}), c.holds(ctx, c.bucket, "big", c.big, minio.GetObjectOptions{}))
}

func (c minioGo) getRange(ctx context.Context) error {
	r, err := c.GetObject(ctx, c.bucket, "big", minio.GetObjectOptions{})
	if err != nil {
		return err
	}
	defer r.Close()
	part := make([]byte, 100)
	if _, err := r.ReadAt(part, 12345); err != nil || !bytes.Equal(part, c.big[12345:12445]) {
		return fmt.Errorf("read at 12345: other bytes, %w", cmp.Or(err, errors.New("no error")))
	}
	return c.holds(ctx, c.bucket, "big", c.big[:16<<20], minio.GetObjectOptions{PartNumber: 1})
}

func (c minioGo) head(ctx context.Context) error {
	h, err := c.StatObject(ctx, c.bucket, "hello.txt", minio.StatObjectOptions{})
	if err == nil && (h.ContentType != "text/x-raw" || h.UserMetadata["Color"] != "blue" || h.Size != 6) {
		err = fmt.Errorf("stat: %+v", h)
	}
	return err
}

func (c minioGo) attributes(ctx context.Context) error {
	a, err := c.GetObjectAttributes(ctx, c.bucket, "big", minio.ObjectAttributesOptions{})
	if err == nil && (a.ObjectSize != bigBytes || a.ObjectParts.PartsCount != 2) {
		err = fmt.Errorf("attributes: %+v", a)
	}
	return err
}

func (c minioGo) list(ctx context.Context) error {
	for _, v1 := range []bool{false, true} {
		count := 0
		for o := range c.ListObjects(ctx, c.bucket, minio.ListObjectsOptions{Prefix: "odd/", Recursive: true, UseV1: v1, MaxKeys: 2}) {
			if o.Err != nil {
				return o.Err
			}
			if !slices.Contains(oddKeys, o.Key) {
				return fmt.Errorf("listed %q", o.Key)
			}
			count++
		}
		if count != len(oddKeys)-2 {
			return fmt.Errorf("listed %d keys", count)
		}
	}
	return nil
}

func (c minioGo) copy(ctx context.Context) error {
	_, err := c.CopyObject(ctx, minio.CopyDestOptions{Bucket: c.bucket, Object: "copied/" + oddKeys[0]}, minio.CopySrcOptions{Bucket: c.bucket, Object: oddKeys[0]})
	return errors.Join(err, c.holds(ctx, c.bucket, "copied/"+oddKeys[0], []byte(oddKeys[0]), minio.GetObjectOptions{}))
}

func (c minioGo) compose(ctx context.Context) error {
	_, err := c.ComposeObject(ctx, minio.CopyDestOptions{Bucket: c.bucket, Object: "composed"},
		minio.CopySrcOptions{Bucket: c.bucket, Object: "big"}, minio.CopySrcOptions{Bucket: c.bucket, Object: "hello.txt"})
	return errors.Join(err, c.holds(ctx, c.bucket, "composed", slices.Concat(c.big, []byte("hello\n")), minio.GetObjectOptions{}))
}

func (c minioGo) presignedGet(ctx context.Context) error {
	u, err := c.PresignedGetObject(ctx, c.bucket, oddKeys[0], time.Minute, url.Values{"response-content-type": {"text/x"}})
	if err != nil {
		return err
	}
	if got, err := send(ctx, "GET", u.String(), ""); err != nil || got != "200 "+oddKeys[0] {
		return fmt.Errorf("presigned: got %q, %v", got, err)
	}
	return nil
}

func (c minioGo) presignedPut(ctx context.Context) error {
	u, err := c.PresignedPutObject(ctx, c.bucket, "signed", time.Minute)
	if err != nil {
		return err
	}
	if got, err := send(ctx, "PUT", u.String(), "by url"); err != nil || got != "200 " {
		return fmt.Errorf("presigned: got %q, %v", got, err)
	}
	return c.holds(ctx, c.bucket, "signed", []byte("by url"), minio.GetObjectOptions{})
}

func (c minioGo) postForm(ctx context.Context) error {
	p := minio.NewPostPolicy()
	if err := errors.Join(p.SetBucket(c.bucket), p.SetKey("form"), p.SetExpires(time.Now().Add(time.Minute)), p.SetContentLengthRange(1, 100)); err != nil {
		return err
	}
	to, fields, err := c.PresignedPostPolicy(ctx, p)
	if err != nil {
		return err
	}
	if got, err := sendForm(ctx, to.String(), fields, "by form"); err != nil || got != "204 " {
		return fmt.Errorf("form: got %q, %v", got, err)
	}
	return c.holds(ctx, c.bucket, "form", []byte("by form"), minio.GetObjectOptions{})
}

func (c minioGo) sigV2(ctx context.Context) error {
	old, err := minio.New(strings.TrimPrefix(c.e.URL, "http://"), &minio.Options{Creds: credentials.NewStaticV2(c.e.Access, c.e.Secret, ""), MaxRetries: 1})
	if err != nil {
		return err
	}
	v2 := minioGo{old, c.e, c.bucket, c.big}
	return errors.Join(v2.putOdd(ctx), v2.list(ctx), v2.presignedGet(ctx))
}

func (c minioGo) notifications(ctx context.Context) error {
	_, err := c.GetBucketNotification(ctx, c.bucket)
	return err
}

func (c minioGo) remove(ctx context.Context) error {
	if err := c.RemoveObject(ctx, c.bucket, "hello.txt", minio.RemoveObjectOptions{}); err != nil {
		return err
	}
	_, err := c.StatObject(ctx, c.bucket, "hello.txt", minio.StatObjectOptions{})
	return wantMinio(err, "NoSuchKey")
}

func (c minioGo) removeBucket(ctx context.Context) error {
	if err := wantMinio(c.RemoveBucket(ctx, c.bucket), "BucketNotEmpty"); err != nil {
		return err
	}
	for e := range c.RemoveObjects(ctx, c.bucket, c.ListObjects(ctx, c.bucket, minio.ListObjectsOptions{Recursive: true}), minio.RemoveObjectsOptions{}) {
		return e.Err
	}
	return c.RemoveBucket(ctx, c.bucket)
}
