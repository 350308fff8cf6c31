package s3

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/opensds/gelato/internal/userid"
	"github.com/opensds/gelato/s3/acl"
)

// parties are who asks in these tests: the owner of a bucket (user), another user (other) and nobody.
func (g *gateway) parties() (owner, other, nobody *awss3.Client) {
	anonymous := awss3.New(awss3.Options{BaseEndpoint: aws.String(g.url), Region: "us-east-1", UsePathStyle: true, RetryMaxAttempts: 1, Credentials: aws.AnonymousCredentials{}})
	return g.sdk(userKey, userSecret), g.sdk(otherKey, otherSecret), anonymous
}

// questions is what lists are asked for, in this order, on a bucket with the object k; each letter stands for what is allowed.
func questions() []struct {
	letter string
	do     func(t *testing.T, c *awss3.Client, bucket string) error
} {
	return []struct {
		letter string
		do     func(t *testing.T, c *awss3.Client, bucket string) error
	}{
		{"l", func(t *testing.T, c *awss3.Client, bucket string) error {
			_, err := c.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: &bucket})
			return err
		}},
		{"a", func(t *testing.T, c *awss3.Client, bucket string) error {
			_, err := c.GetBucketAcl(t.Context(), &awss3.GetBucketAclInput{Bucket: &bucket})
			return err
		}},
		{"r", func(t *testing.T, c *awss3.Client, bucket string) error {
			_, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &bucket, Key: aws.String("k")})
			return err
		}},
		{"o", func(t *testing.T, c *awss3.Client, bucket string) error {
			_, err := c.GetObjectAcl(t.Context(), &awss3.GetObjectAclInput{Bucket: &bucket, Key: aws.String("k")})
			return err
		}},
		{"w", func(t *testing.T, c *awss3.Client, bucket string) error {
			_, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &bucket, Key: aws.String("new"), Body: strings.NewReader("x")})
			return err
		}},
		{"t", func(t *testing.T, c *awss3.Client, bucket string) error {
			_, err := c.GetObjectTagging(t.Context(), &awss3.GetObjectTaggingInput{Bucket: &bucket, Key: aws.String("k")})
			return err
		}},
		{"d", func(t *testing.T, c *awss3.Client, bucket string) error {
			_, err := c.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &bucket, Key: aws.String("k")})
			return err
		}},
	}
}

func mayDo(t *testing.T, c *awss3.Client, bucket string) string {
	t.Helper()
	got := ""
	for _, a := range questions() {
		if err := a.do(t, c, bucket); err == nil {
			got += a.letter
		} else {
			wantCode(t, err, "AccessDenied")
		}
	}
	return got
}

func TestCannedACLs(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	owner, other, nobody := g.parties()
	for _, c := range []struct {
		name          string
		bucket        types.BucketCannedACL
		object        types.ObjectCannedACL
		other, nobody string
	}{
		{"private-private", "private", "private", "", ""},
		{"none-none", "", "", "", ""},
		{"private-public", "private", "public-read", "r", "r"},
		{"private-public-write", "private", "public-read-write", "r", "r"},
		{"private-users", "private", "authenticated-read", "r", ""},
		{"public-private", "public-read", "private", "l", "l"},
		{"public-public", "public-read", "public-read", "lr", "lr"},
		{"users-private", "authenticated-read", "private", "l", ""},
		{"writable-private", "public-read-write", "private", "lw", "lw"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := owner.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &c.name, ACL: c.bucket}); err != nil {
				t.Fatal(err)
			}
			for _, who := range []struct {
				name   string
				client *awss3.Client
				want   string
			}{{"other", other, c.other}, {"nobody", nobody, c.nobody}, {"owner", owner, "larowtd"}, {"root", g.root(), "larowtd"}} {
				if _, err := owner.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &c.name, Key: aws.String("k"), ACL: c.object, Body: strings.NewReader("x")}); err != nil {
					t.Fatal(err)
				}
				if got := mayDo(t, who.client, c.name); got != who.want {
					t.Errorf("%s may %q, want %q", who.name, got, who.want)
				}
				owner.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &c.name, Key: aws.String("new")}) // else it belongs to who wrote it
			}
		})
	}
}

// Grants mean on buckets and on objects what their permissions say, and the owner can always set the list.
func TestGrants(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	owner, other, _ := g.parties()
	for _, c := range []struct {
		permission     types.Permission
		bucket, object string
		sets           bool
	}{
		{types.PermissionRead, "l", "r", false},
		{types.PermissionWrite, "w", "", false},
		{types.PermissionReadAcp, "a", "o", false},
		{types.PermissionWriteAcp, "", "", true},
		{types.PermissionFullControl, "law", "ro", true},
	} {
		name := "grants-" + strings.ToLower(strings.ReplaceAll(string(c.permission), "_", "-"))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := owner.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: &name}); err != nil {
				t.Fatal(err)
			}
			if _, err := owner.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &name, Key: aws.String("k"), Body: strings.NewReader("x")}); err != nil {
				t.Fatal(err)
			}
			list := &types.AccessControlPolicy{Owner: &types.Owner{ID: aws.String(userid.Of("user"))},
				Grants: []types.Grant{{Grantee: &types.Grantee{Type: types.TypeCanonicalUser, ID: aws.String(userid.Of("other"))}, Permission: c.permission}}}
			if _, err := owner.PutBucketAcl(t.Context(), &awss3.PutBucketAclInput{Bucket: &name, AccessControlPolicy: list}); err != nil {
				t.Fatal(err)
			}
			if got := mayDo(t, other, name); got != c.bucket {
				t.Errorf("%s on the bucket: %q, want %q", c.permission, got, c.bucket)
			}
			if _, err := other.PutBucketAcl(t.Context(), &awss3.PutBucketAclInput{Bucket: &name, ACL: "private"}); (err == nil) != c.sets {
				t.Errorf("PutBucketAcl with %s: %v", c.permission, err)
			}
			if _, err := owner.PutBucketAcl(t.Context(), &awss3.PutBucketAclInput{Bucket: &name, ACL: "private"}); err != nil {
				t.Fatal(err)
			}
			if _, err := owner.PutObjectAcl(t.Context(), &awss3.PutObjectAclInput{Bucket: &name, Key: aws.String("k"), AccessControlPolicy: list}); err != nil {
				t.Fatal(err)
			}
			if got := mayDo(t, other, name); got != c.object {
				t.Errorf("%s on the object: %q, want %q", c.permission, got, c.object)
			}
			if _, err := other.PutObjectAcl(t.Context(), &awss3.PutObjectAclInput{Bucket: &name, Key: aws.String("k"), ACL: "public-read"}); (err == nil) != c.sets {
				t.Errorf("PutObjectAcl with %s: %v", c.permission, err)
			}
		})
	}
}

// A list is answered with groups first, and with ids of those whom it named by address.
func TestACLDocument(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	owner, _, _ := g.parties()
	bucket := aws.String("document")
	if _, err := owner.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: bucket, GrantFullControl: aws.String("emailAddress=USER@example.com"), GrantRead: aws.String(`id="` + userid.Of("other") + `", uri="` + acl.AllUsers.URI() + `"`)}); err != nil {
		t.Fatal(err)
	}
	got := g.send(call{method: "GET", path: "/document", query: "acl"})
	const grant = `<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="`
	want := `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>` + userid.Of("user") + `</ID><DisplayName>USER</DisplayName></Owner><AccessControlList>` +
		grant + `Group"><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>READ</Permission></Grant>` +
		grant + `CanonicalUser"><ID>` + userid.Of("other") + `</ID><DisplayName>OTHER</DisplayName></Grantee><Permission>READ</Permission></Grant>` +
		grant + `CanonicalUser"><ID>` + userid.Of("user") + `</ID><DisplayName>USER</DisplayName></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>`
	if string(got.body) != want {
		t.Errorf("got\n%s\nwant\n%s", got.body, want)
	}
	// In us-east-1 to create it again is no error, and sets the list anew.
	if _, err := owner.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	out, err := owner.GetBucketAcl(t.Context(), &awss3.GetBucketAclInput{Bucket: bucket})
	if err != nil || len(out.Grants) != 1 || aws.ToString(out.Grants[0].Grantee.ID) != userid.Of("user") {
		t.Errorf("created again: %+v, %v", out, err)
	}
}

func TestPutACLRefusals(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket := g.bucket("aclrefusals", "")
	put(t, g.root(), bucket, "k", []byte("x"))
	document := func(owner, grants string) []byte {
		return []byte(`<AccessControlPolicy><Owner><ID>` + owner + `</ID></Owner><AccessControlList>` + grants + `</AccessControlList></AccessControlPolicy>`)
	}
	grantee := func(kind, inner string) string {
		return `<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="` + kind + `">` + inner + `</Grantee><Permission>READ</Permission></Grant>`
	}
	root := userid.Of("root")
	for name, c := range map[string]struct {
		header map[string]string
		body   []byte
		status int
		code   string
	}{
		"nothing":              {nil, nil, 400, "MissingSecurityHeader"},
		"header and body":      {map[string]string{"X-Amz-Acl": "private"}, document(root, ""), 400, "UnexpectedContent"},
		"canned and grants":    {map[string]string{"X-Amz-Acl": "private", "X-Amz-Grant-Read": "id=" + root}, nil, 400, "InvalidRequest"},
		"unknown canned list":  {map[string]string{"X-Amz-Acl": "secret"}, nil, 400, "InvalidArgument"},
		"another owner":        {nil, document(userid.Of("user"), ""), 403, "AccessDenied"},
		"no such user":         {nil, document(root, grantee("CanonicalUser", "<ID>"+userid.Of("nobody")+"</ID>")), 400, "InvalidArgument"},
		"no such address":      {nil, document(root, grantee("AmazonCustomerByEmail", "<EmailAddress>no@example.com</EmailAddress>")), 400, "UnresolvableGrantByEmailAddress"},
		"no such group":        {nil, document(root, grantee("Group", "<URI>http://x</URI>")), 400, "InvalidArgument"},
		"no list":              {nil, []byte("<AccessControlPolicy><Owner><ID>" + root + "</ID></Owner></AccessControlPolicy>"), 400, "MalformedACLError"},
		"no XML":               {nil, []byte("<AccessControlPolicy>"), 400, "MalformedXML"},
		"bad header of grants": {map[string]string{"X-Amz-Grant-Write": "ann"}, nil, 400, "InvalidArgument"},
	} {
		for _, path := range []string{"/aclrefusals", "/aclrefusals/k"} {
			got := g.send(call{method: "PUT", path: path, query: "acl", header: c.header, body: c.body})
			if got.status != c.status || got.code != c.code {
				t.Errorf("%s on %s: %d %s, want %d %s", name, path, got.status, got.code, c.status, c.code)
			}
		}
	}
	for path, want := range map[string]string{"/aclrefusals/absent": "NoSuchKey", "/nobucket": "NoSuchBucket"} {
		if got := g.send(call{method: "PUT", path: path, query: "acl", header: map[string]string{"X-Amz-Acl": "private"}}); got.code != want {
			t.Errorf("%s: %s, want %s", path, got.code, want)
		}
	}
	if got := g.send(call{method: "GET", path: "/aclrefusals", query: "acl"}); strings.Count(string(got.body), "<Grant>") != 1 || got.status != http.StatusOK {
		t.Errorf("the list is %s now", got.body)
	}
}
