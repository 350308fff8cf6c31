package s3

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Who began an upload may see and end it, although the bucket is another's.
func TestUploadsOfInitiators(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	_, other, nobody := g.parties()
	bucket, key := aws.String("initiators"), aws.String("k")
	if _, err := g.root().CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: bucket, ACL: "public-read-write"}); err != nil {
		t.Fatal(err)
	}
	_, err := nobody.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	wantCode(t, err, "AccessDenied")
	up, err := other.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	list := &awss3.ListPartsInput{Bucket: bucket, Key: key, UploadId: up.UploadId}
	abort := &awss3.AbortMultipartUploadInput{Bucket: bucket, Key: key, UploadId: up.UploadId}
	for who, c := range map[string]*awss3.Client{"a third": g.sdk(userKey, userSecret), "nobody": nobody} {
		_, err := c.ListParts(t.Context(), list)
		wantCode(t, err, "AccessDenied")
		if _, err := c.AbortMultipartUpload(t.Context(), abort); err == nil {
			t.Errorf("%s aborts", who)
		}
	}
	if _, err := other.ListParts(t.Context(), list); err != nil {
		t.Errorf("ListParts: %v", err)
	}
	if _, err := other.AbortMultipartUpload(t.Context(), abort); err != nil {
		t.Errorf("AbortMultipartUpload: %v", err)
	}
}

// The permission to write lets a user delete what is the user's own, and nothing else; several at once too.
func TestDeleteByWriters(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	owner, other, nobody := g.parties()
	bucket := aws.String("writers")
	if _, err := owner.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: bucket, ACL: "public-read-write"}); err != nil {
		t.Fatal(err)
	}
	for key, c := range map[string]*awss3.Client{"theirs": owner, "own-1": other, "own-2": other, "nobodys": nobody} {
		if _, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: aws.String(key), Body: strings.NewReader("x")}); err != nil {
			t.Fatal(err)
		}
	}
	del := func(c *awss3.Client, key string) error {
		_, err := c.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: bucket, Key: aws.String(key)})
		return err
	}
	wantCode(t, del(other, "theirs"), "AccessDenied")
	wantCode(t, del(nobody, "nobodys"), "AccessDenied")
	if err := del(other, "own-1"); err != nil {
		t.Errorf("an own object: %v", err)
	}
	var keys []types.ObjectIdentifier
	for _, key := range []string{"theirs", "own-2", "nobodys"} {
		keys = append(keys, types.ObjectIdentifier{Key: aws.String(key)})
	}
	out, err := other.DeleteObjects(t.Context(), &awss3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: keys}})
	if err != nil || len(out.Deleted) != 1 || *out.Deleted[0].Key != "own-2" || len(out.Errors) != 2 || *out.Errors[0].Code != "AccessDenied" {
		t.Errorf("DeleteObjects: %+v, %v", out, err)
	}
	if err := del(owner, "nobodys"); err != nil {
		t.Errorf("what nobody owns belongs to the bucket's owner: %v", err)
	}
}

// Block public access keeps public lists from being set, or from counting.
func TestPublicLists(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	owner, other, nobody := g.parties()
	bucket, key := aws.String("public-lists"), aws.String("k")
	if _, err := owner.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: bucket, ACL: "public-read"}); err != nil {
		t.Fatal(err)
	}
	write := func(list types.ObjectCannedACL) error {
		_, err := owner.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: key, ACL: list, Body: strings.NewReader("x")})
		return err
	}
	if err := write("authenticated-read"); err != nil {
		t.Fatal(err)
	}
	block := func(b types.PublicAccessBlockConfiguration) {
		t.Helper()
		if _, err := owner.PutPublicAccessBlock(t.Context(), &awss3.PutPublicAccessBlockInput{Bucket: bucket, PublicAccessBlockConfiguration: &b}); err != nil {
			t.Fatal(err)
		}
	}
	read := func(c *awss3.Client) string {
		got := ""
		if _, err := c.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: bucket}); err == nil {
			got += "l"
		}
		if _, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: bucket, Key: key}); err == nil {
			got += "r"
		}
		return got
	}
	if a, b := read(other), read(nobody); a != "lr" || b != "l" {
		t.Errorf("unblocked: other may %q, nobody %q", a, b)
	}
	block(types.PublicAccessBlockConfiguration{BlockPublicAcls: aws.Bool(true)})
	if a, b := read(other), read(nobody); a != "lr" || b != "l" {
		t.Errorf("lists that are there: other may %q, nobody %q", a, b)
	}
	for _, list := range []types.ObjectCannedACL{"public-read", "public-read-write", "authenticated-read"} {
		wantCode(t, write(list), "AccessDenied")
		_, err := owner.PutObjectAcl(t.Context(), &awss3.PutObjectAclInput{Bucket: bucket, Key: key, ACL: list})
		wantCode(t, err, "AccessDenied")
		_, err = owner.PutBucketAcl(t.Context(), &awss3.PutBucketAclInput{Bucket: bucket, ACL: types.BucketCannedACL(list)})
		wantCode(t, err, "AccessDenied")
	}
	if err := write("bucket-owner-read"); err != nil {
		t.Errorf("a list that is not public: %v", err)
	}
	block(types.PublicAccessBlockConfiguration{IgnorePublicAcls: aws.Bool(true)})
	if err := write("public-read"); err != nil {
		t.Fatal(err)
	}
	if a, b := read(other), read(nobody); a != "" || b != "" {
		t.Errorf("ignored: other may %q, nobody %q", a, b)
	}
	if got := read(owner); got != "lr" {
		t.Errorf("ignored: the owner may %q", got)
	}
}

// A policy can deny what a list allows, also to set a list with a new object.
func TestPolicyOverLists(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	owner, other, nobody := g.parties()
	bucket := aws.String("over-lists")
	if _, err := owner.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: bucket, ACL: "public-read-write"}); err != nil {
		t.Fatal(err)
	}
	deny := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":["s3:PutObjectAcl","s3:GetObject"],"Resource":"arn:aws:s3:::over-lists/*"}]}`
	if _, err := owner.PutBucketPolicy(t.Context(), &awss3.PutBucketPolicyInput{Bucket: bucket, Policy: &deny}); err != nil {
		t.Fatal(err)
	}
	for who, c := range map[string]*awss3.Client{"owner": owner, "other": other, "nobody": nobody} {
		in := &awss3.PutObjectInput{Bucket: bucket, Key: aws.String(who), ACL: "public-read", Body: strings.NewReader("x")}
		_, err := c.PutObject(t.Context(), in)
		wantCode(t, err, "AccessDenied")
		in.ACL, in.Body = "", strings.NewReader("x")
		if _, err := c.PutObject(t.Context(), in); err != nil {
			t.Errorf("%s, without a list: %v", who, err)
		}
		_, err = c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: bucket, Key: aws.String(who)})
		wantCode(t, err, "AccessDenied")
	}
}
