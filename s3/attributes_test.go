package s3

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestGetObjectAttributes(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	c, bucket := g.root(), g.bucket("attributes", "")
	all := types.ObjectAttributes("").Values()
	put(t, c, bucket, "plain", []byte("123456789"))
	out, err := c.GetObjectAttributes(t.Context(), &awss3.GetObjectAttributesInput{Bucket: &bucket, Key: aws.String("plain"), ObjectAttributes: all})
	if err != nil {
		t.Fatal(err)
	}
	if *out.ETag != "25f9e794323b453885f5181f1b624d0b" || *out.ObjectSize != 9 || out.StorageClass != "STANDARD" || out.LastModified == nil || out.ObjectParts != nil ||
		aws.ToString(out.Checksum.ChecksumCRC64NVME) != "rosUhgp5mIg=" || out.Checksum.ChecksumType != "FULL_OBJECT" {
		t.Errorf("got %+v, %+v", out, out.Checksum)
	}
	u := begin(t, c, bucket, "parts", "SHA256", "COMPOSITE")
	for n := range int32(3) {
		u.part(n*2+1, bytes.Repeat([]byte{byte(n)}, 5<<20), "SHA256")
	}
	if _, err := u.complete(""); err != nil {
		t.Fatal(err)
	}
	out, err = c.GetObjectAttributes(t.Context(), &awss3.GetObjectAttributesInput{Bucket: &bucket, Key: aws.String("parts"), MaxParts: aws.Int32(2), ObjectAttributes: all})
	if err != nil {
		t.Fatal(err)
	}
	p := out.ObjectParts
	if *p.TotalPartsCount != 3 || !*p.IsTruncated || *p.NextPartNumberMarker != "3" || *p.MaxParts != 2 || *p.PartNumberMarker != "0" || len(p.Parts) != 2 ||
		*p.Parts[1].PartNumber != 3 || *p.Parts[1].Size != 5<<20 || aws.ToString(p.Parts[1].ChecksumSHA256) != aws.ToString(u.parts[1].ChecksumSHA256) ||
		!strings.HasSuffix(*out.ETag, "-3") || !strings.HasSuffix(*out.Checksum.ChecksumSHA256, "-3") || out.Checksum.ChecksumType != "COMPOSITE" {
		t.Errorf("first page: got %+v, %+v", out, p)
	}
	out, err = c.GetObjectAttributes(t.Context(), &awss3.GetObjectAttributesInput{Bucket: &bucket, Key: aws.String("parts"), PartNumberMarker: p.NextPartNumberMarker,
		ObjectAttributes: []types.ObjectAttributes{"ObjectParts"}})
	if err != nil {
		t.Fatal(err)
	}
	if p := out.ObjectParts; *p.IsTruncated || p.NextPartNumberMarker != nil || len(p.Parts) != 1 || *p.Parts[0].PartNumber != 5 || out.ETag != nil || out.Checksum != nil || out.ObjectSize != nil {
		t.Errorf("second page: got %+v, %+v", out, p)
	}
	for want, k := range map[string]struct{ key, header string }{
		"200": {"plain", "ObjectSize, Checksum"}, "400 InvalidArgument": {"plain", "Everything"}, "404 NoSuchKey": {"none", "ETag"},
	} {
		if a := g.send(call{method: "GET", path: "/attributes/" + k.key, query: "attributes=", header: map[string]string{"X-Amz-Object-Attributes": k.header}}); a.String() != want {
			t.Errorf("%v: got %v, want %s", k, a, want)
		}
	}
	if a := g.send(call{method: "GET", path: "/attributes/plain", query: "attributes="}); a.String() != "400 InvalidArgument" {
		t.Errorf("without attributes: got %v", a)
	}
}

func TestRestoreObject(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	put(t, g.root(), g.bucket("restored", ""), "k", []byte("x"))
	restore := call{method: "POST", path: "/restored/k", query: "restore=", body: []byte("<RestoreRequest><Days>1</Days></RestoreRequest>")}
	for want, change := range map[string]func(*call){
		"403 InvalidObjectState": func(*call) {},
		"404 NoSuchKey":          func(c *call) { c.path = "/restored/none" },
		"400 MalformedXML":       func(c *call) { c.body = nil },
		"400 InvalidArgument":    func(c *call) { c.body = []byte("<RestoreRequest><Days>0</Days></RestoreRequest>") },
	} {
		c := restore
		change(&c)
		if a := g.send(c); a.String() != want {
			t.Errorf("got %v, want %s", a, want)
		}
	}
}

// A body whose length nobody told is taken as it comes; S3 wants the length of it, which clients cannot always know.
func TestChunkedTransfer(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.bucket("chunked", "")
	for _, size := range []int{0, 1, smallBody - 1, smallBody, smallBody + 1, 3 << 20} {
		body := data(7, size)
		if a := g.send(call{method: "PUT", path: "/chunked/k", body: body, chunkedTransfer: true}); a.status != 200 {
			t.Errorf("%d bytes: got %v %s", size, a, a.message)
		}
		if a := g.send(call{method: "GET", path: "/chunked/k"}); !bytes.Equal(a.body, body) {
			t.Errorf("%d bytes: got %d back", size, len(a.body))
		}
	}
	if a := g.send(call{method: "PUT", path: "/chunked/k", body: []byte("x"), chunkedTransfer: true, hash: strings.Repeat("0", 64)}); a.String() != "400 XAmzContentSHA256Mismatch" {
		t.Errorf("other bytes: got %v", a)
	}
}

func TestAnonymousOverridesNothing(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	put(t, g.root(), g.bucket("public", ""), "k", []byte("x"))
	policy := `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::public/*"}]}`
	g.send(call{method: "DELETE", path: "/public", query: "publicAccessBlock="})
	if a := g.send(call{method: "PUT", path: "/public", query: "policy=", body: []byte(policy)}); a.status != 204 {
		t.Fatalf("put policy: %v %s", a, a.message)
	}
	for query, want := range map[string]string{"": "200", "x-id=GetObject": "200", "response-content-type=text%2Fhtml": "400 InvalidRequest"} {
		if a := g.send(call{method: "GET", path: "/public/k", query: query, unsigned: true}); a.String() != want {
			t.Errorf("%q: got %v %s, want %s", query, a, a.message, want)
		}
	}
	if a := g.send(call{method: "GET", path: "/public/k", query: "response-content-type=text%2Fhtml"}); a.header.Get("Content-Type") != "text/html" {
		t.Errorf("signed: got %v", a.header)
	}
}
