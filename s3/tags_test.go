package s3

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// tagSet makes tags of keys and values by turns.
func tagSet(pairs ...string) *types.Tagging {
	t := &types.Tagging{TagSet: []types.Tag{}}
	for i := 0; i < len(pairs); i += 2 {
		t.TagSet = append(t.TagSet, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return t
}

func shownTags(tags []types.Tag) string {
	var all []string
	for _, t := range tags {
		all = append(all, *t.Key+"="+*t.Value)
	}
	return strings.Join(all, " ")
}

func TestObjectTags(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket, c, ctx := g.bucket("tagged", ""), g.root(), t.Context()
	want := func(key, tags string) {
		t.Helper()
		out, err := c.GetObjectTagging(ctx, &awss3.GetObjectTaggingInput{Bucket: &bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		if got := shownTags(out.TagSet); got != tags {
			t.Errorf("%s: got %q, want %q", key, got, tags)
		}
		head, err := c.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := int(aws.ToInt32(head.TagCount)), strings.Count(tags, "="); got != want {
			t.Errorf("%s: x-amz-tagging-count %d, want %d", key, got, want)
		}
	}
	do := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &bucket, Key: aws.String("put"), Body: strings.NewReader("bytes"), Tagging: aws.String("b=%20x&a"), Metadata: map[string]string{"m": "1"}}))
	want("put", "a= b= x")
	do(c.PutObjectTagging(ctx, &awss3.PutObjectTaggingInput{Bucket: &bucket, Key: aws.String("put"), Tagging: tagSet("k", "v")}))
	want("put", "k=v")
	if text, head := get(t, c, bucket, "put"); string(text) != "bytes" || head.Metadata["m"] != "1" || aws.ToInt32(head.TagCount) != 1 {
		t.Errorf("the object itself changed: %q %+v", text, head)
	}
	source := aws.String(bucket + "/put")
	do(c.CopyObject(ctx, &awss3.CopyObjectInput{Bucket: &bucket, Key: aws.String("copy"), CopySource: source}))
	want("copy", "k=v")
	do(c.CopyObject(ctx, &awss3.CopyObjectInput{Bucket: &bucket, Key: aws.String("other"), CopySource: source, TaggingDirective: types.TaggingDirectiveReplace, Tagging: aws.String("n=1&o=2")}))
	want("other", "n=1 o=2")
	do(c.CopyObject(ctx, &awss3.CopyObjectInput{Bucket: &bucket, Key: aws.String("bare"), CopySource: source, TaggingDirective: types.TaggingDirectiveReplace}))
	want("bare", "")
	do(c.DeleteObjectTagging(ctx, &awss3.DeleteObjectTaggingInput{Bucket: &bucket, Key: aws.String("put")}))
	want("put", "")
	want("copy", "k=v")

	up, err := c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String("parts"), Tagging: aws.String("p=1")})
	if err != nil {
		t.Fatal(err)
	}
	part, err := c.UploadPart(ctx, &awss3.UploadPartInput{Bucket: &bucket, Key: up.Key, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("part")})
	if err != nil {
		t.Fatal(err)
	}
	do(c.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{Bucket: &bucket, Key: up.Key, UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: part.ETag}}}}))
	want("parts", "p=1")

	do(c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &bucket, Key: aws.String("copy"), Body: strings.NewReader("new")}))
	want("copy", "")
	_, err = c.GetObjectTagging(ctx, &awss3.GetObjectTaggingInput{Bucket: &bucket, Key: aws.String("absent")})
	wantCode(t, err, "NoSuchKey")
	_, err = c.PutObjectTagging(ctx, &awss3.PutObjectTaggingInput{Bucket: &bucket, Key: aws.String("absent"), Tagging: tagSet("k", "v")})
	wantCode(t, err, "NoSuchKey")
	_, err = g.sdk(userKey, userSecret).GetObjectTagging(ctx, &awss3.GetObjectTaggingInput{Bucket: &bucket, Key: aws.String("put")})
	wantCode(t, err, "AccessDenied")
}

func TestTagsOfVersions(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket, key, c, ctx := g.bucket("tagged", ""), "k", g.root(), t.Context()
	if _, err := c.PutBucketVersioning(ctx, &awss3.PutBucketVersioningInput{Bucket: &bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}); err != nil {
		t.Fatal(err)
	}
	var versions []*string
	for range 2 {
		put, err := c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("x"), Tagging: aws.String("a=1")})
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, put.VersionId)
	}
	want := func(version *string, of *string, tags string) {
		t.Helper()
		out, err := c.GetObjectTagging(ctx, &awss3.GetObjectTaggingInput{Bucket: &bucket, Key: &key, VersionId: version})
		if err != nil || shownTags(out.TagSet) != tags || aws.ToString(out.VersionId) != *of {
			t.Errorf("got %+v, %v, want %q of %s", out, err, tags, *of)
		}
	}
	old, now := versions[0], versions[1]
	put, err := c.PutObjectTagging(ctx, &awss3.PutObjectTaggingInput{Bucket: &bucket, Key: &key, VersionId: old, Tagging: tagSet("b", "2")})
	if err != nil || aws.ToString(put.VersionId) != *old {
		t.Fatalf("got %+v, %v", put, err)
	}
	want(old, old, "b=2")
	want(nil, now, "a=1")
	deleted, err := c.DeleteObjectTagging(ctx, &awss3.DeleteObjectTaggingInput{Bucket: &bucket, Key: &key})
	if err != nil || aws.ToString(deleted.VersionId) != *now {
		t.Fatalf("got %+v, %v", deleted, err)
	}
	want(now, now, "")
	want(old, old, "b=2")
	if _, err := c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetObjectTagging(ctx, &awss3.GetObjectTaggingInput{Bucket: &bucket, Key: &key})
	wantCode(t, err, "NoSuchKey")
	_, err = c.PutObjectTagging(ctx, &awss3.PutObjectTaggingInput{Bucket: &bucket, Key: &key, Tagging: tagSet("b", "2")})
	wantCode(t, err, "NoSuchKey")
	want(old, old, "b=2")
}

func TestBadTags(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket, c, ctx := g.bucket("tagged", ""), g.root(), t.Context()
	g.send(call{method: "PUT", path: "/tagged/kept", body: []byte("kept"), header: map[string]string{"X-Amz-Tagging": "kept=1"}})
	before := g.state()
	var eleven []string
	for i := range 11 {
		eleven = append(eleven, fmt.Sprint("k", i), "v")
	}
	for name, tags := range map[string]*types.Tagging{
		"too many": tagSet(eleven...), "long key": tagSet(strings.Repeat("k", 129), "v"), "long value": tagSet("k", strings.Repeat("v", 257)), "system": tagSet("aws:k", "v"), "twice": tagSet("k", "v", "k", "v"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.PutObjectTagging(ctx, &awss3.PutObjectTaggingInput{Bucket: &bucket, Key: aws.String("kept"), Tagging: tags})
			wantCode(t, err, "InvalidTag")
		})
	}
	put := func(more map[string]string) call {
		header := map[string]string{"X-Amz-Tagging": "a=1"}
		maps.Copy(header, more)
		return call{method: "PUT", path: "/tagged/kept", body: []byte("new"), header: header}
	}
	document := []byte("<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>")
	for name, k := range map[string]struct {
		c    call
		want string
	}{
		"header twice":      {put(map[string]string{"X-Amz-Tagging": "a=1&a=2"}), "400 InvalidArgument"},
		"header value":      {put(map[string]string{"X-Amz-Tagging": "a=%3F"}), "400 InvalidTag"},
		"directive":         {put(map[string]string{"X-Amz-Copy-Source": "/tagged/kept", "X-Amz-Tagging-Directive": "MERGE", "X-Amz-Metadata-Directive": "REPLACE"}), "400 InvalidArgument"},
		"no checksum":       {call{method: "PUT", path: "/tagged/kept", query: "tagging=", body: document}, "400 InvalidRequest"},
		"unknown element":   {md5Sum(call{method: "PUT", path: "/tagged/kept", query: "tagging=", body: []byte("<Tagging><TagSet/><More/></Tagging>")}), "400 MalformedXML"},
		"tags of no bucket": {call{method: "GET", path: "/tagged", query: "tagging="}, "404 NoSuchTagSet"},
		"POST":              {call{method: "POST", path: "/tagged/kept", query: "tagging="}, "405 MethodNotAllowed"},
	} {
		if a := g.send(k.c); a.String() != k.want {
			t.Errorf("%s: got %v %q, want %s", name, a, a.message, k.want)
		}
	}
	if after := g.state(); after != before {
		t.Errorf("something changed:\n%s\nwas\n%s", after, before)
	}
	out, err := c.GetObjectTagging(ctx, &awss3.GetObjectTaggingInput{Bucket: &bucket, Key: aws.String("kept")})
	if err != nil || shownTags(out.TagSet) != "kept=1" {
		t.Errorf("got %+v, %v, want what was there", out, err)
	}
}

func TestBucketTags(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket, c, ctx := g.bucket("tagged", ""), g.root(), t.Context()
	want := func(bucket, tags string) {
		t.Helper()
		out, err := c.GetBucketTagging(ctx, &awss3.GetBucketTaggingInput{Bucket: &bucket})
		if err != nil || shownTags(out.TagSet) != tags {
			t.Errorf("got %+v, %v, want %q", out, err, tags)
		}
	}
	_, err := c.GetBucketTagging(ctx, &awss3.GetBucketTaggingInput{Bucket: &bucket})
	wantCode(t, err, "NoSuchTagSet")
	if _, err := c.PutBucketTagging(ctx, &awss3.PutBucketTaggingInput{Bucket: &bucket, Tagging: tagSet("b", "2", "a", "1")}); err != nil {
		t.Fatal(err)
	}
	want(bucket, "a=1 b=2")
	if _, err := c.DeleteBucketTagging(ctx, &awss3.DeleteBucketTaggingInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetBucketTagging(ctx, &awss3.GetBucketTaggingInput{Bucket: &bucket})
	wantCode(t, err, "NoSuchTagSet")

	born := "born"
	if _, err := c.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: &born, CreateBucketConfiguration: &types.CreateBucketConfiguration{Tags: tagSet("k", "v").TagSet}}); err != nil {
		t.Fatal(err)
	}
	want(born, "k=v")
	unborn := "unborn"
	_, err = c.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: &unborn, CreateBucketConfiguration: &types.CreateBucketConfiguration{Tags: tagSet("aws:k", "v").TagSet}})
	wantCode(t, err, "InvalidTag")
	if _, err := c.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: &unborn}); err == nil {
		t.Error("a bucket was made with tags that were refused")
	}
}
