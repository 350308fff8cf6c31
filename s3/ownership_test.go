package s3

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/opensds/gelato/internal/userid"
)

// ownerOfKey is who GetObjectAcl says owns a key, and what code it answers else.
func ownerOfKey(t *testing.T, c *awss3.Client, bucket, key string) string {
	t.Helper()
	out, err := c.GetObjectAcl(t.Context(), &awss3.GetObjectAclInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"user", "other", "root"} {
		if aws.ToString(out.Owner.ID) == userid.Of(name) {
			return name
		}
	}
	return aws.ToString(out.Owner.ID)
}

// Who owns what another user writes, by each way of writing: by ownership setting and canned list.
func TestObjectOwnership(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	owner, other, _ := g.parties()
	const refused = "AccessControlListNotSupported"
	for _, c := range []struct {
		setting             types.ObjectOwnership
		none, handed, other string // without a list, with bucket-owner-full-control, with private
	}{
		{"", "other", "other", "other"},
		{types.ObjectOwnershipObjectWriter, "other", "other", "other"},
		{types.ObjectOwnershipBucketOwnerPreferred, "other", "user", "other"},
		{types.ObjectOwnershipBucketOwnerEnforced, "user", "user", refused},
	} {
		t.Run("own"+string(c.setting), func(t *testing.T) {
			t.Parallel()
			bucket := aws.String("own-" + strings.ToLower(string(c.setting)) + "-x")
			if _, err := owner.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: bucket, ObjectOwnership: c.setting}); err != nil {
				t.Fatal(err)
			}
			allow := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::` + *bucket + `","arn:aws:s3:::` + *bucket + `/*"]}]}`
			if _, err := owner.PutBucketPolicy(t.Context(), &awss3.PutBucketPolicyInput{Bucket: bucket, Policy: &allow}); err != nil {
				t.Fatal(err)
			}
			if _, err := owner.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: aws.String("source"), Body: strings.NewReader("x")}); err != nil {
				t.Fatal(err)
			}
			for list, want := range map[types.ObjectCannedACL]string{"": c.none, "bucket-owner-full-control": c.handed, "private": c.other} {
				for how, write := range map[string]func(key *string) error{
					"put": func(key *string) error {
						_, err := other.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: key, ACL: list, Body: strings.NewReader("x")})
						return err
					},
					"copy": func(key *string) error {
						_, err := other.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: bucket, Key: key, ACL: list, CopySource: aws.String(*bucket + "/source")})
						return err
					},
					"upload": func(key *string) error {
						up, err := other.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: bucket, Key: key, ACL: list})
						if err != nil {
							return err
						}
						parts, err := other.ListParts(t.Context(), &awss3.ListPartsInput{Bucket: bucket, Key: key, UploadId: up.UploadId})
						if err != nil || aws.ToString(parts.Owner.ID) != userid.Of(want) || aws.ToString(parts.Initiator.ID) != userid.Of("other") {
							t.Errorf("%q: parts of %+v, %v", list, parts, err)
						}
						part, err := other.UploadPart(t.Context(), &awss3.UploadPartInput{Bucket: bucket, Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("x")})
						if err != nil {
							return err
						}
						_, err = other.CompleteMultipartUpload(t.Context(), &awss3.CompleteMultipartUploadInput{Bucket: bucket, Key: key, UploadId: up.UploadId,
							MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: part.ETag}}}})
						return err
					},
				} {
					key := how + string(list)
					err := write(&key)
					if want == refused {
						wantCode(t, err, refused)
						continue
					}
					if err != nil {
						t.Errorf("%s: %v", key, err)
						continue
					}
					if got := ownerOfKey(t, other, *bucket, key); got != want {
						t.Errorf("%s belongs to %s, want %s", key, got, want)
					}
					_, err = owner.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: bucket, Key: &key})
					if want == "user" || list == "bucket-owner-full-control" {
						if err != nil {
							t.Errorf("%s: the bucket's owner: %v", key, err)
						}
					} else { // neither owning the bucket nor its policy gives what belongs to another
						wantCode(t, err, "AccessDenied")
					}
				}
			}
			listed, err := owner.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: bucket, FetchOwner: aws.Bool(true)})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range listed.Contents {
				want := c.none
				switch {
				case *o.Key == "source":
					want = "user"
				case strings.HasSuffix(*o.Key, "full-control"):
					want = c.handed
				}
				if !isOwner(o.Owner, want, strings.ToUpper(want)) {
					t.Errorf("%s is listed as of %s, want %s", *o.Key, aws.ToString(o.Owner.DisplayName), want)
				}
				if _, err := owner.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: bucket, Key: o.Key}); err != nil {
					t.Errorf("the bucket's owner deletes %s: %v", *o.Key, err)
				}
			}
		})
	}
}

// Enforcing takes effect on what is there: lists no longer count, and the bucket's owner owns all.
func TestOwnershipControls(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	owner, other, nobody := g.parties()
	bucket, key := aws.String("controls"), aws.String("k")
	if _, err := owner.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: bucket, ACL: "public-read-write"}); err != nil {
		t.Fatal(err)
	}
	if _, err := other.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: bucket, Key: key, ACL: "public-read", Body: strings.NewReader("x")}); err != nil {
		t.Fatal(err)
	}
	get := &awss3.GetBucketOwnershipControlsInput{Bucket: bucket}
	_, err := owner.GetBucketOwnershipControls(t.Context(), get)
	wantCode(t, err, "OwnershipControlsNotFoundError")
	enforce := &awss3.PutBucketOwnershipControlsInput{Bucket: bucket, OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnershipBucketOwnerEnforced}}}}
	_, err = owner.PutBucketOwnershipControls(t.Context(), enforce)
	wantCode(t, err, "InvalidBucketAclWithObjectOwnership")
	_, err = other.PutBucketOwnershipControls(t.Context(), enforce)
	wantCode(t, err, "AccessDenied")
	if _, err := owner.PutBucketAcl(t.Context(), &awss3.PutBucketAclInput{Bucket: bucket, ACL: "private"}); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.PutBucketOwnershipControls(t.Context(), enforce); err != nil {
		t.Fatal(err)
	}
	out, err := owner.GetBucketOwnershipControls(t.Context(), get)
	if err != nil || len(out.OwnershipControls.Rules) != 1 || out.OwnershipControls.Rules[0].ObjectOwnership != types.ObjectOwnershipBucketOwnerEnforced {
		t.Errorf("controls are %+v, %v", out, err)
	}
	if got := ownerOfKey(t, owner, *bucket, *key); got != "user" {
		t.Errorf("the object belongs to %s", got)
	}
	for who, c := range map[string]*awss3.Client{"other": other, "nobody": nobody} {
		if _, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: bucket, Key: key}); err == nil {
			t.Errorf("%s reads by a list that does not count", who)
		}
	}
	_, err = owner.PutBucketAcl(t.Context(), &awss3.PutBucketAclInput{Bucket: bucket, ACL: "private"})
	wantCode(t, err, "AccessControlListNotSupported")
	_, err = owner.PutObjectAcl(t.Context(), &awss3.PutObjectAclInput{Bucket: bucket, Key: key, ACL: "public-read"})
	wantCode(t, err, "AccessControlListNotSupported")
	if _, err := owner.PutObjectAcl(t.Context(), &awss3.PutObjectAclInput{Bucket: bucket, Key: key, GrantFullControl: aws.String("id=" + userid.Of("user"))}); err != nil {
		t.Errorf("a list that grants what is true anyway: %v", err)
	}
	if _, err := owner.DeleteBucketOwnershipControls(t.Context(), &awss3.DeleteBucketOwnershipControlsInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	_, err = owner.GetBucketOwnershipControls(t.Context(), get)
	wantCode(t, err, "OwnershipControlsNotFoundError")
	for _, body := range []string{"", "<OwnershipControls/>", "<OwnershipControls><Rule><ObjectOwnership>Mine</ObjectOwnership></Rule></OwnershipControls>",
		"<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>"} {
		if got := g.send(call{method: "PUT", path: "/controls", query: "ownershipControls", body: []byte(body)}); got.status != 400 {
			t.Errorf("%q: %d %s", body, got.status, got.code)
		}
	}
}

// Where new buckets enforce, a list is refused unless the creator asks for another ownership.
func TestDefaultOwnership(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{ObjectOwnership: BucketOwnerEnforced})
	c := g.root()
	_, err := c.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: aws.String("listed"), ACL: "public-read"})
	wantCode(t, err, "InvalidBucketAclWithObjectOwnership")
	for _, made := range []struct {
		in   *awss3.CreateBucketInput
		want types.ObjectOwnership
	}{
		{&awss3.CreateBucketInput{Bucket: aws.String("plain"), ACL: "private"}, types.ObjectOwnershipBucketOwnerEnforced},
		{&awss3.CreateBucketInput{Bucket: aws.String("writers"), ACL: "public-read", ObjectOwnership: types.ObjectOwnershipObjectWriter}, types.ObjectOwnershipObjectWriter},
	} {
		if _, err := c.CreateBucket(t.Context(), made.in); err != nil {
			t.Fatal(err)
		}
		out, err := c.GetBucketOwnershipControls(t.Context(), &awss3.GetBucketOwnershipControlsInput{Bucket: made.in.Bucket})
		if err != nil || out.OwnershipControls.Rules[0].ObjectOwnership != made.want {
			t.Errorf("%s: %+v, %v", *made.in.Bucket, out, err)
		}
	}
	if got := g.send(call{method: "PUT", path: "/bad-ownership", header: map[string]string{"X-Amz-Object-Ownership": "Mine"}}); got.code != "InvalidArgument" {
		t.Errorf("an unknown ownership: %d %s", got.status, got.code)
	}
}
