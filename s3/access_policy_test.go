package s3

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/opensds/gelato/internal/userid"
	"github.com/opensds/gelato/s3/catalog"
)

func TestPolicyDecides(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket := g.owned("bucket")
	const all, itself = "arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket"
	other := `{"AWS":"arn:aws:iam:::user/other"}`
	get, list, put := call{method: "GET", path: "/bucket/public/k"}, call{method: "GET", path: "/bucket"}, call{method: "PUT", path: "/bucket/new"}
	with := func(c call, header ...string) call {
		c.header = map[string]string{}
		for i := 0; i < len(header); i += 2 {
			c.header[header[i]] = header[i+1]
		}
		return c
	}
	query := func(c call, q string) call { c.query = q; return c }
	at := func(c call, path string) call { c.path = path; return c }
	tests := []struct {
		name   string
		policy []string
		who    string
		call   call
		want   string // a code, empty: it is allowed
	}{
		{"no statement applies", []string{statement("Allow", "*", "s3:GetObject", "arn:aws:s3:::bucket/other/*", "")}, "other", get, "AccessDenied"},
		{"nor to nobody", []string{statement("Allow", "*", "s3:GetObject", "arn:aws:s3:::bucket/other/*", "")}, "anonymous", get, "AccessDenied"},
		{"everybody", []string{statement("Allow", "*", "s3:GetObject", all, "")}, "anonymous", get, ""},
		{"everybody is others too", []string{statement("Allow", "*", "s3:GetObject", all, "")}, "other", get, ""},
		{"a user", []string{statement("Allow", other, "s3:GetObject", all, "")}, "other", get, ""},
		{"a user is not everybody", []string{statement("Allow", other, "s3:GetObject", all, "")}, "anonymous", get, "AccessDenied"},
		{"a user by canonical id", []string{statement("Allow", `{"CanonicalUser":"`+userid.Of("other")+`"}`, "s3:GetObject", all, "")}, "other", get, ""},
		{"all users of the account", []string{statement("Allow", `{"AWS":"arn:aws:iam::default:root"}`, "s3:GetObject", all, "")}, "other", get, ""},
		{"deny of the other", []string{statement("Allow", "*", "s3:*", all, ""), statement("Deny", other, "s3:GetObject", all, "")}, "other", get, "AccessDenied"},
		{"deny of the owner", []string{statement("Deny", "*", "s3:GetObject", all, "")}, "owner", get, "AccessDenied"},
		{"deny of the root user", []string{statement("Deny", "*", "s3:GetObject", all, "")}, "root", get, "AccessDenied"},
		{"head is get", []string{statement("Allow", "*", "s3:GetObject", all, "")}, "anonymous", call{method: "HEAD", path: "/bucket/public/k"}, ""},
		{"put", []string{statement("Allow", "*", "s3:PutObject", all, "")}, "anonymous", put, ""},
		{"put is not get", []string{statement("Allow", "*", "s3:PutObject", all, "")}, "anonymous", get, "AccessDenied"},
		{"list", []string{statement("Allow", "*", "s3:ListBucket", itself, "")}, "anonymous", list, ""},
		{"head of bucket is list", []string{statement("Allow", "*", "s3:ListBucket", itself, "")}, "anonymous", call{method: "HEAD", path: "/bucket"}, ""},
		{"list is not location", []string{statement("Allow", "*", "s3:ListBucket", itself, "")}, "other", query(list, "location"), "AccessDenied"},
		{"uploads are not list", []string{statement("Allow", "*", "s3:ListBucket", itself, "")}, "other", query(list, "uploads"), "AccessDenied"},
		{"uploads", []string{statement("Allow", "*", "s3:ListBucketMultipartUploads", itself, "")}, "other", query(list, "uploads"), ""},
		{"a policy of the policy", []string{statement("Allow", other, "s3:*BucketPolicy", itself, "")}, "other", query(list, "policy"), ""},
		{"a policy of the policy is not for everybody", []string{statement("Allow", "*", "s3:*BucketPolicy", itself, "")}, "anonymous", query(list, "policy"), "MethodNotAllowed"},
		{"delete of the bucket", []string{statement("Allow", other, "s3:*", itself, "")}, "other", call{method: "DELETE", path: "/bucket"}, "BucketNotEmpty"},

		{"prefix", []string{statement("Allow", "*", "s3:ListBucket", itself, `"StringLike":{"s3:prefix":"public/*"}`)}, "other", query(list, "prefix=public/a"), ""},
		{"other prefix", []string{statement("Allow", "*", "s3:ListBucket", itself, `"StringLike":{"s3:prefix":"public/*"}`)}, "other", query(list, "prefix=private/"), "AccessDenied"},
		{"no prefix", []string{statement("Allow", "*", "s3:ListBucket", itself, `"StringLike":{"s3:prefix":"public/*"}`)}, "other", list, "AccessDenied"},
		{"max-keys", []string{statement("Allow", "*", "s3:ListBucket", itself, `"NumericLessThanEquals":{"s3:max-keys":"10"}`)}, "other", query(list, "list-type=2&max-keys=10"), ""},
		{"more keys", []string{statement("Allow", "*", "s3:ListBucket", itself, `"NumericLessThanEquals":{"s3:max-keys":"10"}`)}, "other", query(list, "list-type=2&max-keys=11"), "AccessDenied"},
		{"delimiter", []string{statement("Allow", "*", "s3:ListBucket", itself, `"StringEquals":{"s3:delimiter":"/"}`)}, "other", query(list, "delimiter=/"), ""},
		{"address", []string{statement("Allow", "*", "s3:GetObject", all, `"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}`)}, "anonymous", get, ""},
		{"other address", []string{statement("Allow", "*", "s3:GetObject", all, `"NotIpAddress":{"aws:SourceIp":"127.0.0.0/8"}`)}, "anonymous", get, "AccessDenied"},
		{"plain HTTP", []string{statement("Deny", "*", "s3:*", all, `"Bool":{"aws:SecureTransport":"false"}`)}, "owner", get, "AccessDenied"},
		{"referer", []string{statement("Allow", "*", "s3:GetObject", all, `"StringLike":{"aws:Referer":"http://a.example/*"}`)}, "anonymous", with(get, "Referer", "http://a.example/x"), ""},
		{"other referer", []string{statement("Allow", "*", "s3:GetObject", all, `"StringLike":{"aws:Referer":"http://a.example/*"}`)}, "anonymous", with(get, "Referer", "http://b.example/x"), "AccessDenied"},
		{"user agent", []string{statement("Allow", "*", "s3:GetObject", all, `"StringEquals":{"aws:UserAgent":"x"}`)}, "anonymous", with(get, "User-Agent", "x"), ""},
		{"time", []string{statement("Allow", "*", "s3:GetObject", all, `"DateGreaterThan":{"aws:CurrentTime":"2020-01-01"},"NumericGreaterThan":{"aws:EpochTime":1577836800}`)}, "anonymous", get, ""},
		{"time is over", []string{statement("Allow", "*", "s3:GetObject", all, `"DateLessThan":{"aws:CurrentTime":"2020-01-01"}`)}, "anonymous", get, "AccessDenied"},
		{"user name", []string{statement("Allow", "*", "s3:PutObject", all, `"StringEquals":{"aws:username":"other","aws:PrincipalType":"User","aws:PrincipalAccount":"default","aws:userid":"`+userid.Of("other")+`"},"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::default:user/other"}`)}, "other", put, ""},
		{"no user name", []string{statement("Allow", "*", "s3:PutObject", all, `"StringLike":{"aws:username":"*"}`)}, "anonymous", put, "AccessDenied"},
		{"anonymous type", []string{statement("Allow", "*", "s3:PutObject", all, `"StringEquals":{"aws:PrincipalType":"Anonymous"}`)}, "anonymous", put, ""},
		{"home directory", []string{statement("Allow", "*", "s3:PutObject", "arn:aws:s3:::bucket/home/${aws:username}/*", "")}, "other", at(put, "/bucket/home/other/x"), ""},
		{"home directory of another", []string{statement("Allow", "*", "s3:PutObject", "arn:aws:s3:::bucket/home/${aws:username}/*", "")}, "other", at(put, "/bucket/home/user/x"), "AccessDenied"},
		{"signature", []string{statement("Allow", "*", "s3:PutObject", all, `"StringEquals":{"s3:authType":"REST-HEADER","s3:signatureversion":"AWS4-HMAC-SHA256"},"NumericLessThan":{"s3:signatureAge":600000}`)}, "other", put, ""},
		{"no signature", []string{statement("Allow", "*", "s3:PutObject", all, `"Null":{"s3:authType":true,"s3:signatureversion":true,"s3:signatureAge":true}`)}, "anonymous", put, ""},
		{"payload", []string{statement("Deny", "*", "s3:PutObject", all, `"StringEquals":{"s3:x-amz-content-sha256":"UNSIGNED-PAYLOAD"}`)}, "owner", func() call { c := put; c.hash = "UNSIGNED-PAYLOAD"; return c }(), "AccessDenied"},
		{"signed payload", []string{statement("Deny", "*", "s3:PutObject", all, `"StringEquals":{"s3:x-amz-content-sha256":"UNSIGNED-PAYLOAD"}`)}, "owner", put, ""},
		{"acl", []string{statement("Deny", "*", "s3:PutObject", all, `"StringNotEquals":{"s3:x-amz-acl":"bucket-owner-full-control"}`)}, "owner", with(put, "x-amz-acl", "bucket-owner-full-control"), ""},
		{"no acl", []string{statement("Deny", "*", "s3:PutObject", all, `"StringNotEquals":{"s3:x-amz-acl":"bucket-owner-full-control"}`)}, "owner", put, "AccessDenied"},
		{"storage class", []string{statement("Deny", "*", "s3:PutObject", all, `"StringEquals":{"s3:x-amz-storage-class":"GLACIER"}`)}, "owner", with(put, "x-amz-storage-class", "GLACIER"), "AccessDenied"},
		{"encryption asked for", []string{statement("Deny", "*", "s3:PutObject", all, `"Null":{"s3:x-amz-server-side-encryption":"true"}`)}, "owner", put, "AccessDenied"},
		{"writes must be conditional", []string{statement("Deny", "*", "s3:PutObject", all, `"Null":{"s3:if-none-match":"true"},"Bool":{"s3:ObjectCreationOperation":"true"}`)}, "owner", put, "AccessDenied"},
		{"a conditional write", []string{statement("Deny", "*", "s3:PutObject", all, `"Null":{"s3:if-none-match":"true"},"Bool":{"s3:ObjectCreationOperation":"true"}`)}, "owner", with(at(put, "/bucket/conditional"), "If-None-Match", "*"), ""},
		{"beginning an upload is no creation", []string{statement("Deny", "*", "s3:PutObject", all, `"Null":{"s3:if-none-match":"true"},"Bool":{"s3:ObjectCreationOperation":"true"}`)}, "owner", call{method: "POST", path: "/bucket/new", query: "uploads"}, ""},

		{"copy", []string{statement("Allow", other, "s3:GetObject", all, ""), statement("Allow", other, "s3:PutObject", all, `"StringLike":{"s3:x-amz-copy-source":"bucket/public/*"}`)}, "other", with(put, "x-amz-copy-source", "/bucket/public/k"), ""},
		{"copy from elsewhere", []string{statement("Allow", other, "s3:GetObject", all, ""), statement("Allow", other, "s3:PutObject", all, `"StringLike":{"s3:x-amz-copy-source":"bucket/public/*"}`)}, "other", with(put, "x-amz-copy-source", "bucket/private/k"), "AccessDenied"},
		{"copy of what cannot be read", []string{statement("Allow", other, "s3:PutObject", all, "")}, "other", with(put, "x-amz-copy-source", "bucket/public/k"), "AccessDenied"},
		{"copy with directive", []string{statement("Allow", other, "s3:GetObject", all, ""), statement("Allow", other, "s3:PutObject", all, `"StringEquals":{"s3:x-amz-metadata-directive":"COPY"}`)}, "other", with(put, "x-amz-copy-source", "bucket/public/k", "x-amz-metadata-directive", "COPY"), ""},
		{"copy without directive", []string{statement("Allow", other, "s3:GetObject", all, ""), statement("Allow", other, "s3:PutObject", all, `"StringEquals":{"s3:x-amz-metadata-directive":"COPY"}`)}, "other", with(put, "x-amz-copy-source", "bucket/public/k"), "AccessDenied"},
		{"what is said of the copy is not said of its source", []string{statement("Deny", "*", "s3:*", "arn:aws:s3:::bucket/public/*", `"StringEquals":{"s3:x-amz-acl":"private"}`)}, "owner", with(put, "x-amz-copy-source", "bucket/public/k", "x-amz-acl", "private"), ""},

		{"copy by nobody", []string{statement("Allow", "*", "s3:*", all, "")}, "anonymous", with(put, "x-amz-copy-source", "bucket/public/k"), "AccessDenied"},
		{"upload by nobody", []string{statement("Allow", "*", "s3:*", all, "")}, "anonymous", call{method: "POST", path: "/bucket/new", query: "uploads"}, "AccessDenied"},

		{"absent, may list", []string{statement("Allow", "*", "s3:*", `["`+itself+`","`+all+`"]`, "")}, "other", at(get, "/bucket/none"), "NoSuchKey"},
		{"absent, may not list", []string{statement("Allow", "*", "s3:GetObject", all, "")}, "other", at(get, "/bucket/none"), "AccessDenied"},
		{"absent, may list alone", []string{statement("Allow", "*", "s3:ListBucket", itself, "")}, "other", at(get, "/bucket/none"), "NoSuchKey"},
		{"there, may list alone", []string{statement("Allow", "*", "s3:ListBucket", itself, "")}, "other", get, "AccessDenied"},
		{"absent, may list its prefix", []string{statement("Allow", "*", "s3:ListBucket", itself, `"StringLike":{"s3:prefix":"public/*"}`)}, "other", at(get, "/bucket/public/none"), "NoSuchKey"},
		{"absent, may list another prefix", []string{statement("Allow", "*", "s3:ListBucket", itself, `"StringLike":{"s3:prefix":"public/*"}`)}, "other", at(get, "/bucket/private/none"), "AccessDenied"},
		{"absent, denied", []string{statement("Allow", "*", "s3:ListBucket", itself, ""), statement("Deny", "*", "s3:GetObject", all, "")}, "other", at(get, "/bucket/none"), "AccessDenied"},
		{"absent source, may not list", []string{statement("Allow", other, "s3:GetObject", all, ""), statement("Allow", other, "s3:PutObject", all, "")}, "other", with(put, "x-amz-copy-source", "bucket/none"), "AccessDenied"},
		{"absent, the owner", []string{statement("Allow", "*", "s3:GetObject", all, "")}, "owner", at(get, "/bucket/none"), "NoSuchKey"},
	}
	for _, tt := range tests { // one after the other: they share the bucket
		g.allow(bucket, tt.policy...)
		got := g.as(tt.who, tt.call)
		switch {
		case tt.want == "" && got.status >= 300:
			t.Errorf("%s: got %d %s, want it allowed", tt.name, got.status, got.body)
		case tt.want != "" && got.code != tt.want:
			t.Errorf("%s: got %d %q, want %s", tt.name, got.status, got.code, tt.want)
		}
	}
}

// A policy that denies everything to everybody can be read and removed by the owner and the root user, and by nobody else.
func TestNobodyIsLockedOut(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket := g.owned("bucket")
	denyAll := statement("Deny", "*", "s3:*", `["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"]`, "")
	for _, who := range []string{"owner", "root"} {
		g.allow(bucket, denyAll)
		if a := g.as(who, call{method: "GET", path: "/bucket"}); a.code != "AccessDenied" {
			t.Errorf("%s lists: %d %s", who, a.status, a.code)
		}
		if a := g.as(who, call{method: "GET", path: "/bucket", query: "policy"}); a.status != 200 || !strings.Contains(string(a.body), denyAll) {
			t.Errorf("%s reads the policy: %d %s", who, a.status, a.body)
		}
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if a := g.as("other", call{method: method, path: "/bucket", query: "policy", body: []byte("{}")}); a.code != "AccessDenied" {
				t.Errorf("another's %s: %d %s", method, a.status, a.code)
			}
		}
		if a := g.as(who, call{method: "DELETE", path: "/bucket", query: "policy"}); a.status != 204 {
			t.Errorf("%s removes the policy: %d %s", who, a.status, a.body)
		}
		if a := g.as(who, call{method: "GET", path: "/bucket"}); a.status != 200 {
			t.Errorf("%s lists: %d %s", who, a.status, a.body)
		}
	}
}

// A policy that cannot be read, as one of a newer version might not be, lets nobody in, and can be replaced.
func TestUnreadablePolicy(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket := g.owned("bucket")
	if _, err := g.catalog.SetSettings(t.Context(), catalog.Bucket{Name: bucket}, map[string][]byte{policySetting: []byte(`{"Version":"2099-01-01"}`)}); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"owner", "other", "anonymous"} {
		if a := g.as(who, call{method: "GET", path: "/bucket/public/k"}); a.code != "InternalError" {
			t.Errorf("%s: got %d %s, want InternalError", who, a.status, a.code)
		}
	}
	if a := g.as("other", call{method: "DELETE", path: "/bucket", query: "policy"}); a.code != "InternalError" {
		t.Errorf("removed by another: got %d %s, want InternalError", a.status, a.code)
	}
	if a := g.as("owner", call{method: "DELETE", path: "/bucket", query: "policy"}); a.status != 204 {
		t.Errorf("removed by the owner: got %d %s", a.status, a.body)
	}
	if a := g.as("owner", call{method: "GET", path: "/bucket/public/k"}); a.status != 200 {
		t.Errorf("afterwards: got %d %s", a.status, a.body)
	}
}

// Who was given the right to set the policy does not lose it by mistake.
func TestConfirmRemoveSelfBucketAccess(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket := g.owned("bucket")
	g.allow(bucket, statement("Allow", `{"AWS":"arn:aws:iam:::user/other"}`, "s3:PutBucketPolicy", "arn:aws:s3:::bucket", ""))
	without := []byte(`{"Statement":` + statement("Allow", "*", "s3:ListBucket", "arn:aws:s3:::bucket", "") + `}`)
	put := call{method: "PUT", path: "/bucket", query: "policy", body: without}
	if a := g.as("other", put); a.code != "InvalidRequest" {
		t.Errorf("got %d %s, want InvalidRequest", a.status, a.code)
	}
	put.header = map[string]string{"x-amz-confirm-remove-self-bucket-access": "true"}
	if a := g.as("other", put); a.status != 204 {
		t.Errorf("got %d %s, want it done", a.status, a.body)
	}
	if a := g.as("other", put); a.code != "AccessDenied" {
		t.Errorf("got %d %s, want AccessDenied", a.status, a.code)
	}
}

// A policy gives away what the owner of the bucket owns. Its denials concern all objects.
func TestPolicyAndObjectsOfOthers(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket := g.owned("bucket")
	b, err := g.catalog.Bucket(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.catalog.Amend(t.Context(), b, "public/k", "", func(o *catalog.Object) error {
		o.Owner, o.Tags = "somebody", map[string]string{"stage": "prod"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	get := call{method: "GET", path: "/bucket/public/k"}
	g.allow(bucket, statement("Allow", "*", "s3:GetObject", "arn:aws:s3:::bucket/*", ""))
	if a := g.as("anonymous", get); a.code != "AccessDenied" {
		t.Errorf("object of another: got %d %s, want AccessDenied", a.status, a.code)
	}
	if a := g.as("anonymous", call{method: "GET", path: "/bucket/private/k"}); a.status != 200 {
		t.Errorf("object of the owner: got %d %s", a.status, a.body)
	}
	g.allow(bucket, statement("Deny", "*", "s3:GetObject", "arn:aws:s3:::bucket/*", `"StringEquals":{"s3:ExistingObjectTag/stage":"prod"}`))
	if a := g.as("owner", get); a.code != "AccessDenied" {
		t.Errorf("tagged object: got %d %s, want AccessDenied", a.status, a.code)
	}
	if a := g.as("owner", call{method: "GET", path: "/bucket/private/k"}); a.status != 200 {
		t.Errorf("object without tags: got %d %s", a.status, a.body)
	}
}

func TestBucketPolicyOperations(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.owned("bucket")
	c, ctx := g.sdk(userKey, userSecret), t.Context()
	name := aws.String("bucket")
	_, err := c.GetBucketPolicy(ctx, &awss3.GetBucketPolicyInput{Bucket: name})
	wantCode(t, err, "NoSuchBucketPolicy")
	doc := `{ "Version": "2012-10-17",  "Statement": ` + statement("Allow", "*", "s3:GetObject", "arn:aws:s3:::bucket/*", "") + ` }`
	if _, err := c.PutBucketPolicy(ctx, &awss3.PutBucketPolicyInput{Bucket: name, Policy: &doc}); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetBucketPolicy(ctx, &awss3.GetBucketPolicyInput{Bucket: name})
	if err != nil || *got.Policy != doc {
		t.Errorf("GetBucketPolicy = %v, %v, want the document as it was put", got, err)
	}
	_, err = c.PutBucketPolicy(ctx, &awss3.PutBucketPolicyInput{Bucket: name, Policy: aws.String(strings.Replace(doc, ":::bucket", ":::another", 1))})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "MalformedPolicy" || api.ErrorMessage() != "Policy has invalid resource" {
		t.Errorf("PutBucketPolicy about another bucket: %v", err)
	}
	for range 2 { // removing it again is no failure
		if _, err := c.DeleteBucketPolicy(ctx, &awss3.DeleteBucketPolicyInput{Bucket: name}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = c.GetBucketPolicy(ctx, &awss3.GetBucketPolicyInput{Bucket: name})
	wantCode(t, err, "NoSuchBucketPolicy")
}

func TestPublicAccessBlock(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket := g.owned("bucket")
	c, ctx := g.sdk(userKey, userSecret), t.Context()
	name := aws.String(bucket)
	_, err := c.GetPublicAccessBlock(ctx, &awss3.GetPublicAccessBlockInput{Bucket: name})
	wantCode(t, err, "NoSuchPublicAccessBlockConfiguration")
	block := func(p types.PublicAccessBlockConfiguration) {
		t.Helper()
		if _, err := c.PutPublicAccessBlock(ctx, &awss3.PutPublicAccessBlockInput{Bucket: name, PublicAccessBlockConfiguration: &p}); err != nil {
			t.Fatal(err)
		}
		got, err := c.GetPublicAccessBlock(ctx, &awss3.GetPublicAccessBlockInput{Bucket: name})
		if err != nil {
			t.Fatal(err)
		}
		for what, pair := range map[string][2]*bool{
			"BlockPublicAcls": {p.BlockPublicAcls, got.PublicAccessBlockConfiguration.BlockPublicAcls}, "IgnorePublicAcls": {p.IgnorePublicAcls, got.PublicAccessBlockConfiguration.IgnorePublicAcls},
			"BlockPublicPolicy": {p.BlockPublicPolicy, got.PublicAccessBlockConfiguration.BlockPublicPolicy}, "RestrictPublicBuckets": {p.RestrictPublicBuckets, got.PublicAccessBlockConfiguration.RestrictPublicBuckets},
		} {
			if aws.ToBool(pair[0]) != aws.ToBool(pair[1]) {
				t.Errorf("%s = %v, want %v", what, aws.ToBool(pair[1]), aws.ToBool(pair[0]))
			}
		}
	}
	public := func(want bool) {
		t.Helper()
		got, err := c.GetBucketPolicyStatus(ctx, &awss3.GetBucketPolicyStatusInput{Bucket: name})
		if err != nil || aws.ToBool(got.PolicyStatus.IsPublic) != want {
			t.Errorf("GetBucketPolicyStatus = %v, %v, want %v", got, err, want)
		}
	}
	open := statement("Allow", "*", "s3:GetObject", "arn:aws:s3:::bucket/*", "")
	get := call{method: "GET", path: "/bucket/public/k"}

	public(false)
	block(types.PublicAccessBlockConfiguration{BlockPublicPolicy: aws.Bool(true), IgnorePublicAcls: aws.Bool(true)})
	_, err = c.PutBucketPolicy(ctx, &awss3.PutBucketPolicyInput{Bucket: name, Policy: aws.String(`{"Statement":` + open + `}`)})
	wantCode(t, err, "AccessDenied")
	g.allow(bucket, statement("Allow", `{"AWS":"arn:aws:iam::s3tenant1:root"}`, "s3:GetObject", "arn:aws:s3:::bucket/*", ""))
	public(false)

	block(types.PublicAccessBlockConfiguration{})
	g.allow(bucket, open)
	public(true)
	if a := g.as("anonymous", get); a.status != 200 {
		t.Errorf("public: got %d %s", a.status, a.body)
	}
	block(types.PublicAccessBlockConfiguration{RestrictPublicBuckets: aws.Bool(true), BlockPublicAcls: aws.Bool(true)})
	for who, want := range map[string]int{"anonymous": 403, "other": 200, "owner": 200} { // other is in the same account
		if a := g.as(who, get); a.status != want {
			t.Errorf("restricted, %s: got %d %s, want %d", who, a.status, a.body, want)
		}
	}
	if _, err := c.DeletePublicAccessBlock(ctx, &awss3.DeletePublicAccessBlockInput{Bucket: name}); err != nil {
		t.Fatal(err)
	}
	if a := g.as("anonymous", get); a.status != 200 {
		t.Errorf("public again: got %d %s", a.status, a.body)
	}
	_, err = c.GetPublicAccessBlock(ctx, &awss3.GetPublicAccessBlockInput{Bucket: name})
	wantCode(t, err, "NoSuchPublicAccessBlockConfiguration")
	for _, body := range []string{"", "<PublicAccessBlockConfiguration>", "<PublicAccessBlockConfiguration><BlockAll>true</BlockAll></PublicAccessBlockConfiguration>",
		"<PublicAccessBlockConfiguration><BlockPublicAcls>maybe</BlockPublicAcls></PublicAccessBlockConfiguration>"} {
		if a := g.as("owner", call{method: "PUT", path: "/bucket", query: "publicAccessBlock", body: []byte(body)}); a.code != "MalformedXML" {
			t.Errorf("put %q: got %d %s, want MalformedXML", body, a.status, a.code)
		}
	}
}

// Every permission of the operation table is one that a policy of a bucket can name, about what the operation is about.
func TestOperationTableNamesPermissionsOfPolicies(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.owned("bucket")
	for _, o := range operations() {
		for _, action := range []string{o.action, o.version} {
			if action == "" || o.level == onService {
				continue
			}
			resource := "arn:aws:s3:::bucket"
			if o.level == onObject {
				resource += "/*"
			}
			doc, err := json.Marshal(map[string]any{"Statement": map[string]any{"Effect": "Deny", "Principal": "*", "Action": action, "Resource": resource}})
			if err != nil {
				t.Fatal(err)
			}
			if a := g.as("owner", call{method: "PUT", path: "/bucket", query: "policy", body: doc}); a.status != http.StatusNoContent {
				t.Errorf("%s: %s: %d %s", o.name, action, a.status, a.body)
			}
		}
	}
}
