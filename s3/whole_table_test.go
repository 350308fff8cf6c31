package s3

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/opensds/gelato/s3/catalog"
)

// private is a bucket "mine" of the user "user", with versions of an object, an upload with a part, and every kind of thing that must not leak.
type private struct {
	g               *gateway
	upload, version string
}

const privateText = "the secret text of the object"

func newPrivate(t *testing.T) *private {
	t.Helper()
	g := newGateway(t, Options{})
	p := &private{g: g}
	c, ctx := g.sdk(userKey, userSecret), t.Context()
	mine, key := aws.String("mine"), aws.String("k")
	_, err := c.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: mine})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	_, err = c.PutBucketVersioning(ctx, &awss3.PutBucketVersioningInput{Bucket: mine, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	must(err)
	_, err = c.PutBucketTagging(ctx, &awss3.PutBucketTaggingInput{Bucket: mine, Tagging: tagSet("secret", "tag")})
	must(err)
	for range 2 {
		made, err := c.PutObject(ctx, &awss3.PutObjectInput{Bucket: mine, Key: key, Body: strings.NewReader(privateText), Tagging: aws.String("secret=tag")})
		must(err)
		p.version = *made.VersionId
	}
	begun, err := c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: mine, Key: key})
	must(err)
	p.upload = *begun.UploadId
	_, err = c.UploadPart(ctx, &awss3.UploadPartInput{Bucket: mine, Key: key, UploadId: begun.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader(privateText)})
	must(err)
	other := g.sdk(otherKey, otherSecret)
	_, err = other.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: aws.String("theirs")})
	must(err)
	put(t, other, "theirs", "k", []byte("x"))
	return p
}

// state is all there is to know of the bucket and of the stores, read behind the API's back.
func (p *private) state() string {
	p.g.t.Helper()
	ctx := p.g.t.Context()
	b, err := p.g.catalog.Bucket(ctx, "mine")
	if err != nil {
		p.g.t.Fatal(err)
	}
	list, err := p.g.catalog.ListVersions(ctx, catalog.VersionListing{Bucket: b, Limit: 1000})
	if err != nil {
		p.g.t.Fatal(err)
	}
	uploads, _, err := p.g.catalog.Uploads(ctx, b, "", "", "", 1000)
	if err != nil {
		p.g.t.Fatal(err)
	}
	text := fmt.Sprint(b.Settings, b.Versioning, b.ObjectLock, len(uploads), p.g.blobs("a"))
	for _, o := range list.Versions {
		text += fmt.Sprintln(o.Key, o.VersionID, o.DeleteMarker, o.Size, o.Attributes)
	}
	for _, u := range uploads {
		parts, _, err := p.g.catalog.UploadParts(ctx, u, 0, 1000)
		if err != nil {
			p.g.t.Fatal(err)
		}
		text += fmt.Sprintln(u.ID, len(parts))
	}
	return text
}

// call is a request for a row of the operation table, on a key that may be absent.
func (p *private) call(o operation, key, version string) call {
	c := call{method: o.method, path: "/"}
	if o.level != onService {
		c.path = "/mine"
	}
	if o.level == onObject {
		c.path += "/" + key
	}
	q := url.Values{}
	if o.marker != "" {
		q.Set(o.marker, "")
	}
	if o.marker == "uploadId" {
		q.Set("uploadId", p.upload)
		q.Set("partNumber", "2")
	}
	if version != "" {
		q.Set("versionId", version)
	}
	c.query = q.Encode()
	if o.name != "CreateBucket" && o.method == http.MethodPut || o.method == http.MethodPost {
		c.body = []byte("<x/>")
	}
	switch o.name {
	case "DeleteObjects":
		id := ""
		if version != "" {
			id = "<VersionId>" + version + "</VersionId>"
		}
		c.body = []byte("<Delete><Object><Key>" + key + "</Key>" + id + "</Object></Delete>")
		c = md5Sum(c)
	case "PostObject":
		form, kind := formOf([]byte("mine"), "key", key)
		c.body, c.header = form, map[string]string{"Content-Type": kind}
	case "GetObjectAttributes":
		c.header = map[string]string{"X-Amz-Object-Attributes": "ETag,ObjectSize"}
	}
	if o.header != "" {
		c.header = map[string]string{o.header: "/theirs/k"}
	}
	return c
}

// refused is what a row answers a stranger.
func refused(o operation, what, who string) string {
	switch {
	case keepsPolicy(o.action) && who == "anonymous" && what == "public, but blocked":
		return "MethodNotAllowed" // as it does without the block
	case o.name == "ListBuckets" && who == "other":
		return "" // their own
	case o.name == "CreateBucket" && who == "other":
		return "BucketAlreadyExists"
	case o.name == "DeleteObjects":
		return "" // per key
	case o.name == "PostObject" && who != "anonymous":
		return "InvalidArgument" // it is signed by its fields
	}
	return "AccessDenied"
}

func (p *private) wantRefused(t *testing.T, what, who string) {
	t.Helper()
	before := p.state()
	for _, o := range operations() {
		for _, key := range []string{"k", "absent"} {
			for _, version := range []string{"", "null", p.version} {
				if o.level != onObject && key == "absent" && o.name != "DeleteObjects" || version != "" && o.level != onObject && o.name != "DeleteObjects" {
					continue
				}
				got := p.g.as(who, p.call(o, key, version))
				if want := refused(o, what, who); o.method == http.MethodHead && got.status != http.StatusForbidden || o.method != http.MethodHead && got.code != want {
					t.Errorf("%s: %s of %s %q by %s: got %d %q, want %q", what, o.name, key, version, who, got.status, got.code, want)
				}
				body := string(got.body)
				if o.name == "DeleteObjects" && (strings.Count(body, "<Code>AccessDenied</Code>") != 1 || strings.Contains(body, "<Deleted>")) {
					t.Errorf("%s: %s by %s: %s", what, o.name, who, body)
				}
				for _, secret := range []string{privateText, "tag", "USER"} {
					if strings.Contains(body, secret) {
						t.Errorf("%s: %s by %s tells %q: %s", what, o.name, who, secret, body)
					}
				}
				for name := range got.header {
					if name == "Etag" || name == "X-Amz-Version-Id" || name == "X-Amz-Tagging-Count" || name == "Last-Modified" || name == "X-Amz-Delete-Marker" {
						t.Errorf("%s: %s of %s by %s tells %s", what, o.name, key, who, name)
					}
				}
			}
		}
	}
	if after := p.state(); after != before {
		t.Errorf("%s: %s changed something:\n%s\nwas\n%s", what, who, after, before)
	}
}

// Whoever owns nothing and was given nothing can do nothing with a bucket, by no operation of the table.
func TestStrangersAreRefusedEverything(t *testing.T) {
	t.Parallel()
	p := newPrivate(t)
	for _, what := range []string{"private", "public, but blocked", "denied"} {
		switch what {
		case "public, but blocked":
			p.g.allow("mine", statement("Allow", "*", "s3:*", `["arn:aws:s3:::mine","arn:aws:s3:::mine/*"]`, ""))
			block := "<PublicAccessBlockConfiguration><RestrictPublicBuckets>true</RestrictPublicBuckets><IgnorePublicAcls>true</IgnorePublicAcls></PublicAccessBlockConfiguration>"
			if a := p.g.as("owner", call{method: "PUT", path: "/mine", query: "publicAccessBlock", body: []byte(block)}); a.status != http.StatusOK {
				t.Fatalf("block: %d %s", a.status, a.body)
			}
		case "denied":
			p.g.allow("mine", statement("Allow", "*", "s3:*", `["arn:aws:s3:::mine","arn:aws:s3:::mine/*"]`, ""), statement("Deny", "*", "s3:*", `["arn:aws:s3:::mine","arn:aws:s3:::mine/*"]`, ""))
			for _, o := range operations() {
				switch o.name {
				case "ListBuckets", "CreateBucket", "DeleteObjects", "PostObject", "GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy": // no bucket's, or told apart elsewhere
					continue
				}
				for _, who := range []string{"owner", "root"} {
					if got := p.g.as(who, p.call(o, "k", "")); got.status != http.StatusForbidden {
						t.Errorf("%s: %s by %s: got %d %q, want AccessDenied", what, o.name, who, got.status, got.code)
					}
				}
			}
		}
		if what != "public, but blocked" { // users are of the owner's account
			p.wantRefused(t, what, "other")
		}
		p.wantRefused(t, what, "anonymous")
	}
}
