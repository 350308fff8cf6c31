package identity

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/opensds/gelato/internal/testbed"
)

type user struct{ Name, CanonicalID, DisplayName, Email string }

type key struct{ AccessKey, SecretKey, User, Status string }

func rest(t *testing.T, g *testbed.Gelato, method, path string, in, out any) {
	t.Helper()
	if err := g.REST(t.Context(), method, path, in, out); err != nil {
		t.Fatal(err)
	}
}

func newUser(t *testing.T, g *testbed.Gelato, name string) (u user, k key) {
	t.Helper()
	rest(t, g, "POST", "users", map[string]string{"name": name, "displayName": "The " + name, "email": name + "@example.com"}, &u)
	rest(t, g, "POST", "keys", map[string]string{"user": name}, &k)
	return u, k
}

func client(g *testbed.Gelato, k key) *s3.Client {
	return s3.New(s3.Options{BaseEndpoint: aws.String(g.S3), Region: "us-east-1", UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(k.AccessKey, k.SecretKey, "")})
}

func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// A disabled key is refused no later than two seconds after REST said so, however busy it was; the user's other key goes on.
func TestDisabledKey(t *testing.T) {
	t.Parallel()
	g := testbed.StartGelato(t, testbed.GelatoOptions{})
	_, k := newUser(t, g, "ann")
	var second key
	rest(t, g, "POST", "keys", map[string]string{"user": "ann"}, &second)
	c, other := client(g, k), client(g, second)
	list := func(c *s3.Client) error {
		_, err := c.ListBuckets(t.Context(), &s3.ListBucketsInput{})
		return err
	}
	for begin := time.Now(); time.Since(begin) < time.Second; {
		if err := list(c); err != nil {
			t.Fatal(err)
		}
	}
	rest(t, g, "PUT", "keys/"+k.AccessKey, map[string]string{"status": "disabled"}, nil)
	for disabled := time.Now(); ; {
		began := time.Since(disabled)
		err := list(c)
		if codeOf(err) == "InvalidAccessKeyId" {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if began > 2*time.Second {
			t.Fatalf("a request that began %v after the key was disabled was served", began)
		}
	}
	if err := list(other); err != nil {
		t.Errorf("the other key: %v", err)
	}
	rest(t, g, "PUT", "keys/"+k.AccessKey, map[string]string{"status": "enabled"}, nil)
	for enabled := time.Now(); list(c) != nil; {
		if time.Since(enabled) > 10*time.Second {
			t.Fatal("the key is enabled again, but not served")
		}
	}
}

// Users know one another by canonical id and address, and own what they write. Nothing that is kept holds the secret of a key.
func TestUsersShare(t *testing.T) {
	t.Parallel()
	g := testbed.StartGelato(t, testbed.GelatoOptions{})
	ann, annKey := newUser(t, g, "ann")
	bob, bobKey := newUser(t, g, "bob")
	a, b, bucket := client(g, annKey), client(g, bobKey), aws.String("shared")
	if _, err := a.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}); codeOf(err) != "BucketAlreadyExists" {
		t.Errorf("the bucket of another: %v", err)
	}
	put := func(c *s3.Client, key string) error {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader(key)})
		return err
	}
	if err := put(b, "before"); codeOf(err) != "AccessDenied" {
		t.Errorf("before the grant: %v", err)
	}
	if _, err := a.PutBucketAcl(t.Context(), &s3.PutBucketAclInput{Bucket: bucket, GrantFullControl: aws.String("id=" + ann.CanonicalID), GrantWrite: aws.String("emailAddress=" + strings.ToUpper(bob.Email))}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*s3.Client{"of-ann": a, "of-bob": b} {
		if err := put(c, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	listed, err := a.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: bucket, FetchOwner: aws.Bool(true)})
	if err != nil || len(listed.Contents) != 2 {
		t.Fatalf("listed %+v, %v", listed, err)
	}
	for i, want := range []user{ann, bob} {
		if o := listed.Contents[i].Owner; aws.ToString(o.ID) != want.CanonicalID || aws.ToString(o.DisplayName) != "The "+want.Name {
			t.Errorf("%s belongs to %s (%s)", *listed.Contents[i].Key, aws.ToString(o.DisplayName), aws.ToString(o.ID))
		}
	}
	out, err := a.GetBucketAcl(t.Context(), &s3.GetBucketAclInput{Bucket: bucket})
	if err != nil || len(out.Grants) != 2 || out.Grants[0].Permission != types.PermissionWrite || aws.ToString(out.Grants[0].Grantee.ID) != bob.CanonicalID {
		t.Errorf("the list is %+v, %v", out, err)
	}

	g.Stop()
	found := false
	err = filepath.WalkDir(g.Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, k := range []key{annKey, bobKey} {
			if strings.Contains(string(text), k.SecretKey) {
				t.Errorf("%s holds the secret of %s", path, k.User)
			}
			found = found || strings.Contains(string(text), k.AccessKey)
		}
		return err
	})
	if err != nil || !found {
		t.Errorf("the state was not searched: %v", err)
	}
}
