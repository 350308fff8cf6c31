package s3

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/opensds/gelato/internal/errs"
)

func TestRoute(t *testing.T) {
	t.Parallel()
	table := wholeTable()
	for _, c := range []struct{ method, bucket, key, query, header, want string }{
		{"GET", "", "", "", "", "ListBuckets"},
		{"GET", "b", "", "", "", "ListObjects"},
		{"GET", "b", "", "list-type=2&prefix=x", "", "ListObjectsV2"},
		{"GET", "b", "", "location", "", "GetBucketLocation"},
		{"GET", "b", "", "uploads", "", "ListMultipartUploads"},
		{"HEAD", "b", "", "", "", "HeadBucket"},
		{"PUT", "b", "", "", "", "CreateBucket"},
		{"DELETE", "b", "", "", "", "DeleteBucket"},
		{"POST", "b", "", "delete", "", "DeleteObjects"},
		{"PUT", "b", "k", "", "", "PutObject"},
		{"PUT", "b", "k", "x-id=PutObject", "", "PutObject"},
		{"PUT", "b", "k", "", "X-Amz-Copy-Source", "CopyObject"},
		{"PUT", "b", "k", "uploadId=u&partNumber=1", "", "UploadPart"},
		{"PUT", "b", "k", "uploadId=u&partNumber=1", "X-Amz-Copy-Source", "UploadPartCopy"},
		{"GET", "b", "k", "", "", "GetObject"},
		{"GET", "b", "k", "partNumber=1", "", "GetObject"},
		{"GET", "b", "k", "uploadId=u", "", "ListParts"},
		{"HEAD", "b", "k", "", "", "HeadObject"},
		{"DELETE", "b", "k", "", "", "DeleteObject"},
		{"DELETE", "b", "k", "uploadId=u", "", "AbortMultipartUpload"},
		{"POST", "b", "k", "uploads", "", "CreateMultipartUpload"},
		{"POST", "b", "k", "uploadId=u", "", "CompleteMultipartUpload"},

		{"DELETE", "b", "", "uploads", "", "MethodNotAllowed"},
		{"DELETE", "b", "", "location", "", "MethodNotAllowed"},
		{"DELETE", "b", "k", "uploads", "", "MethodNotAllowed"},
		{"PUT", "b", "k", "uploads", "", "MethodNotAllowed"},
		{"POST", "b", "k", "", "", "MethodNotAllowed"},
		{"PATCH", "b", "k", "", "", "MethodNotAllowed"},
		{"PUT", "", "", "", "", "MethodNotAllowed"},
		{"OPTIONS", "b", "", "", "", "MethodNotAllowed"},
		{"POST", "b", "", "", "", "PostObject"},
		{"PUT", "", "k", "", "", "InvalidBucketName"},
	} {
		query, err := parseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{}
		if c.header != "" {
			header.Set(c.header, "x")
		}
		op, err := route(table, c.method, c.bucket, c.key, query, header)
		got := errs.ReasonOf(err)
		if err == nil {
			got = op.name
		}
		if got != c.want {
			t.Errorf("%s bucket %q key %q ?%s %s: got %s, want %s", c.method, c.bucket, c.key, c.query, c.header, got, c.want)
		}
	}
}

// Whatever the method, the level and what else is in the query: what marks another operation never falls through to the operation on the bucket or object itself.
func TestSubResourcesDoNotFallThrough(t *testing.T) {
	t.Parallel()
	table := wholeTable()
	markers := []string{"append", "annotations", "defaultObjectAcl", "encryption-type"}
	for _, o := range table {
		if o.marker != "" {
			markers = append(markers, o.marker)
		}
	}
	for _, name := range markers {
		for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"} {
			for _, key := range []string{"", "k"} {
				for _, more := range []string{"", "=x", "&prefix=p", "&versionId=v"} {
					query, _ := parseQuery(name + more)
					if op, err := route(table, method, "b", key, query, nil); err == nil && op.marker == "" {
						t.Errorf("%s key %q ?%s%s: got %s", method, key, name, more, op.name)
					}
				}
			}
		}
	}
}

func TestOperationsNotBuilt(t *testing.T) {
	t.Parallel()
	built, table := operations(), wholeTable()
	for _, o := range unbuilt() {
		if slices.ContainsFunc(built, func(b operation) bool { return b.name == o.name }) {
			t.Errorf("%s is built: its row in unbuilt is left over", o.name)
			continue
		}
		query, _ := parseQuery(o.marker)
		key := ""
		if o.level == onObject {
			key = "k"
		}
		op, err := route(table, o.method, "b", key, query, nil)
		if errs.ReasonOf(err) != "NotImplemented" || !strings.HasSuffix(errs.Public(err), ": "+o.name) {
			t.Errorf("%s: got %v, %v", o.name, op, err)
		}
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		host, path, domain, bucket, key string
		virtual                         bool
	}{
		{"localhost:8090", "/", "", "", "", false},
		{"localhost:8090", "/b", "", "b", "", false},
		{"localhost:8090", "/b/", "", "b", "", false},
		{"localhost:8090", "/b/k", "", "b", "k", false},
		{"localhost:8090", "/b//k", "", "b", "/k", false},
		{"localhost:8090", "//b/k", "", "", "b/k", false},
		{"localhost:8090", "/b/../x/./y//", "", "b", "../x/./y//", false},
		{"s3.example.org:8090", "/b/k", "s3.example.org", "b", "k", false},
		{"b.s3.example.org:8090", "/k/l", "s3.example.org", "b", "k/l", true},
		{"a.b.S3.example.org", "//k", "s3.example.org", "a.b", "/k", true},
		{"b.s3.example.org", "/", "s3.example.org", "b", "", true},
		{"xs3.example.org", "/b/k", "s3.example.org", "b", "k", false},
	} {
		bucket, key, virtual := locate(c.host, c.path, []string{c.domain})
		if bucket != c.bucket || key != c.key || virtual != c.virtual {
			t.Errorf("%s%s: got %q %q %v, want %q %q %v", c.host, c.path, bucket, key, virtual, c.bucket, c.key, c.virtual)
		}
	}
}

func TestUnbuiltFeatures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, value string
		refused     bool
	}{
		{"X-Amz-Acl", "private", false}, {"X-Amz-Acl", "public-read", false},
		{"X-Amz-Grant-Read", "id=1", false}, {"X-Amz-Tagging-Directive", "COPY", false},
		{"X-Amz-Object-Lock-Mode", "GOVERNANCE", false},
		{"X-Amz-Bucket-Object-Lock-Enabled", "true", false},
		{"X-Amz-Write-Offset-Bytes", "5", true}, {"X-Amz-Object-Ownership", "ObjectWriter", false},
		{"X-Amz-Meta-Tagging", "x", false}, {"X-Amz-Date", "x", false}, {"X-Amz-Storage-Class", "STANDARD", false},
	} {
		err := unbuiltFeature(http.Header{c.name: {c.value}})
		if refused := errs.ReasonOf(err) == "NotImplemented"; refused != c.refused {
			t.Errorf("%s: %s: got %v, want refused %v", c.name, c.value, err, c.refused)
		}
	}
}

func TestParseRange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		header         string
		size           int64
		offset, length int64
		ok             bool
		reason         string
	}{
		{"bytes=0-9", 100, 0, 10, true, ""}, {"bytes=90-", 100, 90, 10, true, ""}, {"bytes=-10", 100, 90, 10, true, ""},
		{"bytes=0-0", 1, 0, 1, true, ""}, {"bytes=50-1000", 100, 50, 50, true, ""}, {"bytes=-1000", 100, 0, 100, true, ""},
		{"bytes=0-99999999999999999999", 100, 0, 100, true, ""},
		{"bytes=100-", 100, 0, 0, false, "InvalidRange"}, {"bytes=-0", 100, 0, 0, false, "InvalidRange"}, {"bytes=0-", 0, 0, 0, false, "InvalidRange"},
		{"bytes=-5", 0, 0, 0, false, "InvalidRange"}, {"bytes=99999999999999999999-", 100, 0, 0, false, "InvalidRange"},
		{"bytes=0-1,5-6", 100, 0, 0, false, ""}, {"items=0-1", 100, 0, 0, false, ""}, {"bytes=5-1", 100, 0, 0, false, ""}, {"bytes=x-1", 100, 0, 0, false, ""},
		{"bytes=-", 100, 0, 0, false, ""}, {"bytes=", 100, 0, 0, false, ""}, {"bytes=+1-2", 100, 0, 0, false, ""}, {"bytes=--1", 100, 0, 0, false, ""},
	} {
		r, ok, err := parseRange(c.header, c.size)
		if r.offset != c.offset || r.length != c.length || ok != c.ok || errs.ReasonOf(err) != c.reason {
			t.Errorf("%s of %d: got %+v %v %v, want %d+%d %v %q", c.header, c.size, r, ok, err, c.offset, c.length, c.ok, c.reason)
		}
	}
}

func FuzzRange(f *testing.F) {
	f.Add("bytes=0-9", int64(100))
	f.Add("bytes=-5", int64(3))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		r, ok, err := parseRange(header, size)
		if ok && (err != nil || r.offset < 0 || r.length <= 0 || r.offset+r.length > size) {
			t.Errorf("%q of %d: %+v, %v", header, size, r, err)
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("a=b&c;d=%20+")
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseQuery(raw)
		if err != nil {
			return
		}
		again, err := parseQuery(q.Encode())
		if err != nil || again.Encode() != q.Encode() {
			t.Errorf("%q: %v became %v, %v", raw, q, again, err)
		}
	})
}

func FuzzCopySource(f *testing.F) {
	f.Add("/b/a%20b?versionId=null")
	f.Fuzz(func(t *testing.T, header string) {
		bucket, key, _, err := parseCopySource(header)
		if err == nil && (bucket == "" || key == "" || len(key) > maxKeyBytes) {
			t.Errorf("%q: %q %q", header, bucket, key)
		}
		if err == nil {
			if b, k, _, err := parseCopySource(url.QueryEscape(bucket) + "/" + url.QueryEscape(key)); err != nil || b != bucket || k != key {
				t.Errorf("%q: %q %q, then %q %q %v", header, bucket, key, b, k, err)
			}
		}
	})
}

func TestCopySource(t *testing.T) {
	t.Parallel()
	for header, want := range map[string][3]string{
		"b/k": {"b", "k", ""}, "/b/d/k?versionId=null": {"b", "d/k", "null"}, "b/a%20b+c%2Bd%3F%25": {"b", "a b c+d?%", ""}, "b%2Fk": {"b", "k", ""},
	} {
		bucket, key, version, err := parseCopySource(header)
		if got := [3]string{bucket, key, version}; err != nil || got != want {
			t.Errorf("%q: got %q, %v, want %q", header, got, err, want)
		}
	}
}

func TestBucketNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"abc": true, "a-b.c": true, "123": true, "my.bucket-1": true, strings.Repeat("a", 63): true, "1.2.3": true, "a.1.2.3": true,
		"": false, "ab": false, strings.Repeat("a", 64): false, "Abc": false, "a_b": false, "-abc": false, "abc-": false, ".abc": false, "abc.": false,
		"a..b": false, "a.-b": false, "a-.b": false, "192.168.5.4": false, "999.999.999.999": false, "xn--abc": false, "sthree-abc": false, "abc-s3alias": false, "abc--ol-s3": false, "abc--x-s3": false, "äbc": false, "a b": false,
	} {
		if got := validBucketName(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
}
