package s3

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/opensds/gelato/internal/userid"
)

func TestListing(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	c, bucket := g.root(), g.bucket("listing", "")
	keys := []string{"a", "a/1", "a/2", "b c/é", "b+c", "d//1", "d/2", "é", "x&y<z>"}
	for _, key := range keys {
		put(t, c, bucket, key, []byte(key))
	}
	slices.Sort(keys)
	for _, k := range []struct{ prefix, delimiter, want string }{
		{"", "", strings.Join(keys, " ")},
		{"", "/", "a a/ b c/ b+c d/ x&y<z> é"},
		{"a", "", "a a/1 a/2"},
		{"a/", "/", "a/1 a/2"},
		{"d/", "/", "d// d/2"},
		{"", "c", "a a/1 a/2 b c b+c d//1 d/2 x&y<z> é"},
		{"zzz", "/", ""},
	} {
		for _, size := range []int32{1, 2, 1000} {
			for version, list := range map[string]func(*awss3.Client, string, string, string, int32) ([]string, error){"v1": listV1, "v2": listV2} {
				got, err := list(c, bucket, k.prefix, k.delimiter, size)
				want := k.want
				if err != nil || !slices.Equal(got, sortedFields(want)) {
					t.Errorf("%s prefix %q delimiter %q by %d: got %q, %v, want %q", version, k.prefix, k.delimiter, size, got, err, want)
				}
			}
		}
	}
	after, err := c.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: &bucket, StartAfter: aws.String("b+c"), FetchOwner: aws.Bool(true)})
	if err != nil || *after.KeyCount != 4 || *after.Contents[0].Owner.ID != userid.Of("root") || *after.Contents[0].Owner.DisplayName != "ROOT" || *after.StartAfter != "b+c" {
		t.Errorf("start-after: %+v, %v", after, err)
	}
}

// sortedFields splits an expected listing; its keys with blanks are written "b c/é".
func sortedFields(want string) []string {
	if want == "" {
		return nil
	}
	var out []string
	for f := range strings.SplitSeq(want, " ") {
		if n := len(out); n > 0 && out[n-1] == "b" && strings.HasPrefix(f, "c") {
			out[n-1] = "b " + f
			continue
		}
		out = append(out, f)
	}
	return out
}

// merge gives keys and prefixes of a page in their common order.
func merge(contents []types.Object, prefixes []types.CommonPrefix) []string {
	var out []string
	for _, o := range contents {
		out = append(out, *o.Key)
	}
	for _, p := range prefixes {
		out = append(out, *p.Prefix)
	}
	slices.Sort(out)
	return out
}

func listV1(c *awss3.Client, bucket, prefix, delimiter string, size int32) (got []string, err error) {
	in := &awss3.ListObjectsInput{Bucket: &bucket, Prefix: &prefix, Delimiter: &delimiter, MaxKeys: &size}
	for {
		out, err := c.ListObjects(context.Background(), in)
		if err != nil {
			return got, err
		}
		page := merge(out.Contents, out.CommonPrefixes)
		if len(page) > int(size) {
			return got, fmt.Errorf("a page of %d", len(page))
		}
		got = append(got, page...)
		if !*out.IsTruncated {
			return got, nil
		}
		if in.Marker = out.NextMarker; in.Marker == nil {
			in.Marker = &got[len(got)-1]
		}
	}
}

func listV2(c *awss3.Client, bucket, prefix, delimiter string, size int32) (got []string, err error) {
	in := &awss3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix, Delimiter: &delimiter, MaxKeys: &size, EncodingType: types.EncodingTypeUrl}
	for {
		out, err := c.ListObjectsV2(context.Background(), in)
		if err != nil {
			return got, err
		}
		page := merge(out.Contents, out.CommonPrefixes)
		for i := range page { // the SDK does not decode
			q, err := parseQuery("k=" + page[i])
			if err != nil {
				return got, err
			}
			page[i] = q.Get("k")
		}
		if len(page) != int(*out.KeyCount) || len(page) > int(size) {
			return got, fmt.Errorf("a page of %d, KeyCount %d", len(page), *out.KeyCount)
		}
		slices.Sort(page)
		got = append(got, page...)
		if !*out.IsTruncated {
			return got, nil
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

// The XML byte for byte, as S3 writes it.
func TestListingXML(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	bucket := g.bucket("listxml", "")
	g.send(call{method: "PUT", path: "/" + bucket + "/a%20%2B&%3C", body: []byte("x")})
	date := string(cut(string(g.send(call{method: "GET", path: "/listxml"}).body), "<LastModified>", "</LastModified>"))
	contents := func(key string) string {
		return "<Contents><Key>" + key + "</Key><LastModified>" + date + "</LastModified><ETag>&quot;9dd4e461268c8034f5c8564e155c67a6&quot;</ETag><Size>1</Size><StorageClass>STANDARD</StorageClass>"
	}
	const head = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>listxml</Name>`
	const end = "</Contents>"
	owner := "<Owner><ID>" + userid.Of("root") + "</ID><DisplayName>ROOT</DisplayName></Owner>"
	for query, want := range map[string]string{
		"":                            head + "<Prefix></Prefix><Marker></Marker><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>" + contents("a +&amp;&lt;") + owner + end + "</ListBucketResult>",
		"encoding-type=url&prefix=a+": head + "<Prefix>a%20</Prefix><Marker></Marker><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>" + contents("a%20%2B%26%3C") + owner + end + "</ListBucketResult>",
		"list-type=2":                 head + "<Prefix></Prefix><KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>" + contents("a +&amp;&lt;") + end + "</ListBucketResult>",
		"list-type=2&max-keys=0&continuation-token=": head + "<Prefix></Prefix><ContinuationToken></ContinuationToken><KeyCount>0</KeyCount><MaxKeys>0</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>",
		"list-type=2&max-keys=0":                     head + "<Prefix></Prefix><KeyCount>0</KeyCount><MaxKeys>0</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>",
		"delimiter=%2B&marker=A":                     head + "<Prefix></Prefix><Marker>A</Marker><MaxKeys>1000</MaxKeys><Delimiter>+</Delimiter><IsTruncated>false</IsTruncated><CommonPrefixes><Prefix>a +</Prefix></CommonPrefixes></ListBucketResult>",
		"list-type=2&start-after=b":                  head + "<Prefix></Prefix><StartAfter>b</StartAfter><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated></ListBucketResult>",
		"list-type=2&max-keys=5000000":               head + "<Prefix></Prefix><KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>" + contents("a +&amp;&lt;") + end + "</ListBucketResult>",
	} {
		if a := g.send(call{method: "GET", path: "/listxml", query: query}); string(a.body) != want {
			t.Errorf("?%s: got\n%s\nwant\n%s", query, a.body, want)
		}
	}
	for query, want := range map[string]string{
		"max-keys=x": "400 InvalidArgument", "max-keys=-1": "400 InvalidArgument", "encoding-type=x": "400 InvalidArgument", "list-type=3": "400 InvalidArgument",
		"list-type=2&continuation-token=%21": "400 InvalidArgument", "prefix=%00": "400 InvalidArgument",
	} {
		if a := g.send(call{method: "GET", path: "/listxml", query: query, unsigned: false}); a.String() != want {
			t.Errorf("?%s: got %v, want %s", query, a, want)
		}
	}
}

// cut returns what is between two marks.
func cut(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	c := g.root()
	for name, k := range map[string]struct{ location, want string }{
		"one": {"", "200"}, "two": {"a", "200"}, "three": {"b", "200"}, "four": {"us-east-1", "200"}, "five": {"nowhere", "400 InvalidLocationConstraint"}, "six": {"eu-west-1", "400 InvalidLocationConstraint"},
		"seven": {"id-a", "400 InvalidLocationConstraint"}, // a name, not an id
	} {
		body := ""
		if k.location != "" {
			body = `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>` + k.location + `</LocationConstraint></CreateBucketConfiguration>`
		}
		a := g.send(call{method: "PUT", path: "/" + name, body: []byte(body)})
		if a.String() != k.want {
			t.Errorf("%s at %q: got %v, want %s", name, k.location, a, k.want)
		}
		if a.status == 200 && a.header.Get("Location") != "/"+name {
			t.Errorf("%s: Location %q", name, a.header.Get("Location"))
		}
	}
	if a := g.send(call{method: "PUT", path: "/one"}); a.String() != "200" {
		t.Errorf("made again by its owner in us-east-1: got %v, want 200", a)
	}
	if a := g.send(call{method: "PUT", path: "/one", access: userKey, secret: userSecret}); a.String() != "409 BucketAlreadyExists" {
		t.Errorf("made again by another: got %v, want 409", a)
	}
	put(t, c, "three", "k", []byte("x"))
	if len(g.blobs("b")) != 1 || len(g.blobs("a")) != 0 {
		t.Errorf("blobs: a has %v, b has %v", g.blobs("a"), g.blobs("b"))
	}
	if a := g.send(call{method: "HEAD", path: "/three"}); a.status != 200 || a.header.Get("X-Amz-Bucket-Region") != "us-east-1" {
		t.Errorf("head: %v %v", a, a.header)
	}
	location, err := c.GetBucketLocation(t.Context(), &awss3.GetBucketLocationInput{Bucket: aws.String("three")})
	if err != nil || location.LocationConstraint != "" {
		t.Errorf("location: %+v, %v", location, err)
	}
	first, err := c.ListBuckets(t.Context(), &awss3.ListBucketsInput{MaxBuckets: aws.Int32(3)})
	if err != nil || len(first.Buckets) != 3 || *first.Buckets[0].Name != "four" || *first.ContinuationToken == "" {
		t.Fatalf("first page: %+v, %v", first, err)
	}
	second, err := c.ListBuckets(t.Context(), &awss3.ListBucketsInput{ContinuationToken: first.ContinuationToken})
	if err != nil || len(second.Buckets) != 1 || *second.Buckets[0].Name != "two" || second.ContinuationToken != nil {
		t.Errorf("second page: %+v, %v", second, err)
	}
	prefixed, err := c.ListBuckets(t.Context(), &awss3.ListBucketsInput{Prefix: aws.String("t")})
	if err != nil || len(prefixed.Buckets) != 2 {
		t.Errorf("with a prefix: %+v, %v", prefixed, err)
	}
	_, err = c.DeleteBucket(t.Context(), &awss3.DeleteBucketInput{Bucket: aws.String("three")})
	wantCode(t, err, "BucketNotEmpty")
	if _, err = c.DeleteBucket(t.Context(), &awss3.DeleteBucketInput{Bucket: aws.String("two")}); err != nil {
		t.Error(err)
	}
	if a := g.send(call{method: "HEAD", path: "/two"}); a.status != 404 || len(a.body) > 0 {
		t.Errorf("head of the deleted: %v %q", a, a.body)
	}
}

// A user sees and uses their own buckets, the root user all.
func TestOwners(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	user := g.sdk(userKey, userSecret)
	if _, err := user.CreateBucket(t.Context(), &awss3.CreateBucketInput{Bucket: aws.String("theirs")}); err != nil {
		t.Fatal(err)
	}
	g.bucket("roots", "")
	put(t, user, "theirs", "k", []byte("x"))
	put(t, g.root(), "theirs", "k2", []byte("x"))
	list, err := user.ListBuckets(t.Context(), nil)
	if err != nil || len(list.Buckets) != 1 || *list.Buckets[0].Name != "theirs" {
		t.Errorf("the user's buckets: %+v, %v", list, err)
	}
	for _, c := range []call{{method: "GET", path: "/roots"}, {method: "PUT", path: "/roots/k"}, {method: "DELETE", path: "/roots"}, {method: "GET", path: "/roots", query: "uploads="}} {
		c.access, c.secret = userKey, userSecret
		if a := g.send(c); a.String() != "403 AccessDenied" {
			t.Errorf("%s %s: got %v, want 403 AccessDenied", c.method, c.path, a)
		}
	}
	_, err = user.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: aws.String("theirs"), Key: aws.String("stolen"), CopySource: aws.String("roots/k")})
	wantCode(t, err, "AccessDenied")
	if a := g.send(call{method: "GET", path: "/theirs", header: map[string]string{"X-Amz-Expected-Bucket-Owner": "root"}}); a.String() != "403 AccessDenied" {
		t.Errorf("another owner expected: got %v", a)
	}
}
