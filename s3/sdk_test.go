package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// data is n bytes that differ from one another by seed.
func data(seed uint64, n int) []byte {
	var key [32]byte
	key[0] = byte(seed)
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b)
	return b
}

func put(t *testing.T, c *awss3.Client, bucket, key string, body []byte) *awss3.PutObjectOutput {
	t.Helper()
	out, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)})
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	return out
}

func get(t *testing.T, c *awss3.Client, bucket, key string) ([]byte, *awss3.GetObjectOutput) {
	t.Helper()
	out, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatalf("read %q: %v", key, err)
	}
	return body, out
}

func TestObjects(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	c, bucket := g.root(), g.bucket("objects", "")
	for _, size := range []int{0, 1, 4096, smallBody, smallBody + 1, 3 << 20} {
		key, want := fmt.Sprintf("size/%d", size), data(1, size)
		out := put(t, c, bucket, key, want)
		sum := md5.Sum(want)
		if etag := quoted(hex.EncodeToString(sum[:])); *out.ETag != etag {
			t.Errorf("%s: ETag %s, want %s", key, *out.ETag, etag)
		}
		got, head := get(t, c, bucket, key)
		if !bytes.Equal(got, want) || *head.ContentLength != int64(size) || *head.ETag != *out.ETag || *head.ContentType != "application/octet-stream" {
			t.Errorf("%s: got %d bytes, %+v", key, len(got), head)
		}
	}
	for _, key := range []string{"a b", "a//b", "/lead", "../up", "x/./y", "x/../y", "é/ü/😀", "plus+and%25", "%2F", "q?x=1&y=2", "tab\there", `quote'"<>&`, "trail/", "~!*()", ";:@=,$", "a", "a/b", strings.Repeat("k", 1024)} {
		put(t, c, bucket, key, []byte(key))
		if got, _ := get(t, c, bucket, key); string(got) != key {
			t.Errorf("%q: got %q", key, got)
		}
		if _, err := c.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: &bucket, Key: &key}); err != nil {
			t.Errorf("%q: head: %v", key, err)
		}
		if _, err := c.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &bucket, Key: &key}); err != nil {
			t.Errorf("%q: delete: %v", key, err)
		}
		_, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &bucket, Key: &key})
		wantCode(t, err, "NoSuchKey")
	}
	absent := "absent"
	if _, err := c.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &bucket, Key: &absent}); err != nil {
		t.Errorf("delete of the absent: %v", err)
	}
}

func TestHeadersAndMetadata(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	c, bucket := g.root(), g.bucket("headers", "b")
	in := &awss3.PutObjectInput{
		Bucket: &bucket, Key: aws.String("k"), Body: strings.NewReader("x"),
		ContentType: aws.String("text/x"), ContentEncoding: aws.String("gzip"), ContentLanguage: aws.String("de"), ContentDisposition: aws.String("inline"),
		CacheControl: aws.String("max-age=1"), Expires: aws.Time(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)),
		Metadata: map[string]string{"one": "1", "dash-ed": "a b", "uni": "zwölf"},
	}
	if _, err := c.PutObject(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	out, err := c.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: &bucket, Key: in.Key})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(*out.ContentType, *out.ContentEncoding, *out.ContentLanguage, *out.ContentDisposition, *out.CacheControl, *out.ExpiresString, out.Metadata, *out.AcceptRanges)
	if want := "text/xgzipdeinlinemax-age=1Wed, 02 Jan 2030 03:04:05 GMTmap[dash-ed:a b one:1 uni:zwölf]bytes"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	a := g.send(call{method: "HEAD", path: "/" + bucket + "/k"})
	if a.header.Get("X-Gelato-Backend") != "b" {
		t.Errorf("X-Gelato-Backend: got %q, want b", a.header.Get("X-Gelato-Backend"))
	}
	if !strings.Contains(a.wire, "\r\nx-amz-meta-dash-ed: a b\r\n") { // botocore shows the names as they come
		t.Errorf("metadata names must be in lower case:\n%s", a.wire)
	}
	over, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &bucket, Key: in.Key, ResponseContentType: aws.String("a/b"), ResponseCacheControl: aws.String("no-store"),
		ResponseContentDisposition: aws.String("attachment"), ResponseContentEncoding: aws.String("br"), ResponseContentLanguage: aws.String("fr"), ResponseExpires: aws.Time(time.Unix(0, 0))})
	if err != nil {
		t.Fatal(err)
	}
	defer over.Body.Close()
	got = fmt.Sprint(*over.ContentType, *over.CacheControl, *over.ContentDisposition, *over.ContentEncoding, *over.ContentLanguage, *over.ExpiresString)
	if want := "a/bno-storeattachmentbrfrThu, 01 Jan 1970 00:00:00 GMT"; got != want {
		t.Errorf("overrides: got %s, want %s", got, want)
	}
	// What the client sent travels with the blob too.
	store, err := g.pool.Store(t.Context(), "id-b")
	if err != nil {
		t.Fatal(err)
	}
	info, err := store.Head(t.Context(), g.blobs("b")[0])
	if err != nil {
		t.Fatal(err)
	}
	if info.Metadata["one"] != "1" || info.Metadata["gelato"] != "bucket=headers&version=null" || info.Headers.ContentType != "text/x" {
		t.Errorf("native: got %+v", info)
	}
}

func TestRangesAndConditions(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	c, bucket := g.root(), g.bucket("ranges", "")
	want := data(2, 1000)
	etag := *put(t, c, bucket, "k", want).ETag
	put(t, c, bucket, "empty", nil)
	for _, r := range []struct {
		header     string
		from, to   int
		rangeReply string
	}{
		{"bytes=0-9", 0, 10, "bytes 0-9/1000"}, {"bytes=990-", 990, 1000, "bytes 990-999/1000"}, {"bytes=-10", 990, 1000, "bytes 990-999/1000"},
		{"bytes=500-5000", 500, 1000, "bytes 500-999/1000"}, {"bytes=0-1,3-4", 0, 1000, ""}, {"lines=1-2", 0, 1000, ""},
	} {
		a := g.send(call{method: "GET", path: "/ranges/k", header: map[string]string{"Range": r.header}})
		status := 206
		if r.rangeReply == "" {
			status = 200
		}
		if a.status != status || !bytes.Equal(a.body, want[r.from:r.to]) || a.header.Get("Content-Range") != r.rangeReply {
			t.Errorf("%s: got %d, %d bytes, %s", r.header, a.status, len(a.body), a.header.Get("Content-Range"))
		}
	}
	for _, path := range []string{"/ranges/k", "/ranges/empty"} {
		if a := g.send(call{method: "GET", path: path, header: map[string]string{"Range": "bytes=1000-"}}); a.String() != "416 InvalidRange" {
			t.Errorf("%s: got %v, want 416 InvalidRange", path, a)
		}
	}
	for ifRange, status := range map[string]int{etag: 206, `"x"`: 200, "Mon, 01 Jan 2001 00:00:00 GMT": 200} {
		if a := g.send(call{method: "GET", path: "/ranges/k", header: map[string]string{"Range": "bytes=0-9", "If-Range": ifRange}}); a.status != status {
			t.Errorf("If-Range %s: got %d, want %d", ifRange, a.status, status)
		}
	}
	past, future := "Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
	for _, k := range []struct {
		header map[string]string
		want   int
	}{
		{map[string]string{"If-Match": etag}, 200},
		{map[string]string{"If-Match": "*"}, 200},
		{map[string]string{"If-Match": `"x", ` + etag}, 200},
		{map[string]string{"If-Match": `"x"`}, 412},
		{map[string]string{"If-None-Match": etag}, 304},
		{map[string]string{"If-None-Match": "*"}, 304},
		{map[string]string{"If-None-Match": `"x"`}, 200},
		{map[string]string{"If-Modified-Since": past}, 200},
		{map[string]string{"If-Modified-Since": future}, 304},
		{map[string]string{"If-Unmodified-Since": past}, 412},
		{map[string]string{"If-Unmodified-Since": future}, 200},
		{map[string]string{"If-Match": etag, "If-Unmodified-Since": past}, 200},
		{map[string]string{"If-None-Match": `"x"`, "If-Modified-Since": future}, 200},
		{map[string]string{"If-None-Match": etag, "If-Modified-Since": past}, 304},
		{map[string]string{"If-Match": `"x"`, "If-None-Match": etag}, 412},
		{map[string]string{"If-Modified-Since": "nonsense"}, 200},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			a := g.send(call{method: method, path: "/ranges/k", header: k.header})
			if a.status != k.want {
				t.Errorf("%s %v: got %d, want %d", method, k.header, a.status, k.want)
			}
			if a.status == 304 && (a.header.Get("Etag") != etag || len(a.body) > 0) {
				t.Errorf("%s %v: 304 with ETag %q and %d bytes", method, k.header, a.header.Get("Etag"), len(a.body))
			}
			if method == "HEAD" && len(a.body) > 0 {
				t.Errorf("HEAD %v: answered a body", k.header)
			}
		}
	}
}

func TestConditionalWrites(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	c, bucket := g.root(), g.bucket("conditional", "")
	write := func(key, ifMatch, ifNone string) error {
		in := &awss3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(key + ifMatch + ifNone)}
		if ifMatch != "" {
			in.IfMatch = &ifMatch
		}
		if ifNone != "" {
			in.IfNoneMatch = &ifNone
		}
		_, err := c.PutObject(t.Context(), in)
		return err
	}
	wantCode(t, write("k", `"x"`, ""), "NoSuchKey")
	if err := write("k", "", "*"); err != nil {
		t.Error(err)
	}
	wantCode(t, write("k", "", "*"), "PreconditionFailed")
	wantCode(t, write("k", `"x"`, ""), "PreconditionFailed")
	_, head := get(t, c, bucket, "k")
	if err := write("k", *head.ETag, ""); err != nil {
		t.Error(err)
	}
	wantCode(t, write("none", "*", ""), "NoSuchKey")
	for _, good := range [][2]string{{"", `"x"`}, {"*", ""}} {
		if err := write("k", good[0], good[1]); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	_, head = get(t, c, bucket, "k")
	wantCode(t, write("k", "", *head.ETag), "PreconditionFailed")
	wantCode(t, write("k", *head.ETag, "*"), "NotImplemented")
	if err := write("new", "", `"x"`); err != nil {
		t.Error(err)
	}
	_, err := c.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &bucket, Key: aws.String("k"), IfMatch: aws.String(`"x"`)})
	wantCode(t, err, "PreconditionFailed")
	_, head = get(t, c, bucket, "k")
	if _, err := c.DeleteObject(t.Context(), &awss3.DeleteObjectInput{Bucket: &bucket, Key: aws.String("k"), IfMatch: head.ETag}); err != nil {
		t.Error(err)
	}
}

func TestChecksums(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	c, bucket := g.root(), g.bucket("checksums", "")
	for _, a := range types.ChecksumAlgorithm("").Values() {
		if !slices.Contains([]string{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"}, string(a)) {
			continue // newer ones of the SDK, for other services
		}
		for name, body := range map[string]io.Reader{"header": bytes.NewReader([]byte("123456789")), "trailer": io.MultiReader(strings.NewReader("123456789"))} {
			key := string(a) + name
			in := &awss3.PutObjectInput{Bucket: &bucket, Key: &key, Body: body, ChecksumAlgorithm: a}
			if name == "trailer" {
				in.ContentLength = aws.Int64(9)
				a := g.trailer(bucket, key, a)
				if a.status != 200 {
					t.Errorf("%s: got %v", key, a)
					continue
				}
			} else if _, err := c.PutObject(t.Context(), in); err != nil {
				t.Errorf("%s: %v", key, err)
				continue
			}
			out, err := c.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: &bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
			if err != nil {
				t.Fatal(err)
			}
			got := aws.ToString(out.ChecksumCRC32) + aws.ToString(out.ChecksumCRC32C) + aws.ToString(out.ChecksumCRC64NVME) + aws.ToString(out.ChecksumSHA1) + aws.ToString(out.ChecksumSHA256)
			if got != sumsOf123456789[a] || out.ChecksumType != types.ChecksumTypeFullObject {
				t.Errorf("%s: got %q %s, want %q", key, got, out.ChecksumType, sumsOf123456789[a])
			}
			if b, _ := get(t, c, bucket, key); string(b) != "123456789" { // the SDK verifies
				t.Errorf("%s: got %q", key, b)
			}
		}
	}
	// Without any checksum from the client there is a CRC64NVME all the same.
	g.send(call{method: "PUT", path: "/checksums/none", body: []byte("123456789")})
	if a := g.send(call{method: "GET", path: "/checksums/none", header: map[string]string{"X-Amz-Checksum-Mode": "ENABLED"}}); a.header.Get("X-Amz-Checksum-Crc64nvme") != sumsOf123456789["CRC64NVME"] {
		t.Errorf("none: got %v", a.header)
	}
	if a := g.send(call{method: "GET", path: "/checksums/none"}); a.header.Get("X-Amz-Checksum-Crc64nvme") != "" {
		t.Error("a checksum was answered that nobody asked for")
	}
}

var sumsOf123456789 = map[types.ChecksumAlgorithm]string{
	"CRC32": "y/Q5Jg==", "CRC32C": "4waSgw==", "CRC64NVME": "rosUhgp5mIg=", "SHA1": "98O8HYCOBHMq32eZZczDTKeuNEE=", "SHA256": "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
}

// trailer puts "123456789" with an unsigned trailer, as SDKs do over TLS.
func (g *gateway) trailer(bucket, key string, a types.ChecksumAlgorithm) reply {
	name := "x-amz-checksum-" + strings.ToLower(string(a))
	return g.send(call{method: "PUT", path: "/" + bucket + "/" + key, hash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
		header: map[string]string{"Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": "9", "X-Amz-Trailer": name, "X-Amz-Sdk-Checksum-Algorithm": string(a)},
		body:   []byte("4\r\n1234\r\n5\r\n56789\r\n0\r\n" + name + ":" + sumsOf123456789[a] + "\r\n\r\n")})
}

func TestDeleteObjects(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	c, bucket := g.root(), g.bucket("deletes", "")
	var ids []types.ObjectIdentifier
	for i := range 40 {
		key := fmt.Sprintf("k<%d>", i)
		put(t, c, bucket, key, []byte("x"))
		ids = append(ids, types.ObjectIdentifier{Key: &key})
	}
	bad, version := strings.Repeat("x", 1025), "v1"
	out, err := c.DeleteObjects(t.Context(), &awss3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: append(ids[:30:30], types.ObjectIdentifier{Key: &bad}, types.ObjectIdentifier{Key: ids[39].Key, VersionId: &version}, types.ObjectIdentifier{Key: aws.String("absent")})}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Deleted) != 31 || len(out.Errors) != 2 || *out.Errors[0].Code != "KeyTooLongError" || *out.Errors[1].Code != "NoSuchVersion" {
		t.Errorf("got %d deleted, errors %+v", len(out.Deleted), out.Errors)
	}
	out, err = c.DeleteObjects(t.Context(), &awss3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Quiet: aws.Bool(true), Objects: ids[30:39]}})
	if err != nil || len(out.Deleted) != 0 || len(out.Errors) != 0 {
		t.Errorf("quiet: got %+v, %v", out, err)
	}
	list, err := c.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: &bucket})
	if err != nil || len(list.Contents) != 1 || *list.Contents[0].Key != "k<39>" {
		t.Errorf("left over: %+v, %v", list.Contents, err)
	}
}

// The SDK for JavaScript presigns with the checksum of no body.
func TestPresignedChecksum(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.bucket("presigned", "")
	query := "x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32"
	if a := g.send(call{method: "PUT", path: "/presigned/k", query: query, presign: time.Minute, body: []byte("hello")}); a.status != 200 {
		t.Errorf("got %d %s, want 200", a.status, a.code)
	}
}

// What a presigned query says of checksums, but for the sums themselves, counts as the headers would.
func TestPresignedChecksumMode(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.bucket("presigned", "")
	if a := g.send(call{method: "PUT", path: "/presigned/k", body: []byte("hello")}); a.status != 200 {
		t.Fatal(a)
	}
	if a := g.send(call{method: "GET", path: "/presigned/k", query: "x-amz-checksum-mode=ENABLED", presign: time.Minute}); a.header.Get("X-Amz-Checksum-Crc64nvme") == "" {
		t.Errorf("mode: got %v, want a checksum", a.header)
	}
	if a := g.send(call{method: "POST", path: "/presigned/k", query: "uploads=&x-amz-checksum-algorithm=SHA256", presign: time.Minute}); a.header.Get("X-Amz-Checksum-Algorithm") != "SHA256" {
		t.Errorf("algorithm: got %v, want SHA256", a.header)
	}
}

func TestPresign(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	c, bucket := g.root(), g.bucket("presign", "")
	p := awss3.NewPresignClient(c)
	up, err := p.PresignPutObject(t.Context(), &awss3.PutObjectInput{Bucket: &bucket, Key: aws.String("a b+c"), ContentType: aws.String("x/y"), Metadata: map[string]string{"m": "1"}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), up.Method, up.URL, strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range up.SignedHeader {
		if name != "Content-Length" {
			r.Header[name] = values
		}
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("put: %s", resp.Status)
	}
	down, err := p.PresignGetObject(t.Context(), &awss3.GetObjectInput{Bucket: &bucket, Key: aws.String("a b+c"), ResponseContentType: aws.String("z/z")})
	if err != nil {
		t.Fatal(err)
	}
	resp, err = http.Get(down.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); string(body) != "hello" || resp.Header.Get("Content-Type") != "z/z" || resp.Header.Get("X-Amz-Meta-M") != "1" {
		t.Errorf("get: %q %v", body, resp.Header)
	}
}
