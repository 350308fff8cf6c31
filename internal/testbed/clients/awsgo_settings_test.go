package clients

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func (c awsGo) tags(ctx context.Context) error {
	key := aws.String("hello.txt")
	set := &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a b"), Value: aws.String("é")}}}
	if _, err := c.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{Bucket: c.bucket, Key: key, Tagging: set}); err != nil {
		return err
	}
	got, err := c.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: c.bucket, Key: key})
	if err == nil && (len(got.TagSet) != 1 || *got.TagSet[0].Value != "é") {
		err = fmt.Errorf("tags: %+v", got.TagSet)
	}
	return err
}

func (c awsGo) acls(ctx context.Context) error {
	_, err := c.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{Bucket: c.bucket, OwnershipControls: &types.OwnershipControls{
		Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipObjectWriter}}}})
	if err != nil {
		return err
	}
	for _, want := range []struct {
		acl    types.ObjectCannedACL
		status string
	}{{"public-read", "200 "}, {"private", "403 "}} {
		if _, err := c.PutObjectAcl(ctx, &s3.PutObjectAclInput{Bucket: c.bucket, Key: aws.String("hello.txt"), ACL: want.acl}); err != nil {
			return err
		}
		if got, err := send(ctx, "GET", c.e.URL+"/"+*c.bucket+"/hello.txt", ""); err != nil || !strings.HasPrefix(got, want.status) {
			return fmt.Errorf("anonymous after %s: got %q, %v", want.acl, got, err)
		}
	}
	return nil
}

func (c awsGo) policy(ctx context.Context) error {
	text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + *c.bucket + `/hello.txt"}]}`
	if _, err := c.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: c.bucket, Policy: &text}); err != nil {
		return err
	}
	if got, err := send(ctx, "GET", c.e.URL+"/"+*c.bucket+"/hello.txt", ""); err != nil || got != "200 hello\n" {
		return fmt.Errorf("anonymous: got %q, %v", got, err)
	}
	_, err := c.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: c.bucket})
	return err
}

func (c awsGo) cors(ctx context.Context) error {
	rules := []types.CORSRule{{AllowedMethods: []string{"GET"}, AllowedOrigins: []string{"https://example.com"}}}
	if _, err := c.PutBucketCors(ctx, &s3.PutBucketCorsInput{Bucket: c.bucket, CORSConfiguration: &types.CORSConfiguration{CORSRules: rules}}); err != nil {
		return err
	}
	got, err := c.GetBucketCors(ctx, &s3.GetBucketCorsInput{Bucket: c.bucket})
	if err == nil && len(got.CORSRules) != 1 {
		err = fmt.Errorf("cors: %+v", got)
	}
	return err
}

func (c awsGo) lifecycle(ctx context.Context) error {
	rules := []types.LifecycleRule{{ID: aws.String("old"), Status: "Enabled", Filter: &types.LifecycleRuleFilter{Prefix: aws.String("logs/")}, Expiration: &types.LifecycleExpiration{Days: aws.Int32(3)}}}
	_, err := c.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{Bucket: c.bucket, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules}})
	if err != nil {
		return err
	}
	got, err := c.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: c.bucket})
	if err == nil && (len(got.Rules) != 1 || *got.Rules[0].Expiration.Days != 3) {
		err = fmt.Errorf("lifecycle: %+v", got)
	}
	return err
}

func (c awsGo) encryption(ctx context.Context) error {
	out, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: c.bucket, Key: aws.String("sse"), Body: strings.NewReader("secret"), ServerSideEncryption: "AES256"})
	if err != nil || out.ServerSideEncryption != "AES256" {
		return fmt.Errorf("put: %+v, %w", out, cmp.Or(err, errors.New("not encrypted")))
	}
	return c.holds(ctx, &s3.GetObjectInput{Key: aws.String("sse")}, []byte("secret"))
}

func (c awsGo) versioning(ctx context.Context) error {
	v, key := aws.String(*c.bucket+"-v"), aws.String("k")
	if _, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: v}); err != nil {
		return err
	}
	if _, err := c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: v, VersioningConfiguration: &types.VersioningConfiguration{Status: "Enabled"}}); err != nil {
		return err
	}
	var ids []types.ObjectIdentifier
	for _, body := range []string{"1", "2"} {
		out, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: v, Key: key, Body: strings.NewReader(body)})
		if err != nil {
			return err
		}
		ids = append(ids, types.ObjectIdentifier{Key: key, VersionId: out.VersionId})
	}
	gone, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: v, Key: key})
	if err != nil || !aws.ToBool(gone.DeleteMarker) {
		return fmt.Errorf("delete: %+v, %w", gone, cmp.Or(err, errors.New("no marker")))
	}
	if err := c.holds(ctx, &s3.GetObjectInput{Bucket: v, Key: key, VersionId: ids[0].VersionId}, []byte("1")); err != nil {
		return err
	}
	all, err := c.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: v})
	if err != nil || len(all.Versions) != 2 || len(all.DeleteMarkers) != 1 {
		return fmt.Errorf("versions: %+v, %w", all, cmp.Or(err, errors.New("other versions")))
	}
	ids = append(ids, types.ObjectIdentifier{Key: key, VersionId: gone.VersionId})
	if _, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: v, Delete: &types.Delete{Objects: ids}}); err != nil {
		return err
	}
	_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: v})
	return err
}

func (c awsGo) lock(ctx context.Context) error {
	b, key := aws.String(*c.bucket+"-l"), aws.String("k")
	if _, err := c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: b, ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		return err
	}
	out, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: b, Key: key, ObjectLockMode: "GOVERNANCE", ObjectLockRetainUntilDate: aws.Time(time.Now().Add(time.Hour))})
	if err != nil {
		return err
	}
	_, err = c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b, Key: key, VersionId: out.VersionId})
	if err := wantCode(err, "AccessDenied"); err != nil {
		return err
	}
	_, err = c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: b, Key: key, VersionId: out.VersionId, BypassGovernanceRetention: aws.Bool(true)})
	return err
}
