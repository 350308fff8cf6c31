package s3

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/opensds/gelato/internal/userid"
)

func isOwner(o *types.Owner, name, display string) bool {
	return o != nil && aws.ToString(o.ID) == userid.Of(name) && aws.ToString(o.DisplayName) == display
}

// ListBuckets shows a user the buckets that are the user's own, also to the root user.
func TestListBucketsOfTheCaller(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	for name, c := range map[string]*awss3.Client{"of-root": g.root(), "of-user": g.sdk(userKey, userSecret)} {
		if _, err := c.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: aws.String(name)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		client              *awss3.Client
		name, display, want string
	}{{g.root(), "root", "ROOT", "of-root"}, {g.sdk(userKey, userSecret), "user", "USER", "of-user"}} {
		out, err := c.client.ListBuckets(t.Context(), &awss3.ListBucketsInput{})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, b := range out.Buckets {
			names = append(names, *b.Name)
		}
		if !slices.Equal(names, []string{c.want}) || !isOwner(out.Owner, c.name, c.display) {
			t.Errorf("%s sees %q of %s (%s)", c.name, names, aws.ToString(out.Owner.ID), aws.ToString(out.Owner.DisplayName))
		}
	}
}

// Uploads say who began them, and who owns what becomes of them.
func TestUploadOwners(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	c := g.sdk(userKey, userSecret)
	in := &awss3.CreateBucketInput{Bucket: aws.String("uploads")}
	if _, err := c.CreateBucket(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	up, err := g.root().CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: in.Bucket, Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	parts, err := c.ListParts(t.Context(), &awss3.ListPartsInput{Bucket: in.Bucket, Key: aws.String("k"), UploadId: up.UploadId})
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.ListMultipartUploads(t.Context(), &awss3.ListMultipartUploadsInput{Bucket: in.Bucket})
	if err != nil {
		t.Fatal(err)
	}
	for what, got := range map[string]struct {
		initiator *types.Initiator
		owner     *types.Owner
	}{"ListParts": {parts.Initiator, parts.Owner}, "ListMultipartUploads": {list.Uploads[0].Initiator, list.Uploads[0].Owner}} {
		if !isOwner(got.owner, "user", "USER") {
			t.Errorf("%s: owner %v", what, got.owner)
		}
		if aws.ToString(got.initiator.ID) != userid.Of("root") || aws.ToString(got.initiator.DisplayName) != "ROOT" {
			t.Errorf("%s: initiator %v", what, got.initiator)
		}
	}
}

// A client may name the owner that it expects by name or by canonical id.
func TestExpectedOwner(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket := g.bucket("expected", "")
	for expected, want := range map[string]string{"root": "", userid.Of("root"): "", "user": "AccessDenied", userid.Of("user"): "AccessDenied"} {
		_, err := g.root().ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: &bucket, ExpectedBucketOwner: aws.String(expected)})
		if want != "" {
			wantCode(t, err, want)
		} else if err != nil {
			t.Errorf("expected owner %q: %v", expected, err)
		}
	}
}
