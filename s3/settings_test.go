package s3

import (
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/catalog"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.bucket("target", "")
	ctx := t.Context()
	parsed := 0
	parse := func(raw []byte) (*string, error) {
		parsed++
		v := string(raw)
		return &v, nil
	}
	want := func(name, value string, times int) {
		t.Helper()
		b, err := g.catalog.Bucket(ctx, "target")
		if err != nil {
			t.Fatal(err)
		}
		v, err := settingOf(ctx, g.service, b, name, parse)
		if err != nil || (v == nil) != (value == "") || v != nil && *v != value {
			t.Errorf("%s: got %v and %v, want %q", name, v, err, value)
		}
		if parsed != times {
			t.Errorf("%s: parsed %d times, want %d", name, parsed, times)
		}
	}
	want("policy", "", 0)
	long := strings.Repeat("x", 40<<10) // longer than a document of the catalog may be
	if _, err := g.catalog.SetSettings(ctx, catalog.Bucket{Name: "target"}, map[string][]byte{"policy": []byte(long), "cors": []byte("c")}); err != nil {
		t.Fatal(err)
	}
	before, err := g.catalog.Bucket(ctx, "target")
	if err != nil {
		t.Fatal(err)
	}
	want("policy", long, 1)
	want("policy", long, 1)
	want("cors", "c", 2)
	if _, err := g.catalog.SetSettings(ctx, catalog.Bucket{Name: "target"}, map[string][]byte{"policy": []byte("new"), "cors": nil}); err != nil {
		t.Fatal(err)
	}
	want("cors", "", 2)
	want("policy", "new", 3)
	if _, err := g.catalog.Setting(ctx, before, "policy"); errs.ReasonOf(err) != "NoSuchSetting" {
		t.Errorf("of a bucket that was read before: got %v, want NoSuchSetting", err)
	}
	if _, err := g.catalog.SetSettings(ctx, catalog.Bucket{Name: "target"}, map[string][]byte{"cors": make([]byte, 1<<20+1)}); !errs.Is(err, errs.InvalidArgument) {
		t.Errorf("too large: got %v, want InvalidArgument", err)
	}
	want("policy", "new", 3)
	before.Settings = map[string]docstore.Rev{"website": before.Settings["cors"]} // as a bucket that had one when it was read
	if v, err := settingOf(ctx, g.service, before, "website", parse); v != nil || err != nil {
		t.Errorf("removed since the bucket was read: got %v and %v, want none", v, err)
	}
	if _, err := g.catalog.SetSettings(ctx, catalog.Bucket{Name: "absent"}, nil); errs.ReasonOf(err) != "NoSuchBucket" {
		t.Errorf("got %v, want NoSuchBucket", err)
	}
}

// What was allowed to do with a bucket is not done to the one that has its name by now: between the two the client decides how long its document takes.
func TestSettingsOfAnotherBucketOfTheName(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	ctx := t.Context()
	g.owned("mine")
	if _, err := g.catalog.CreateBucket(ctx, catalog.Bucket{Name: "name", Owner: "other", BackendID: "id-a"}, nil); err != nil {
		t.Fatal(err)
	}
	old, err := g.catalog.Bucket(ctx, "name")
	if err != nil {
		t.Fatal(err)
	}
	if err := g.catalog.DeleteBucket(ctx, "name"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.catalog.CreateBucket(ctx, catalog.Bucket{Name: "name", Owner: "user", BackendID: "id-a", Versioning: catalog.Enabled}, nil); err != nil {
		t.Fatal(err)
	}
	_, set := g.catalog.SetSettings(ctx, old, map[string][]byte{policySetting: []byte("{}")})
	_, versioned := g.catalog.SetVersioning(ctx, old, catalog.Suspended)
	_, locked := g.catalog.SetObjectLock(ctx, old, catalog.DefaultRetention{})
	for what, err := range map[string]error{"SetSettings": set, "SetVersioning": versioned, "SetObjectLock": locked} {
		if errs.ReasonOf(err) != "NoSuchBucket" {
			t.Errorf("%s: got %v, want NoSuchBucket", what, err)
		}
	}
	if b, err := g.catalog.Bucket(ctx, "name"); err != nil || len(b.Settings) != 0 || b.Versioning != catalog.Enabled || b.ObjectLock {
		t.Errorf("got %+v, %v, want the bucket of user as it was made", b, err)
	}
}

// Creating a bucket that one has sets its list anew, as PutBucketAcl may.
func TestCreatingAgainIsNoWayAround(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket := g.owned("bucket")
	again := call{method: "PUT", path: "/bucket", header: map[string]string{"X-Amz-Acl": "public-read"}}
	block := "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>"
	if a := g.as("owner", call{method: "PUT", path: "/bucket", query: "publicAccessBlock", body: []byte(block)}); a.status != 200 {
		t.Fatal(a)
	}
	if a := g.as("owner", again); a.code != "AccessDenied" {
		t.Errorf("where public lists are blocked: got %v, want AccessDenied", a)
	}
	if a := g.as("owner", call{method: "DELETE", path: "/bucket", query: "publicAccessBlock"}); a.status != 204 {
		t.Fatal(a)
	}
	g.allow(bucket, statement("Deny", "*", "s3:PutBucketAcl", "arn:aws:s3:::bucket", ""))
	if a := g.as("owner", again); a.code != "AccessDenied" {
		t.Errorf("where the policy denies it: got %v, want AccessDenied", a)
	}
	if a := g.as("owner", call{method: "PUT", path: "/bucket"}); a.status != 200 {
		t.Errorf("where there is nothing to change: got %v", a)
	}
	if a := g.as("anonymous", call{method: "GET", path: "/bucket"}); a.code != "AccessDenied" {
		t.Errorf("anonymous lists: got %v", a)
	}
}
