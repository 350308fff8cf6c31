package s3

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestCopy(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	c, from, to := g.root(), g.bucket("from", "a"), g.bucket("dest", "b")
	for _, size := range []int{0, 10, 2 << 20} {
		key, want := fmt.Sprintf("k %d/é", size), data(3, size)
		if _, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &from, Key: &key, Body: bytes.NewReader(want), ContentType: aws.String("a/b"), Metadata: map[string]string{"m": "1"}, ChecksumAlgorithm: "SHA1"}); err != nil {
			t.Fatal(err)
		}
		source := from + "/" + strings.ReplaceAll(key, " ", "%20")
		out, err := c.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: &to, Key: &key, CopySource: &source})
		if err != nil {
			t.Fatal(err)
		}
		got, head := get(t, c, to, key)
		if !bytes.Equal(got, want) || *head.ContentType != "a/b" || head.Metadata["m"] != "1" || *out.CopyObjectResult.ETag != *head.ETag || out.CopyObjectResult.ChecksumSHA1 == nil {
			t.Errorf("%s: got %d bytes, %+v, %+v", key, len(got), head, out.CopyObjectResult)
		}
	}
	key, source := "k 10/é", from+"/k%2010/%C3%A9"
	replaced, err := c.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: &from, Key: &key, CopySource: &source, MetadataDirective: types.MetadataDirectiveReplace, ContentType: aws.String("c/d"), Metadata: map[string]string{"n": "2"}})
	if err != nil {
		t.Fatal(err)
	}
	_, head := get(t, c, from, key)
	if *head.ContentType != "c/d" || len(head.Metadata) != 1 || head.Metadata["n"] != "2" || *head.ETag != *replaced.CopyObjectResult.ETag {
		t.Errorf("replaced: got %+v", head)
	}
	_, err = c.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: &from, Key: &key, CopySource: &source})
	wantCode(t, err, "InvalidRequest")
	for _, bad := range []struct {
		in   awss3.CopyObjectInput
		code string
	}{
		{awss3.CopyObjectInput{CopySource: aws.String("from/absent")}, "NoSuchKey"},
		{awss3.CopyObjectInput{CopySource: aws.String("absent/k")}, "NoSuchBucket"},
		{awss3.CopyObjectInput{CopySource: aws.String("from")}, "InvalidArgument"},
		{awss3.CopyObjectInput{CopySource: &source, CopySourceIfMatch: aws.String(`"x"`)}, "PreconditionFailed"},
		{awss3.CopyObjectInput{CopySource: &source, CopySourceIfNoneMatch: head.ETag}, "PreconditionFailed"},
		{awss3.CopyObjectInput{CopySource: &source, CopySourceIfModifiedSince: aws.Time(time.Now().Add(time.Hour))}, "PreconditionFailed"},
		{awss3.CopyObjectInput{CopySource: &source, CopySourceIfUnmodifiedSince: aws.Time(time.Unix(1, 0))}, "PreconditionFailed"},
		{awss3.CopyObjectInput{CopySource: aws.String(source + "?versionId=abc")}, "InvalidArgument"},
	} {
		bad.in.Bucket, bad.in.Key = &to, aws.String("x")
		_, err := c.CopyObject(t.Context(), &bad.in)
		wantCode(t, err, bad.code)
	}
}
