package badinput

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/s3lite"
)

const kept = "kept bytes"

// request describes one S3 request and how it is spoilt. The zero values of the last fields sign it as the root user, now.
type request struct {
	method, path, query string
	header              http.Header
	body                string
	spoil               func(e *s3lite.Endpoint)
	hash                string
	signed              time.Duration // before now
	presigned           time.Duration // lifetime; negative: expired so long ago
	cut                 int           // bytes of the body that are not sent
	anonymous           bool
}

func TestS3(t *testing.T) {
	t.Parallel()
	if testbed.Short() {
		t.Skip("needs the real process")
	}
	g := testbed.StartGelato(t, testbed.GelatoOptions{})
	c := g.Client()
	if err := c.CreateBucket(t.Context(), "target", ""); err != nil {
		t.Fatal(err)
	}
	if err := c.Put(t.Context(), "target", "kept", []byte(kept)); err != nil {
		t.Fatal(err)
	}
	sum := func(b []byte) string { return base64.StdEncoding.EncodeToString(b) }
	wrongMD5, wrongSHA := md5.Sum([]byte("other")), sha256.Sum256([]byte("other"))
	const brokenXML = "<Delete><Object>"
	brokenMD5 := md5.Sum([]byte(brokenXML))
	put := func(r request) request {
		r.method = http.MethodPut
		if r.path == "" {
			r.path = "/target/kept"
		}
		if r.body == "" {
			r.body = "new bytes"
		}
		return r
	}
	location := func(name string) string {
		return "<CreateBucketConfiguration><LocationConstraint>" + name + "</LocationConstraint></CreateBucketConfiguration>"
	}

	for name, tc := range map[string]struct {
		r      request
		status int
		code   string
	}{
		"wrong secret":          {put(request{spoil: func(e *s3lite.Endpoint) { e.Secret = "wrong" }}), 403, "SignatureDoesNotMatch"},
		"unknown access key":    {put(request{spoil: func(e *s3lite.Endpoint) { e.Access = "nobody" }}), 403, "InvalidAccessKeyId"},
		"wrong region":          {put(request{spoil: func(e *s3lite.Endpoint) { e.Region = "eu-west-9" }}), 400, "AuthorizationHeaderMalformed"},
		"no signature":          {put(request{anonymous: true}), 403, "AccessDenied"},
		"expired presigned URL": {put(request{presigned: -time.Minute}), 403, "AccessDenied"},
		"presigned, wrong secret": {put(request{presigned: time.Minute, spoil: func(e *s3lite.Endpoint) { e.Secret = "wrong" }}), 403,
			"SignatureDoesNotMatch"},
		"presigned for too long": {put(request{presigned: 8 * 24 * time.Hour}), 403, "AccessDenied"},
		"clock behind":           {put(request{signed: 20 * time.Minute}), 403, "RequestTimeTooSkewed"},
		"clock ahead":            {put(request{signed: -20 * time.Minute}), 403, "RequestTimeTooSkewed"},
		"truncated body":         {put(request{cut: 4}), 400, "IncompleteBody"},
		"wrong Content-MD5":      {put(request{header: http.Header{"Content-Md5": {sum(wrongMD5[:])}}}), 400, "BadDigest"},
		"malformed Content-MD5":  {put(request{header: http.Header{"Content-Md5": {"AAAA"}}}), 400, "InvalidDigest"},
		"wrong CRC32":            {put(request{header: http.Header{"X-Amz-Checksum-Crc32": {"AAAAAA=="}}}), 400, "BadDigest"},
		"wrong CRC64NVME":        {put(request{header: http.Header{"X-Amz-Checksum-Crc64nvme": {"AAAAAAAAAAA="}}}), 400, "BadDigest"},
		"wrong SHA-256 checksum": {put(request{header: http.Header{"X-Amz-Checksum-Sha256": {sum(wrongSHA[:])}}}), 400, "BadDigest"},
		"malformed checksum":     {put(request{header: http.Header{"X-Amz-Checksum-Crc32": {"AA=="}}}), 400, "BadDigest"},
		"wrong payload hash":     {put(request{hash: hex.EncodeToString(wrongSHA[:])}), 400, "XAmzContentSHA256Mismatch"},
		"key of 1,025 bytes":     {put(request{path: "/target/" + strings.Repeat("k", 1025)}), 400, "KeyTooLongError"},
		"metadata over 2 KiB":    {put(request{header: http.Header{"X-Amz-Meta-A": {strings.Repeat("m", 3000)}}}), 400, "MetadataTooLarge"},
		"absent bucket":          {put(request{path: "/no-such-bucket/key"}), 404, "NoSuchBucket"},
		"If-None-Match":          {put(request{header: http.Header{"If-None-Match": {"*"}}}), 412, "PreconditionFailed"},
		"bucket name too short":  {put(request{path: "/ab", body: location("")}), 400, "InvalidBucketName"},
		"bucket name too long":   {put(request{path: "/" + strings.Repeat("b", 64), body: location("")}), 400, "InvalidBucketName"},
		"bucket name upper case": {put(request{path: "/Upper", body: location("")}), 400, "InvalidBucketName"},
		"bucket name two dots":   {put(request{path: "/a..b", body: location("")}), 400, "InvalidBucketName"},
		"bucket name dash first": {put(request{path: "/-abc", body: location("")}), 400, "InvalidBucketName"},
		"bucket name an address": {put(request{path: "/192.168.5.4", body: location("")}), 400, "InvalidBucketName"},
		"unknown backend":        {put(request{path: "/another", body: location("nowhere")}), 400, "InvalidLocationConstraint"},
		"location not XML":       {put(request{path: "/another", body: "<<<"}), 400, "MalformedXML"},
		"policy without a rule":  {put(request{path: "/target", query: "policy=", body: "{}"}), 400, "MalformedPolicy"},
		"acl not XML":            {put(request{query: "acl=", body: "x"}), 400, "MalformedACLError"},
		"replication not built":  {put(request{path: "/target", query: "replication=", body: "x"}), 501, "NotImplemented"},
		"delete replication":     {request{method: http.MethodDelete, path: "/target", query: "replication="}, 501, "NotImplemented"},
		"delete annotation":      {request{method: http.MethodDelete, path: "/target/kept", query: "annotation="}, 501, "NotImplemented"},
		"delete full bucket":     {request{method: http.MethodDelete, path: "/target"}, 409, "BucketNotEmpty"},
		"absent key":             {request{method: http.MethodGet, path: "/target/absent"}, 404, "NoSuchKey"},
		"range past the end":     {request{method: http.MethodGet, path: "/target/kept", header: http.Header{"Range": {"bytes=100-"}}}, 416, "InvalidRange"},
		"max-keys no number":     {request{method: http.MethodGet, path: "/target", query: "list-type=2&max-keys=many"}, 400, "InvalidArgument"},
		"absent upload": {request{method: http.MethodPut, path: "/target/kept", query: "partNumber=1&uploadId=nope", body: "part"},
			404, "NoSuchUpload"},
		"part number 0":                    {request{method: http.MethodPut, path: "/target/kept", query: "partNumber=0&uploadId=nope", body: "part"}, 400, "InvalidArgument"},
		"DeleteObjects without a checksum": {request{method: http.MethodPost, path: "/target", query: "delete=", body: "<Delete><Object><Key>kept</Key></Object></Delete>"}, 400, "InvalidRequest"},
		"DeleteObjects XML": {request{method: http.MethodPost, path: "/target", query: "delete=", body: brokenXML,
			header: http.Header{"Content-Md5": {sum(brokenMD5[:])}}}, 400, "MalformedXML"},
	} {
		t.Run(name, func(t *testing.T) {
			got := tc.r.send(t, g.Endpoint())
			if got.status != tc.status || got.Code != tc.code {
				t.Errorf("got %d %s (%s), want %d %s", got.status, got.Code, got.Message, tc.status, tc.code)
			}
			if got.Message == "" || got.RequestID == "" || got.RequestID != got.header.Get("X-Amz-Request-Id") {
				t.Errorf("want a message and the request id in body and header, got %+v", got)
			}
			if h := got.header.Get("Content-Type"); h != "application/xml" {
				t.Errorf("Content-Type: got %q, want application/xml", h)
			}
		})
	}
	wantUnchanged(t, c)
}

// wantUnchanged wants the one bucket with the one object as they were.
func wantUnchanged(t *testing.T, c *s3lite.Client) {
	t.Helper()
	var buckets struct {
		Names []string `xml:"Buckets>Bucket>Name"`
	}
	if err := c.XML(t.Context(), s3lite.Request{Method: http.MethodGet}, &buckets); err != nil || fmt.Sprint(buckets.Names) != "[target]" {
		t.Errorf("buckets: got %v, %v, want target alone", buckets.Names, err)
	}
	n := 0
	for o, err := range c.List(t.Context(), "target", "") {
		if n++; err != nil || o.Key != "kept" {
			t.Errorf("listing has %q, %v, want kept alone", o.Key, err)
		}
	}
	resp, err := c.Get(t.Context(), "target", "kept")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != kept || n != 1 {
		t.Errorf("the object: got %q, %v, listed %d times, want %q once", got, err, n, kept)
	}
}

// answer is an S3 error as it came.
type answer struct {
	status        int
	header        http.Header
	Code, Message string
	RequestID     string `xml:"RequestId"`
}

// send writes the request to a connection of its own, byte by byte as described.
func (r request) send(t *testing.T, e s3lite.Endpoint) answer {
	t.Helper()
	if r.spoil != nil {
		r.spoil(&e)
	}
	u, err := url.Parse(e.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.Path, u.RawQuery = r.path, r.query
	req := http.Request{Method: r.method, URL: u, Header: http.Header{}}
	for k, v := range r.header {
		req.Header[k] = v
	}
	switch {
	case r.presigned != 0:
		bucket, key, _ := strings.Cut(strings.TrimPrefix(r.path, "/"), "/")
		now := time.Now()
		if r.presigned < 0 {
			now, r.presigned = now.Add(2*r.presigned), -r.presigned
		}
		if req.URL, err = url.Parse(s3lite.Presign(e, r.method, bucket, key, r.presigned, now)); err != nil {
			t.Fatal(err)
		}
	case !r.anonymous:
		hash := sha256.Sum256([]byte(r.body))
		if r.hash == "" {
			r.hash = hex.EncodeToString(hash[:])
		}
		s3lite.Sign(&req, e, r.hash, time.Now().Add(-r.signed))
	}
	var wire bytes.Buffer
	fmt.Fprintf(&wire, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n", r.method, req.URL.RequestURI(), u.Host, len(r.body))
	if err := req.Header.Write(&wire); err != nil {
		t.Fatal(err)
	}
	wire.WriteString("\r\n" + r.body[:len(r.body)-r.cut])

	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(wire.Bytes()); err != nil {
		t.Fatal(err)
	}
	if r.cut > 0 {
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &req)
	if err != nil {
		t.Fatalf("read answer: %v", err)
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(text, &a); err != nil {
		t.Errorf("the answer %d %q is not XML: %v", resp.StatusCode, text, err)
	}
	return a
}
