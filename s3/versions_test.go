package s3

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// versioned is a bucket with versions, by the SDK.
type versioned struct {
	*gateway
	c      *awss3.Client
	bucket string
}

func (g *gateway) versioned(name string) *versioned {
	v := &versioned{g, g.root(), g.bucket(name, "")}
	v.set(types.BucketVersioningStatusEnabled)
	return v
}

func (v *versioned) set(s types.BucketVersioningStatus) {
	v.t.Helper()
	in := &awss3.PutBucketVersioningInput{Bucket: &v.bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: s}}
	if _, err := v.c.PutBucketVersioning(v.t.Context(), in); err != nil {
		v.t.Fatal(err)
	}
}

func (v *versioned) put(key, text string) string {
	v.t.Helper()
	out, err := v.c.PutObject(v.t.Context(), &awss3.PutObjectInput{Bucket: &v.bucket, Key: &key, Body: strings.NewReader(text)})
	if err != nil {
		v.t.Fatal(err)
	}
	return aws.ToString(out.VersionId)
}

func (v *versioned) remove(key, id string) *awss3.DeleteObjectOutput {
	v.t.Helper()
	out, err := v.c.DeleteObject(v.t.Context(), &awss3.DeleteObjectInput{Bucket: &v.bucket, Key: &key, VersionId: optional(id)})
	if err != nil {
		v.t.Fatal(err)
	}
	return out
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// want checks what a key shows, or the error that it answers.
func (v *versioned) want(key, id, text string) {
	v.t.Helper()
	out, err := v.c.GetObject(v.t.Context(), &awss3.GetObjectInput{Bucket: &v.bucket, Key: &key, VersionId: optional(id)})
	if err != nil {
		wantCode(v.t, err, text)
		return
	}
	defer out.Body.Close()
	got, _ := io.ReadAll(out.Body)
	if string(got) != text || id != "" && aws.ToString(out.VersionId) != id {
		v.t.Errorf("%s version %q: %q (%s), want %q", key, id, got, aws.ToString(out.VersionId), text)
	}
}

// list shows all versions as "key:id[*]", with "-" before the id of a delete marker and "*" behind the latest, page by page.
func (v *versioned) list(in awss3.ListObjectVersionsInput) []string {
	v.t.Helper()
	var got []string
	in.Bucket = &v.bucket
	for {
		out, err := v.c.ListObjectVersions(v.t.Context(), &in)
		if err != nil {
			v.t.Fatal(err)
		}
		show := func(key, id *string, latest *bool, marker string) {
			text := *key + ":" + marker + *id
			if aws.ToBool(latest) {
				text += "*"
			}
			got = append(got, text)
		}
		for _, o := range out.Versions {
			show(o.Key, o.VersionId, o.IsLatest, "")
		}
		for _, o := range out.DeleteMarkers {
			show(o.Key, o.VersionId, o.IsLatest, "-")
		}
		for _, p := range out.CommonPrefixes {
			got = append(got, *p.Prefix)
		}
		if !aws.ToBool(out.IsTruncated) {
			return got
		}
		in.KeyMarker, in.VersionIdMarker = out.NextKeyMarker, out.NextVersionIdMarker
	}
}

func (v *versioned) wantList(in awss3.ListObjectVersionsInput, want ...string) {
	v.t.Helper()
	got := v.list(in)
	if aws.ToInt32(in.MaxKeys) != 1 { // several of a page: the SDK parts markers from versions
		want = slices.Sorted(slices.Values(want))
		slices.Sort(got)
	}
	if !slices.Equal(got, want) {
		v.t.Errorf("versions\n%q, want\n%q", got, want)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	v := g.versioned("versions")
	one, two := v.put("k", "one"), v.put("k", "two")
	if one == "" || two == "" || one == two || len(one) != len(two) {
		t.Fatalf("versions %q and %q", one, two)
	}
	v.want("k", "", "two")
	v.want("k", one, "one")
	v.want("k", two, "two")
	v.want("k", "null", "NoSuchVersion")
	v.want("k", strings.Repeat("0", 24), "NoSuchVersion")
	v.want("k", "nonsense", "InvalidArgument")
	v.wantList(awss3.ListObjectVersionsInput{}, "k:"+two+"*", "k:"+one)

	d := v.remove("k", "")
	marker := aws.ToString(d.VersionId)
	if !aws.ToBool(d.DeleteMarker) || marker == "" {
		t.Fatalf("deleted: %+v", d)
	}
	v.want("k", "", "NoSuchKey")
	v.want("k", one, "one")
	v.want("k", marker, "MethodNotAllowed")
	for id, want := range map[string]int{"": 404, marker: 405} {
		q := ""
		if id != "" {
			q = "versionId=" + id
		}
		r := g.send(call{method: http.MethodGet, path: "/versions/k", query: q})
		if r.status != want || r.header.Get("X-Amz-Delete-Marker") != "true" || r.header.Get("X-Amz-Version-Id") != marker || (want == 405) != (r.header.Get("Last-Modified") != "") {
			t.Errorf("GET of a marker: %d %v", r.status, r.header)
		}
	}
	v.wantList(awss3.ListObjectVersionsInput{}, "k:-"+marker+"*", "k:"+two, "k:"+one)
	if out, err := v.c.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: &v.bucket}); err != nil || len(out.Contents) != 0 {
		t.Errorf("listed %+v, %v", out, err)
	}
	_, err := v.c.DeleteBucket(t.Context(), &awss3.DeleteBucketInput{Bucket: &v.bucket})
	wantCode(t, err, "BucketNotEmpty")

	if d := v.remove("k", marker); !aws.ToBool(d.DeleteMarker) || aws.ToString(d.VersionId) != marker {
		t.Errorf("deleted the marker: %+v", d)
	}
	v.want("k", "", "two")
	if d := v.remove("k", two); aws.ToBool(d.DeleteMarker) || aws.ToString(d.VersionId) != two {
		t.Errorf("deleted a version: %+v", d)
	}
	v.want("k", "", "one")
	v.want("k", two, "NoSuchVersion")
	v.remove("k", two)
	v.remove("k", one)
	v.want("k", "", "NoSuchKey")
	v.wantList(awss3.ListObjectVersionsInput{})
	if _, err := v.c.DeleteBucket(t.Context(), &awss3.DeleteBucketInput{Bucket: &v.bucket}); err != nil {
		t.Error(err)
	}
}

func TestNullVersions(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket, c := g.bucket("null", ""), g.root()
	v := &versioned{g, c, bucket}
	if id := v.put("k", "before"); id != "" {
		t.Errorf("a version id without versions: %s", id)
	}
	if out, err := c.GetBucketVersioning(t.Context(), &awss3.GetBucketVersioningInput{Bucket: &bucket}); err != nil || out.Status != "" {
		t.Errorf("versioning %+v, %v", out, err)
	}
	v.set(types.BucketVersioningStatusEnabled)
	one := v.put("k", "one")
	v.want("k", "null", "before")
	v.wantList(awss3.ListObjectVersionsInput{}, "k:"+one+"*", "k:null")
	v.set(types.BucketVersioningStatusSuspended)
	if id := v.put("k", "suspended"); id != "" {
		t.Errorf("a version id while suspended: %s", id)
	}
	v.want("k", "null", "suspended")
	v.want("k", "", "suspended")
	v.want("k", one, "one")
	v.put("k", "again")
	v.wantList(awss3.ListObjectVersionsInput{}, "k:null*", "k:"+one)
	if d := v.remove("k", ""); !aws.ToBool(d.DeleteMarker) || aws.ToString(d.VersionId) != "null" {
		t.Errorf("deleted: %+v", d)
	}
	v.wantList(awss3.ListObjectVersionsInput{}, "k:-null*", "k:"+one)
	v.set(types.BucketVersioningStatusEnabled)
	two := v.put("k", "two")
	v.want("k", "null", "MethodNotAllowed")
	v.remove("k", "null")
	v.wantList(awss3.ListObjectVersionsInput{}, "k:"+two+"*", "k:"+one)
	for text, status := range map[string]string{
		"<VersioningConfiguration><Status>Sometimes</Status></VersioningConfiguration>":                              "400 MalformedXML",
		"<VersioningConfiguration></VersioningConfiguration>":                                                        "400 MalformedXML",
		"<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>":  "501 NotImplemented",
		"<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Disabled</MfaDelete></VersioningConfiguration>": "200 ",
		"<VersioningConfiguration><Status>Enabled</Status><Status>Suspended</Status></VersioningConfiguration>":      "400 MalformedXML",
		"<VersioningConfiguration><Status>Enabled</Status><Surprise>Suspended</Surprise></VersioningConfiguration>":  "400 MalformedXML",
		"<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Perhaps</MfaDelete></VersioningConfiguration>":  "400 MalformedXML",
	} {
		r := g.send(call{method: "PUT", path: "/null", query: "versioning=", body: []byte(text)})
		if got := fmt.Sprintf("%d %s", r.status, r.code); got != status {
			t.Errorf("%s: %s, want %s", text, got, status)
		}
	}
}

func TestVersionsElsewhere(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	v, ctx := g.versioned("elsewhere"), t.Context()
	one, two := v.put("k", "one"), v.put("k", "two")
	source := aws.String(v.bucket + "/k?versionId=" + one)
	copied, err := v.c.CopyObject(ctx, &awss3.CopyObjectInput{Bucket: &v.bucket, Key: aws.String("k"), CopySource: source})
	if err != nil {
		t.Fatal(err)
	}
	three := aws.ToString(copied.VersionId)
	if aws.ToString(copied.CopySourceVersionId) != one || three == "" || three == two {
		t.Errorf("copied %+v", copied)
	}
	v.want("k", "", "one")
	v.want("k", two, "two")
	up, err := v.c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: &v.bucket, Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	part, err := v.c.UploadPartCopy(ctx, &awss3.UploadPartCopyInput{Bucket: &v.bucket, Key: up.Key, UploadId: up.UploadId, PartNumber: aws.Int32(1), CopySource: aws.String(v.bucket + "/k?versionId=" + two)})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(part.CopySourceVersionId) != two {
		t.Errorf("copied a part of version %s, want %s", aws.ToString(part.CopySourceVersionId), two)
	}
	whole, err := v.c.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{Bucket: &v.bucket, Key: up.Key, UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: part.CopyPartResult.ETag}}}})
	if err != nil {
		t.Fatal(err)
	}
	four := aws.ToString(whole.VersionId)
	v.wantList(awss3.ListObjectVersionsInput{}, "k:"+four+"*", "k:"+three, "k:"+two, "k:"+one)
	v.want("k", four, "two")

	tags := &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}
	if _, err := v.c.PutObjectTagging(ctx, &awss3.PutObjectTaggingInput{Bucket: &v.bucket, Key: aws.String("k"), VersionId: &one, Tagging: tags}); err != nil {
		t.Error(err)
	}
	for id, want := range map[string]int{one: 1, two: 0, "": 0} {
		out, err := v.c.GetObjectTagging(ctx, &awss3.GetObjectTaggingInput{Bucket: &v.bucket, Key: aws.String("k"), VersionId: optional(id)})
		if err != nil || len(out.TagSet) != want {
			t.Errorf("tags of %q: %+v, %v", id, out, err)
		}
	}
	v.want("k", one, "one")

	// One request may delete several versions of a key, lay a marker, and name what is not there.
	marker := aws.ToString(v.remove("m", "").VersionId)
	many := func(objects ...types.ObjectIdentifier) map[string]types.DeletedObject {
		t.Helper()
		out, err := v.c.DeleteObjects(ctx, &awss3.DeleteObjectsInput{Bucket: &v.bucket, Delete: &types.Delete{Objects: objects}})
		if err != nil || len(out.Errors) > 0 {
			t.Fatalf("%v %+v", err, out)
		}
		got := map[string]types.DeletedObject{}
		for _, d := range out.Deleted {
			got[*d.Key+":"+aws.ToString(d.VersionId)] = d
		}
		return got
	}
	key := func(k, id string) types.ObjectIdentifier {
		return types.ObjectIdentifier{Key: &k, VersionId: optional(id)}
	}
	got := many(key("k", one), key("k", four), key("k", two), key("m", marker), key("k", strings.Repeat("a", 24)), key("new", ""))
	if d := got["m:"+marker]; !aws.ToBool(d.DeleteMarker) || aws.ToString(d.DeleteMarkerVersionId) != marker {
		t.Errorf("deleted a marker: %+v", d)
	}
	d := got["new:"]
	if !aws.ToBool(d.DeleteMarker) || aws.ToString(d.DeleteMarkerVersionId) == "" || len(got) != 6 {
		t.Errorf("laid a marker: %+v of %d", d, len(got))
	}
	v.wantList(awss3.ListObjectVersionsInput{}, "k:"+three+"*", "new:-"+*d.DeleteMarkerVersionId+"*")
}

func TestListVersions(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	v := g.versioned("listed")
	var all []string
	for _, key := range []string{"a", "d/1", "d/2", "e f", "z"} {
		ids := []string{v.put(key, "1"), v.put(key, "2"), aws.ToString(v.remove(key, "").VersionId), v.put(key, "4")}
		all = append(all, key+":"+ids[3]+"*", key+":-"+ids[2], key+":"+ids[1], key+":"+ids[0])
	}
	if r := g.send(call{method: http.MethodGet, path: "/listed", query: "versions=&encoding-type=url&prefix=e"}); !strings.Contains(string(r.body), "<Key>e%20f</Key>") {
		t.Errorf("%s", r.body)
	}
	for limit := int32(1); limit < 8; limit++ {
		v.wantList(awss3.ListObjectVersionsInput{MaxKeys: &limit}, all...)
		v.wantList(awss3.ListObjectVersionsInput{MaxKeys: &limit, Prefix: aws.String("d/")}, all[4:12]...)
		v.wantList(awss3.ListObjectVersionsInput{MaxKeys: &limit, Delimiter: aws.String("/"), Prefix: aws.String("")}, slices.Concat(all[:4], []string{"d/"}, all[12:])...)
	}
	v.wantList(awss3.ListObjectVersionsInput{KeyMarker: aws.String("d/1")}, all[8:]...)
	_, id, _ := strings.Cut(all[6], ":")
	v.wantList(awss3.ListObjectVersionsInput{KeyMarker: aws.String("d/1"), VersionIdMarker: &id}, all[7:]...)
	for query, want := range map[string]string{
		"versions=&version-id-marker=" + id:                     "400 InvalidArgument",
		"versions=&key-marker=d%2F1&version-id-marker=nonsense": "400 InvalidArgument",
		"versions=&max-keys=-1":                                 "400 InvalidArgument",
		"versions=&encoding-type=rot13":                         "400 InvalidArgument",
		"versions=&max-keys=0":                                  "200 ",
	} {
		if r := g.send(call{method: http.MethodGet, path: "/listed", query: query}); fmt.Sprintf("%d %s", r.status, r.code) != want {
			t.Errorf("%s: %d %s, want %s", query, r.status, r.code, want)
		}
	}
	if r := g.send(call{method: http.MethodGet, path: "/listed", query: "versions=&max-keys=2"}); !strings.Contains(string(r.body), "<NextVersionIdMarker>") || !strings.Contains(string(r.body), "<Owner>") {
		t.Errorf("%s", r.body)
	}
}
