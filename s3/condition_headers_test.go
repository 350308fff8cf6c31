package s3

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// The parts of an upload are judged by the headers that it was begun with: a client sends them once.
func TestPartsAreJudgedByTheBeginning(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket := g.owned("bucket")
	c, ctx := g.sdk(userKey, userSecret), t.Context()
	begin := func(class types.StorageClass) *string {
		t.Helper()
		u, err := c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String("k"), StorageClass: class})
		if err != nil {
			t.Fatal(err)
		}
		return u.UploadId
	}
	part := func(id *string) (*awss3.UploadPartOutput, error) {
		return c.UploadPart(ctx, &awss3.UploadPartInput{Bucket: &bucket, Key: aws.String("k"), UploadId: id, PartNumber: aws.Int32(1)})
	}
	before := begin("")
	g.allow(bucket, statement("Deny", "*", "s3:PutObject", "arn:aws:s3:::bucket/*", `"StringNotEquals":{"s3:x-amz-storage-class":"STANDARD"}`))
	if _, err := part(before); err == nil {
		t.Error("a part of an upload without the header was taken")
	} else {
		wantCode(t, err, "AccessDenied")
	}
	_, err := c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String("k")})
	wantCode(t, err, "AccessDenied")

	id := begin(types.StorageClassStandard)
	p, err := part(id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{Bucket: &bucket, Key: aws.String("k"), UploadId: id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: p.ETag}}}}); err != nil {
		t.Fatal(err)
	}
}

// What a request says in its document is judged as what it says in headers, and the document is still verified and applied.
func TestRequestTags(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket := g.owned("bucket")
	g.allow(bucket,
		statement("Allow", "*", "s3:PutObject", "arn:aws:s3:::bucket/*", `"StringEquals":{"s3:RequestObjectTag/stage":"dev"}`),
		statement("Allow", "*", "s3:PutObjectTagging", "arn:aws:s3:::bucket/*", `"StringEquals":{"s3:RequestObjectTag/stage":"dev"},"ForAllValues:StringEquals":{"s3:RequestObjectTagKeys":["stage","team"]}`))
	c, ctx := g.sdk(otherKey, otherSecret), t.Context()
	for tags, allowed := range map[string]bool{"stage=dev": true, "stage=dev&team=a": true, "stage=prod": false, "": false, "stage=dev&cost=1": false} {
		_, err := c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &bucket, Key: aws.String("k"), Tagging: &tags})
		if allowed && err != nil {
			t.Errorf("PutObject with %q: %v", tags, err)
		}
		if !allowed {
			wantCode(t, err, "AccessDenied")
		}
	}
	for stage, allowed := range map[string]bool{"dev": true, "prod": false} {
		_, err := c.PutObjectTagging(ctx, &awss3.PutObjectTaggingInput{Bucket: &bucket, Key: aws.String("public/k"),
			Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("stage"), Value: &stage}}}})
		if allowed && err != nil {
			t.Errorf("PutObjectTagging %s: %v", stage, err)
		}
		if !allowed {
			wantCode(t, err, "AccessDenied")
		}
	}
	got, err := g.sdk(userKey, userSecret).GetObjectTagging(ctx, &awss3.GetObjectTaggingInput{Bucket: &bucket, Key: aws.String("public/k")})
	if err != nil || len(got.TagSet) != 1 || *got.TagSet[0].Value != "dev" {
		t.Errorf("GetObjectTagging = %v, %v, want stage dev", got, err)
	}
	if a := g.as("other", call{method: "PUT", path: "/bucket/public/k", query: "tagging", body: []byte("<Tagging><TagSet><Tag><Key>stage</Key><Value>dev</Value></Tag></TagSet></Tagging>"),
		header: map[string]string{"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}}); a.code != "BadDigest" {
		t.Errorf("a document with a wrong digest: got %d %s, want BadDigest", a.status, a.code)
	}
}
