package clients

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/cors"
	"github.com/minio/minio-go/v7/pkg/encrypt"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/minio/minio-go/v7/pkg/sse"
	"github.com/minio/minio-go/v7/pkg/tags"
)

func (c minioGo) tags(ctx context.Context) error {
	set, err := tags.NewTags(map[string]string{"a b": "1"}, true)
	if err != nil {
		return err
	}
	if err := c.PutObjectTagging(ctx, c.bucket, "hello.txt", set, minio.PutObjectTaggingOptions{}); err != nil {
		return err
	}
	got, err := c.GetObjectTagging(ctx, c.bucket, "hello.txt", minio.GetObjectTaggingOptions{})
	if err == nil && got.ToMap()["a b"] != "1" {
		err = fmt.Errorf("tags: %v", got)
	}
	return errors.Join(err, c.RemoveObjectTagging(ctx, c.bucket, "hello.txt", minio.RemoveObjectTaggingOptions{}))
}

func (c minioGo) bucketTags(ctx context.Context) error {
	set, err := tags.NewTags(map[string]string{"team": "storage"}, false)
	if err != nil {
		return err
	}
	if err := c.SetBucketTagging(ctx, c.bucket, set); err != nil {
		return err
	}
	got, err := c.GetBucketTagging(ctx, c.bucket)
	if err == nil && got.ToMap()["team"] != "storage" {
		err = fmt.Errorf("tags: %v", got)
	}
	return errors.Join(err, c.RemoveBucketTagging(ctx, c.bucket))
}

func (c minioGo) policy(ctx context.Context) error {
	text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + c.bucket + `/hello.txt"}]}`
	if err := c.SetBucketPolicy(ctx, c.bucket, text); err != nil {
		return err
	}
	if got, err := send(ctx, "GET", c.e.URL+"/"+c.bucket+"/hello.txt", ""); err != nil || got != "200 hello\n" {
		return fmt.Errorf("anonymous: got %q, %v", got, err)
	}
	got, err := c.GetBucketPolicy(ctx, c.bucket)
	if err == nil && !strings.Contains(got, "s3:GetObject") {
		err = fmt.Errorf("policy: %s", got)
	}
	return errors.Join(err, c.SetBucketPolicy(ctx, c.bucket, ""))
}

func (c minioGo) cors(ctx context.Context) error {
	if err := c.SetBucketCors(ctx, c.bucket, cors.NewConfig([]cors.Rule{{AllowedMethod: []string{"GET"}, AllowedOrigin: []string{"https://example.com"}}})); err != nil {
		return err
	}
	got, err := c.GetBucketCors(ctx, c.bucket)
	if err == nil && (got == nil || len(got.CORSRules) != 1) {
		err = fmt.Errorf("cors: %+v", got)
	}
	return errors.Join(err, c.SetBucketCors(ctx, c.bucket, nil))
}

func (c minioGo) lifecycle(ctx context.Context) error {
	config := lifecycle.NewConfiguration()
	config.Rules = []lifecycle.Rule{{ID: "old", Status: "Enabled", RuleFilter: lifecycle.Filter{Prefix: "logs/"}, Expiration: lifecycle.Expiration{Days: 3}}}
	if err := c.SetBucketLifecycle(ctx, c.bucket, config); err != nil {
		return err
	}
	got, err := c.GetBucketLifecycle(ctx, c.bucket)
	if err == nil && (len(got.Rules) != 1 || got.Rules[0].Expiration.Days != 3) {
		err = fmt.Errorf("lifecycle: %+v", got)
	}
	return errors.Join(err, c.SetBucketLifecycle(ctx, c.bucket, lifecycle.NewConfiguration()))
}

func (c minioGo) encryption(ctx context.Context) error {
	if _, err := c.write(ctx, "sse", "secret", minio.PutObjectOptions{ServerSideEncryption: encrypt.NewSSE()}); err != nil {
		return err
	}
	if err := c.holds(ctx, c.bucket, "sse", []byte("secret"), minio.GetObjectOptions{}); err != nil {
		return err
	}
	if err := c.SetBucketEncryption(ctx, c.bucket, sse.NewConfigurationSSES3()); err != nil {
		return err
	}
	got, err := c.GetBucketEncryption(ctx, c.bucket)
	if err == nil && got.Rules[0].Apply.SSEAlgorithm != "AES256" {
		err = fmt.Errorf("encryption: %+v", got)
	}
	return errors.Join(err, c.RemoveBucketEncryption(ctx, c.bucket))
}

func (c minioGo) versioning(ctx context.Context) error {
	v := minioGo{c.Client, c.e, c.bucket + "-v", nil}
	if err := errors.Join(v.MakeBucket(ctx, v.bucket, minio.MakeBucketOptions{}), v.EnableVersioning(ctx, v.bucket)); err != nil {
		return err
	}
	one, err := v.write(ctx, "k", "1", minio.PutObjectOptions{})
	if err != nil {
		return err
	}
	if err := v.RemoveObject(ctx, v.bucket, "k", minio.RemoveObjectOptions{}); err != nil {
		return err
	}
	if err := v.holds(ctx, v.bucket, "k", []byte("1"), minio.GetObjectOptions{VersionID: one.VersionID}); err != nil {
		return err
	}
	return v.empty(ctx, 2, minio.RemoveObjectOptions{})
}

// empty removes every version, of which there are count, and the bucket.
func (c minioGo) empty(ctx context.Context, count int, o minio.RemoveObjectOptions) error {
	for version := range c.ListObjects(ctx, c.bucket, minio.ListObjectsOptions{WithVersions: true, Recursive: true}) {
		if version.Err != nil {
			return version.Err
		}
		o.VersionID = version.VersionID
		if err := c.RemoveObject(ctx, c.bucket, version.Key, o); err != nil {
			return err
		}
		count--
	}
	if count != 0 {
		return fmt.Errorf("%d versions too few", count)
	}
	return c.RemoveBucket(ctx, c.bucket)
}

func (c minioGo) lock(ctx context.Context) error {
	l := minioGo{c.Client, c.e, c.bucket + "-l", nil}
	if err := l.MakeBucket(ctx, l.bucket, minio.MakeBucketOptions{ObjectLocking: true}); err != nil {
		return err
	}
	info, err := l.write(ctx, "k", "1", minio.PutObjectOptions{Mode: minio.Governance, RetainUntilDate: time.Now().Add(time.Hour)})
	if err != nil {
		return err
	}
	err = l.RemoveObject(ctx, l.bucket, "k", minio.RemoveObjectOptions{VersionID: info.VersionID})
	if err := wantMinio(err, "AccessDenied"); err != nil {
		return err
	}
	return l.empty(ctx, 1, minio.RemoveObjectOptions{GovernanceBypass: true})
}
