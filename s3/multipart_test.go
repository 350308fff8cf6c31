package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// upload is a multipart upload of a test.
type upload struct {
	t           *testing.T
	c           *awss3.Client
	bucket, key string
	id          *string
	parts       []types.CompletedPart
	sums        []byte // of the parts' MD5
}

func begin(t *testing.T, c *awss3.Client, bucket, key string, a types.ChecksumAlgorithm, kind types.ChecksumType) *upload {
	t.Helper()
	out, err := c.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key, ContentType: aws.String("m/p"), Metadata: map[string]string{"m": "1"}, ChecksumAlgorithm: a, ChecksumType: kind})
	if err != nil {
		t.Fatal(err)
	}
	return &upload{t: t, c: c, bucket: bucket, key: key, id: out.UploadId}
}

func (u *upload) part(n int32, body []byte, a types.ChecksumAlgorithm) {
	u.t.Helper()
	out, err := u.c.UploadPart(u.t.Context(), &awss3.UploadPartInput{Bucket: &u.bucket, Key: &u.key, UploadId: u.id, PartNumber: &n, Body: bytes.NewReader(body), ChecksumAlgorithm: a})
	if err != nil {
		u.t.Fatalf("part %d: %v", n, err)
	}
	sum := md5.Sum(body)
	if want := quoted(hex.EncodeToString(sum[:])); *out.ETag != want {
		u.t.Errorf("part %d: ETag %s, want %s", n, *out.ETag, want)
	}
	u.add(n, *out.ETag, types.CompletedPart{ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C, ChecksumCRC64NVME: out.ChecksumCRC64NVME, ChecksumSHA1: out.ChecksumSHA1, ChecksumSHA256: out.ChecksumSHA256})
}

func (u *upload) add(n int32, etag string, p types.CompletedPart) {
	p.PartNumber, p.ETag = &n, &etag
	u.parts = append(u.parts, p)
	raw, _ := hex.DecodeString(strings.Trim(etag, `"`))
	u.sums = append(u.sums, raw...)
}

func (u *upload) complete(kind types.ChecksumType) (*awss3.CompleteMultipartUploadOutput, error) {
	return u.c.CompleteMultipartUpload(u.t.Context(), &awss3.CompleteMultipartUploadInput{Bucket: &u.bucket, Key: &u.key, UploadId: u.id, MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts}, ChecksumType: kind})
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	c, bucket := g.root(), g.bucket("multipart", "b")
	one, two, three := data(1, 5<<20), data(2, 5<<20+7), data(3, 1000)
	for _, k := range []struct {
		a    types.ChecksumAlgorithm
		kind types.ChecksumType
	}{
		{"", ""}, {"CRC32", "COMPOSITE"}, {"CRC32", "FULL_OBJECT"}, {"CRC32C", ""}, {"CRC64NVME", "FULL_OBJECT"}, {"SHA1", ""}, {"SHA256", "COMPOSITE"},
	} {
		key := "k " + string(k.a+types.ChecksumAlgorithm(k.kind))
		u := begin(t, c, bucket, key, k.a, k.kind)
		u.part(7, data(9, 100), k.a) // replaced below
		u.parts, u.sums = nil, nil
		u.part(2, one, k.a)
		u.part(5, two, k.a)
		u.part(7, three, k.a)
		listed, err := c.ListParts(t.Context(), &awss3.ListPartsInput{Bucket: &bucket, Key: &key, UploadId: u.id, MaxParts: aws.Int32(2)})
		if err != nil || len(listed.Parts) != 2 || !*listed.IsTruncated || *listed.NextPartNumberMarker != "5" || *listed.Parts[1].Size != int64(len(two)) {
			t.Errorf("%s: list parts: %+v, %v", key, listed, err)
		}
		rest, err := c.ListParts(t.Context(), &awss3.ListPartsInput{Bucket: &bucket, Key: &key, UploadId: u.id, PartNumberMarker: listed.NextPartNumberMarker})
		if err != nil || len(rest.Parts) != 1 || *rest.IsTruncated || *rest.Parts[0].Size != 1000 {
			t.Errorf("%s: list the rest: %+v, %v", key, rest, err)
		}
		out, err := u.complete(k.kind)
		if err != nil {
			t.Fatalf("%s: complete: %v", key, err)
		}
		sum := md5.Sum(u.sums)
		if want := quoted(hex.EncodeToString(sum[:]) + "-3"); *out.ETag != want {
			t.Errorf("%s: ETag %s, want %s", key, *out.ETag, want)
		}
		again, err := u.complete(k.kind)
		if err != nil || *again.ETag != *out.ETag {
			t.Errorf("%s: complete again: %+v, %v", key, again, err)
		}
		got, head := get(t, c, bucket, key)
		if !bytes.Equal(got, bytes.Join([][]byte{one, two, three}, nil)) || *head.ContentType != "m/p" || head.Metadata["m"] != "1" || *head.ETag != *out.ETag {
			t.Errorf("%s: got %d bytes, %+v", key, len(got), head)
		}
		part, err := c.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: &bucket, Key: &key, PartNumber: aws.Int32(5)})
		if err != nil || *part.ContentLength != int64(len(two)) || *part.PartsCount != 3 {
			t.Errorf("%s: head of a part: %+v, %v", key, part, err)
		}
		sums, err := c.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: &bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
		if err != nil {
			t.Fatal(err)
		}
		shown := aws.ToString(sums.ChecksumCRC32) + aws.ToString(sums.ChecksumCRC32C) + aws.ToString(sums.ChecksumCRC64NVME) + aws.ToString(sums.ChecksumSHA1) + aws.ToString(sums.ChecksumSHA256)
		if shown == "" || strings.HasSuffix(shown, "-3") != (sums.ChecksumType == types.ChecksumTypeComposite) {
			t.Errorf("%s: checksum %q of type %s", key, shown, sums.ChecksumType)
		}
	}
}

func TestUploadPartCopy(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	c, from, to := g.root(), g.bucket("from", "a"), g.bucket("dest", "b")
	src := data(4, 12<<20)
	put(t, c, from, "src", src)
	u := begin(t, c, to, "copy", "", "")
	for n, r := range []string{"bytes=0-5242879", "bytes=5242880-12582911"} {
		out, err := c.UploadPartCopy(t.Context(), &awss3.UploadPartCopyInput{Bucket: &to, Key: &u.key, UploadId: u.id, PartNumber: aws.Int32(int32(n + 1)), CopySource: aws.String("from/src"), CopySourceRange: &r})
		if err != nil {
			t.Fatal(err)
		}
		u.add(int32(n+1), *out.CopyPartResult.ETag, types.CompletedPart{})
	}
	_, err := c.UploadPartCopy(t.Context(), &awss3.UploadPartCopyInput{Bucket: &to, Key: &u.key, UploadId: u.id, PartNumber: aws.Int32(3), CopySource: aws.String("from/src"), CopySourceRange: aws.String("bytes=0-99999999")})
	wantCode(t, err, "InvalidRange")
	if _, err := u.complete(""); err != nil {
		t.Fatal(err)
	}
	if got, _ := get(t, c, to, "copy"); !bytes.Equal(got, src) {
		t.Errorf("got %d other bytes", len(got))
	}
}

// The suite of Ceph, which S3 passes, names a part twice: the last word counts.
func TestCompleteNamesAPartTwice(t *testing.T) {
	t.Parallel()
	list, err := parseComplete([]byte("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part><Part><PartNumber>1</PartNumber><ETag>b</ETag></Part></CompleteMultipartUpload>"))
	if err != nil || len(list) != 1 || list[0].ETag != "b" {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestMultipartRefusals(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	c, bucket := g.root(), g.bucket("refusals", "")
	u := begin(t, c, bucket, "k", "CRC32", "COMPOSITE")
	u.part(1, data(1, 1000), "CRC32")
	u.part(2, data(2, 1000), "CRC32")
	before := g.state()
	path, id := "/refusals/k", "uploadId="+*u.id
	list := func(parts ...string) []byte {
		return []byte("<CompleteMultipartUpload>" + strings.Join(parts, "") + "</CompleteMultipartUpload>")
	}
	part := func(n int, etag string) string {
		return fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", n, etag)
	}
	e1, e2 := *u.parts[0].ETag, *u.parts[1].ETag
	for name, k := range map[string]struct {
		c    call
		want string
	}{
		"part 0":                {call{method: "PUT", path: path, query: "partNumber=0&" + id}, "400 InvalidArgument"},
		"part 10001":            {call{method: "PUT", path: path, query: "partNumber=10001&" + id}, "400 InvalidArgument"},
		"no part number":        {call{method: "PUT", path: path, query: id}, "400 InvalidArgument"},
		"other upload":          {call{method: "PUT", path: path, query: "partNumber=1&uploadId=x", body: []byte("x")}, "404 NoSuchUpload"},
		"other key":             {call{method: "PUT", path: path + "2", query: "partNumber=1&" + id, body: []byte("x")}, "404 NoSuchUpload"},
		"other algorithm":       {call{method: "PUT", path: path, query: "partNumber=1&" + id, body: []byte("x"), header: map[string]string{"X-Amz-Checksum-Sha1": "98O8HYCOBHMq32eZZczDTKeuNEE="}}, "400 InvalidRequest"},
		"wrong part checksum":   {call{method: "PUT", path: path, query: "partNumber=1&" + id, body: []byte("x"), header: map[string]string{"X-Amz-Checksum-Crc32": "AAAAAA=="}}, "400 BadDigest"},
		"complete: no list":     {call{method: "POST", path: path, query: id, body: list()}, "400 MalformedXML"},
		"complete: no XML":      {call{method: "POST", path: path, query: id, body: []byte("x")}, "400 MalformedXML"},
		"complete: order":       {call{method: "POST", path: path, query: id, body: list(part(2, e2), part(1, e1))}, "400 InvalidPartOrder"},
		"complete: twice":       {call{method: "POST", path: path, query: id, body: list(part(1, e1), part(2, e2), part(1, e1))}, "400 InvalidPartOrder"},
		"complete: absent part": {call{method: "POST", path: path, query: id, body: list(part(1, e1), part(3, e2))}, "400 InvalidPart"},
		"complete: other ETag":  {call{method: "POST", path: path, query: id, body: list(part(1, e2))}, "400 InvalidPart"},
		"complete: too small":   {call{method: "POST", path: path, query: id, body: list(part(1, e1), part(2, e2))}, "400 EntityTooSmall"},
		"complete: other size":  {call{method: "POST", path: path, query: id, body: list(part(1, e1)), header: map[string]string{"X-Amz-Mp-Object-Size": "7"}}, "400 InvalidRequest"},
		"complete: other type":  {call{method: "POST", path: path, query: id, body: list(part(1, e1)), header: map[string]string{"X-Amz-Checksum-Type": "FULL_OBJECT"}}, "400 InvalidRequest"},
		"complete: other sum":   {call{method: "POST", path: path, query: id, body: list(part(1, e1)), header: map[string]string{"X-Amz-Checksum-Crc32": "AAAAAA==-1"}}, "400 BadDigest"},
		"complete: other id":    {call{method: "POST", path: path, query: "uploadId=x", body: list(part(1, e1))}, "404 NoSuchUpload"},
		"abort: other id":       {call{method: "DELETE", path: path, query: "uploadId=x"}, "404 NoSuchUpload"},
		"list: other id":        {call{method: "GET", path: path, query: "uploadId=x"}, "404 NoSuchUpload"},
		"create: odd algorithm": {call{method: "POST", path: path, query: "uploads=", header: map[string]string{"X-Amz-Checksum-Algorithm": "MD4"}}, "400 InvalidRequest"},
		"create: odd type":      {call{method: "POST", path: path, query: "uploads=", header: map[string]string{"X-Amz-Checksum-Algorithm": "SHA1", "X-Amz-Checksum-Type": "FULL_OBJECT"}}, "400 InvalidRequest"},
	} {
		if a := g.send(k.c); a.String() != k.want {
			t.Errorf("%s: got %v %s, want %s", name, a, a.message, k.want)
		}
	}
	if after := g.state(); after != before {
		t.Errorf("something changed:\n%s\nwas\n%s", after, before)
	}
	if _, err := c.AbortMultipartUpload(t.Context(), &awss3.AbortMultipartUploadInput{Bucket: &bucket, Key: &u.key, UploadId: u.id}); err != nil {
		t.Error(err)
	}
	_, err := u.complete("")
	wantCode(t, err, "NoSuchUpload")
}

func TestListUploads(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	c, bucket := g.root(), g.bucket("uploads", "")
	for _, key := range []string{"a/1", "a/2", "b", "b", "c/1", "d"} {
		begin(t, c, bucket, key, "", "")
	}
	var got []string
	in := &awss3.ListMultipartUploadsInput{Bucket: &bucket, Delimiter: aws.String("/"), MaxUploads: aws.Int32(2)}
	for range 10 {
		out, err := c.ListMultipartUploads(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range out.Uploads {
			got = append(got, *u.Key)
		}
		for _, p := range out.CommonPrefixes {
			got = append(got, *p.Prefix)
		}
		if !*out.IsTruncated {
			break
		}
		got = append(got, "|")
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
	if want := "b a/ | b c/ | d"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
}
