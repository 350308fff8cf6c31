package s3

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestLifecycleConfiguration(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket, c, ctx := g.bucket("aging", ""), g.root(), t.Context()
	read := func() *awss3.GetBucketLifecycleConfigurationOutput {
		t.Helper()
		out, err := c.GetBucketLifecycleConfiguration(ctx, &awss3.GetBucketLifecycleConfigurationInput{Bucket: &bucket})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	put := func(in awss3.PutBucketLifecycleConfigurationInput, rules ...types.LifecycleRule) error {
		in.Bucket, in.LifecycleConfiguration = &bucket, &types.BucketLifecycleConfiguration{Rules: rules}
		_, err := c.PutBucketLifecycleConfiguration(ctx, &in)
		return err
	}
	_, err := c.GetBucketLifecycleConfiguration(ctx, &awss3.GetBucketLifecycleConfigurationInput{Bucket: &bucket})
	wantCode(t, err, "NoSuchLifecycleConfiguration")
	rule := types.LifecycleRule{Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("logs/")}, Expiration: &types.LifecycleExpiration{Days: aws.Int32(3)}}
	if err := put(awss3.PutBucketLifecycleConfigurationInput{}, rule); err != nil {
		t.Fatal(err)
	}
	if out := read(); len(out.Rules) != 1 || *out.Rules[0].ID == "" || *out.Rules[0].Filter.Prefix != "logs/" || *out.Rules[0].Expiration.Days != 3 || out.TransitionDefaultMinimumObjectSize != "all_storage_classes_128K" {
		t.Errorf("got %+v", out)
	}
	rule.Expiration.Days = aws.Int32(0)
	wantCode(t, put(awss3.PutBucketLifecycleConfigurationInput{}, rule), "InvalidArgument")
	wantCode(t, put(awss3.PutBucketLifecycleConfigurationInput{TransitionDefaultMinimumObjectSize: "none"}, rule), "InvalidRequest")
	if out := read(); *out.Rules[0].Expiration.Days != 3 {
		t.Errorf("what was refused is stored: %+v", out.Rules)
	}
	rule = types.LifecycleRule{ID: aws.String("a b"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{}, Transitions: []types.Transition{{Days: aws.Int32(0), StorageClass: "GLACIER"}},
		AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(2)}}
	if err := put(awss3.PutBucketLifecycleConfigurationInput{TransitionDefaultMinimumObjectSize: types.TransitionDefaultMinimumObjectSizeVariesByStorageClass}, rule); err != nil {
		t.Fatal(err)
	}
	if out := read(); *out.Rules[0].ID != "a b" || out.Rules[0].Filter == nil || *out.Rules[0].Transitions[0].Days != 0 || out.TransitionDefaultMinimumObjectSize != "varies_by_storage_class" {
		t.Errorf("got %+v", out)
	}
	up, err := c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	midnight := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 3)
	if up.AbortDate == nil || midnight.Sub(*up.AbortDate).Abs() > 24*time.Hour || aws.ToString(up.AbortRuleId) != "a%20b" { // a day more if it was just midnight
		t.Errorf("got %v by %v, want %v", up.AbortDate, up.AbortRuleId, midnight)
	}
	parts, err := c.ListParts(ctx, &awss3.ListPartsInput{Bucket: &bucket, Key: up.Key, UploadId: up.UploadId})
	if err != nil || parts.AbortDate == nil || !parts.AbortDate.Equal(*up.AbortDate) {
		t.Errorf("ListParts: got %+v, %v, want %v", parts, err, up.AbortDate)
	}
	if _, err := c.DeleteBucketLifecycle(ctx, &awss3.DeleteBucketLifecycleInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetBucketLifecycleConfiguration(ctx, &awss3.GetBucketLifecycleConfigurationInput{Bucket: &bucket})
	wantCode(t, err, "NoSuchLifecycleConfiguration")
}

func TestExpirationHeader(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket, c, ctx := g.bucket("aging", ""), g.root(), t.Context()
	_, err := c.PutBucketLifecycleConfiguration(ctx, &awss3.PutBucketLifecycleConfigurationInput{Bucket: &bucket, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{
		{ID: aws.String("by tag"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Tag: &types.Tag{Key: aws.String("k"), Value: aws.String("v")}}, Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, header *string, modified time.Time) {
		t.Helper()
		want := `expiry-date="` + modified.UTC().Truncate(24*time.Hour).AddDate(0, 0, 2).Format("Mon, 02 Jan 2006 15:04:05 GMT") + `", rule-id="by%20tag"`
		if aws.ToString(header) != want {
			t.Errorf("%s: got %q, want %q", what, aws.ToString(header), want)
		}
	}
	put, err := c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &bucket, Key: aws.String("k"), Body: strings.NewReader("x"), Tagging: aws.String("k=v")})
	if err != nil {
		t.Fatal(err)
	}
	head, err := c.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &bucket, Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	check("PUT", put.Expiration, *head.LastModified)
	check("HEAD", head.Expiration, *head.LastModified)
	copied, err := c.CopyObject(ctx, &awss3.CopyObjectInput{Bucket: &bucket, Key: aws.String("copy"), CopySource: aws.String(bucket + "/k")})
	if err != nil {
		t.Fatal(err)
	}
	check("copy", copied.Expiration, *copied.CopyObjectResult.LastModified)
	if _, err := c.DeleteObjectTagging(ctx, &awss3.DeleteObjectTaggingInput{Bucket: &bucket, Key: aws.String("k")}); err != nil {
		t.Fatal(err)
	}
	if head, err := c.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &bucket, Key: aws.String("k")}); err != nil || head.Expiration != nil {
		t.Errorf("without its tag: got %+v, %v", head, err)
	}
}
