package s3

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

// Every bad request gets its precise error, and nothing changes.
func TestRefusals(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.bucket("target", "")
	g.bucket("empty", "")
	g.send(call{method: "PUT", path: "/target/kept", body: []byte("kept bytes")})
	before := g.state()

	big := data(5, 3*smallBody)
	wrongMD5, wrongSHA := md5.Sum([]byte("other")), sha256.Sum256([]byte("other"))
	with := func(name, value string) map[string]string { return map[string]string{name: value} }
	put := func(c call) call {
		c.method = "PUT"
		if c.path == "" {
			c.path = "/target/kept"
		}
		if c.body == nil {
			c.body = []byte("new bytes")
		}
		return c
	}
	streaming := func(body string, more ...string) call {
		c := put(call{hash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER", body: []byte(body), header: map[string]string{"Content-Encoding": "aws-chunked", "X-Amz-Decoded-Content-Length": "9", "X-Amz-Trailer": "x-amz-checksum-crc32"}})
		for i := 0; i < len(more); i += 2 {
			c.header[more[i]] = more[i+1]
		}
		return c
	}
	create := func(name, body string) call { return call{method: "PUT", path: "/" + name, body: []byte(body)} }

	for name, k := range map[string]struct {
		c    call
		want string
	}{
		"anonymous":               {put(call{unsigned: true}), "403 AccessDenied"},
		"anonymous, not built":    {call{method: "GET", path: "/target", query: "policy=", unsigned: true}, "403 AccessDenied"},
		"wrong secret":            {put(call{access: rootKey, secret: "wrong"}), "403 SignatureDoesNotMatch"},
		"wrong secret, big body":  {put(call{access: rootKey, secret: "wrong", body: big}), "403 SignatureDoesNotMatch"},
		"unknown key":             {put(call{access: "nobody", secret: "wrong"}), "403 InvalidAccessKeyId"},
		"disabled key":            {put(call{access: "disabledkey", secret: userSecret}), "403 InvalidAccessKeyId"},
		"wrong region":            {put(call{region: "eu-west-9"}), "400 AuthorizationHeaderMalformed"},
		"clock behind":            {put(call{at: -20 * time.Minute}), "403 RequestTimeTooSkewed"},
		"clock ahead":             {put(call{at: 20 * time.Minute}), "403 RequestTimeTooSkewed"},
		"session token":           {put(call{header: with("X-Amz-Security-Token", "x")}), "400 InvalidToken"},
		"presigned: expired":      {put(call{presign: time.Minute, at: -time.Hour}), "403 AccessDenied"},
		"presigned: not yet":      {put(call{presign: time.Minute, at: time.Hour}), "403 AccessDenied"},
		"presigned: too long":     {put(call{presign: 8 * 24 * time.Hour}), "403 AccessDenied"},
		"presigned: wrong secret": {put(call{presign: time.Minute, access: rootKey, secret: "wrong"}), "403 SignatureDoesNotMatch"},
		"presigned: wrong region": {put(call{presign: time.Minute, region: "x"}), "400 AuthorizationQueryParametersError"},
		"presigned: line break":   {put(call{presign: time.Minute, query: "x-amz-meta-a=1%0Ax-amz-acl%3Aprivate"}), "400 InvalidArgument"},
		"presigned: NUL":          {put(call{presign: time.Minute, query: "x-amz-meta-a=%00"}), "400 InvalidArgument"},
		"presigned: no name":      {put(call{presign: time.Minute, query: "x-amz-meta-a%3A1%0Ax-amz-acl=private"}), "400 InvalidArgument"},
		"payload hash":            {put(call{hash: hex.EncodeToString(wrongSHA[:])}), "400 XAmzContentSHA256Mismatch"},
		"payload hash, big":       {put(call{hash: hex.EncodeToString(wrongSHA[:]), body: big}), "400 XAmzContentSHA256Mismatch"},
		"payload hash, no hash":   {put(call{hash: "xyz"}), "400 InvalidArgument"},
		"payload hash, empty":     {call{method: "PUT", path: "/target/kept", hash: hex.EncodeToString(wrongSHA[:])}, "400 XAmzContentSHA256Mismatch"},

		"truncated":            {put(call{length: 1000}), "400 IncompleteBody"},
		"truncated, big":       {put(call{length: 4 * smallBody, body: big, hash: "UNSIGNED-PAYLOAD"}), "400 IncompleteBody"},
		"no length":            {call{method: "PUT", path: "/target/kept", noLength: true}, "411 MissingContentLength"},
		"too large":            {put(call{length: maxObject + 1}), "400 EntityTooLarge"},
		"Content-MD5":          {put(call{header: with("Content-Md5", base64.StdEncoding.EncodeToString(wrongMD5[:]))}), "400 BadDigest"},
		"Content-MD5, big":     {put(call{header: with("Content-Md5", base64.StdEncoding.EncodeToString(wrongMD5[:])), body: big}), "400 BadDigest"},
		"Content-MD5, no MD5":  {put(call{header: with("Content-Md5", "AAAA")}), "400 InvalidDigest"},
		"CRC32":                {put(call{header: with("X-Amz-Checksum-Crc32", "AAAAAA==")}), "400 BadDigest"},
		"CRC32, big":           {put(call{header: with("X-Amz-Checksum-Crc32", "AAAAAA=="), body: big}), "400 BadDigest"},
		"CRC32C":               {put(call{header: with("X-Amz-Checksum-Crc32c", "AAAAAA==")}), "400 BadDigest"},
		"CRC64NVME":            {put(call{header: with("X-Amz-Checksum-Crc64nvme", "AAAAAAAAAAA=")}), "400 BadDigest"},
		"SHA1":                 {put(call{header: with("X-Amz-Checksum-Sha1", "98O8HYCOBHMq32eZZczDTKeuNEE=")}), "400 BadDigest"},
		"SHA256":               {put(call{header: with("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(wrongSHA[:]))}), "400 BadDigest"},
		"malformed sum":        {put(call{header: with("X-Amz-Checksum-Crc32", "AA==")}), "400 BadDigest"},
		"two sums":             {put(call{header: map[string]string{"X-Amz-Checksum-Crc32": "AAAAAA==", "X-Amz-Checksum-Crc32c": "AAAAAA=="}}), "400 InvalidRequest"},
		"announced sum":        {put(call{header: with("X-Amz-Sdk-Checksum-Algorithm", "CRC32")}), "400 InvalidRequest"},
		"announced other sum":  {put(call{header: map[string]string{"X-Amz-Sdk-Checksum-Algorithm": "SHA1", "X-Amz-Checksum-Crc32": "AAAAAA=="}}), "400 InvalidRequest"},
		"trailer, not chunked": {put(call{header: with("X-Amz-Trailer", "x-amz-checksum-crc32")}), "400 InvalidRequest"},

		"chunked: wrong trailer":     {streaming("9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"), "400 BadDigest"},
		"chunked: no trailer":        {streaming("9\r\n123456789\r\n0\r\n\r\n"), "400 MalformedTrailerError"},
		"chunked: other trailer":     {streaming("9\r\n123456789\r\n0\r\n\r\n", "X-Amz-Trailer", "x-amz-meta-a"), "400 InvalidRequest"},
		"chunked: malformed trailer": {streaming("9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:zz\r\n\r\n"), "400 BadDigest"},
		"chunked: cut":               {streaming("9\r\n12345"), "400 IncompleteBody"},
		"chunked: no end":            {streaming("9\r\n123456789\r\n"), "400 IncompleteBody"},
		"chunked: too short":         {streaming("8\r\n12345678\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n"), "400 IncompleteBody"},
		"chunked: too long":          {streaming("a\r\n1234567890\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n"), "400 IncompleteBody"},
		"chunked: no length":         {streaming("9\r\n123456789\r\n0\r\n\r\n", "X-Amz-Decoded-Content-Length", ""), "411 MissingContentLength"},
		"chunked: bad length":        {streaming("9\r\n123456789\r\n0\r\n\r\n", "X-Amz-Decoded-Content-Length", "-9"), "400 InvalidArgument"},
		"chunked: not chunked":       {streaming("hello wor\r\n"), "400 InvalidRequest"},
		"chunked: empty, bad sum":    {streaming("0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n", "X-Amz-Decoded-Content-Length", "0"), "400 BadDigest"},

		"key of 1,025 bytes":     {put(call{path: "/target/" + strings.Repeat("k", 1025)}), "400 KeyTooLongError"},
		"key not UTF-8":          {put(call{path: "/target/%ff"}), "400 InvalidURI"},
		"key with NUL":           {put(call{path: "/target/a%00b"}), "400 InvalidURI"},
		"metadata over 2 KiB":    {put(call{header: with("X-Amz-Meta-A", strings.Repeat("m", 2048))}), "400 MetadataTooLarge"},
		"headers over 4 KiB":     {put(call{header: with("Content-Disposition", strings.Repeat("m", 4097))}), "400 MetadataTooLarge"},
		"storage class":          {put(call{header: with("X-Amz-Storage-Class", "GLACIER")}), "400 InvalidStorageClass"},
		"absent bucket":          {put(call{path: "/no-such-bucket/key"}), "404 NoSuchBucket"},
		"part without upload":    {put(call{query: "partNumber=1"}), "400 InvalidArgument"},
		"a version":              {put(call{query: "versionId=null"}), "400 InvalidArgument"},
		"If-None-Match":          {put(call{header: with("If-None-Match", "*")}), "412 PreconditionFailed"},
		"If-None-Match, big":     {put(call{header: with("If-None-Match", "*"), body: big}), "412 PreconditionFailed"},
		"If-Match":               {put(call{header: with("If-Match", `"x"`)}), "412 PreconditionFailed"},
		"bucket name":            {create("ab", ""), "400 InvalidBucketName"},
		"bucket name upper case": {create("Upper", ""), "400 InvalidBucketName"},
		"bucket name an address": {create("192.168.5.4", ""), "400 InvalidBucketName"},
		"unknown backend":        {create("another", "<CreateBucketConfiguration><LocationConstraint>nowhere</LocationConstraint></CreateBucketConfiguration>"), "400 InvalidLocationConstraint"},
		"location not XML":       {create("another", "<<<"), "400 MalformedXML"},
		"location other XML":     {create("another", "<Delete/>"), "400 MalformedXML"},
		"location too large":     {call{method: "PUT", path: "/another", length: maxXML + 1}, "400 MaxMessageLengthExceeded"},
		"location not signed":    {call{method: "PUT", path: "/another", hash: hex.EncodeToString(wrongSHA[:])}, "400 XAmzContentSHA256Mismatch"},
		"full bucket":            {call{method: "DELETE", path: "/target"}, "409 BucketNotEmpty"},
		"absent key":             {call{method: "GET", path: "/target/absent"}, "404 NoSuchKey"},
		"absent version":         {call{method: "DELETE", path: "/target/kept", query: "versionId=x"}, "400 InvalidArgument"},
		"range past the end":     {call{method: "GET", path: "/target/kept", header: with("Range", "bytes=100-")}, "416 InvalidRange"},
		"range and part":         {call{method: "GET", path: "/target/kept", query: "partNumber=1", header: with("Range", "bytes=1-")}, "400 InvalidRequest"},
		"part 2 of 1":            {call{method: "GET", path: "/target/kept", query: "partNumber=2"}, "416 InvalidPartNumber"},
		"method":                 {call{method: "PATCH", path: "/target/kept"}, "405 MethodNotAllowed"},
		"form":                   {call{method: "POST", path: "/target"}, "400 InvalidArgument"},

		"DeleteObjects: no sum":    {call{method: "POST", path: "/target", query: "delete=", body: []byte("<Delete><Object><Key>kept</Key></Object></Delete>")}, "400 InvalidRequest"},
		"DeleteObjects: wrong sum": {call{method: "POST", path: "/target", query: "delete=", body: []byte("<Delete><Object><Key>kept</Key></Object></Delete>"), header: with("X-Amz-Checksum-Crc32", "AAAAAA==")}, "400 BadDigest"},
		"DeleteObjects: not XML":   {md5Sum(call{method: "POST", path: "/target", query: "delete=", body: []byte("<Delete><Object>")}), "400 MalformedXML"},
		"DeleteObjects: no keys":   {md5Sum(call{method: "POST", path: "/target", query: "delete=", body: []byte("<Delete></Delete>")}), "400 MalformedXML"},
		"DeleteObjects: too many":  {md5Sum(call{method: "POST", path: "/target", query: "delete=", body: []byte("<Delete>" + strings.Repeat("<Object><Key>kept</Key></Object>", 1001) + "</Delete>")}), "400 MalformedXML"},

		"copy onto itself":   {put(call{header: with("X-Amz-Copy-Source", "/target/kept")}), "400 InvalidRequest"},
		"copy: directive":    {put(call{path: "/target/x", header: map[string]string{"X-Amz-Copy-Source": "/target/kept", "X-Amz-Metadata-Directive": "X"}}), "400 InvalidArgument"},
		"copy: source":       {put(call{path: "/target/x", header: with("X-Amz-Copy-Source", "%zz")}), "400 InvalidArgument"},
		"encryption":         {put(call{header: with("X-Amz-Server-Side-Encryption", "AES256")}), "501 NotImplemented"},
		"canned ACL":         {put(call{header: with("X-Amz-Acl", "public")}), "400 InvalidArgument"},
		"grant to nobody":    {put(call{header: with("X-Amz-Grant-Read", "id=1")}), "400 InvalidArgument"},
		"grant to no user":   {put(call{header: with("X-Amz-Grant-Read", "emailAddress=nobody@example.com")}), "400 UnresolvableGrantByEmailAddress"},
		"list and grants":    {put(call{header: map[string]string{"X-Amz-Acl": "private", "X-Amz-Grant-Read": "id=1"}}), "400 InvalidRequest"},
		"lock":               {put(call{header: with("X-Amz-Object-Lock-Mode", "COMPLIANCE")}), "400 InvalidRequest"},
		"append":             {put(call{header: with("X-Amz-Write-Offset-Bytes", "5")}), "501 NotImplemented"},
		"delete replication": {call{method: "DELETE", path: "/empty", query: "replication"}, "501 NotImplemented"},
		"delete uploads":     {call{method: "DELETE", path: "/empty", query: "uploads"}, "405 MethodNotAllowed"},
		"put replication":    {call{method: "PUT", path: "/empty", query: "replication="}, "501 NotImplemented"},
		"select":             {call{method: "POST", path: "/target/kept", query: "select=&select-type=2"}, "501 NotImplemented"},
		"POST of an object":  {call{method: "POST", path: "/target/kept"}, "405 MethodNotAllowed"},
		"several ETags":      {put(call{header: with("If-Match", "a, b")}), "501 NotImplemented"},
	} {
		a := g.send(k.c)
		if a.String() != k.want {
			t.Errorf("%s: got %v %q, want %s", name, a, a.message, k.want)
		}
		if a.message == "" || a.header.Get("X-Amz-Request-Id") == "" || !bytes.Contains(a.body, []byte("<RequestId>"+a.header.Get("X-Amz-Request-Id")+"</RequestId>")) {
			t.Errorf("%s: no message or request id: %s", name, a.body)
		}
		if h := a.header.Get("Content-Type"); h != "application/xml" {
			t.Errorf("%s: Content-Type %q", name, h)
		}
	}
	if after := g.state(); after != before {
		t.Errorf("something changed:\n%s\nwas\n%s", after, before)
	}
}

func md5Sum(c call) call {
	sum := md5.Sum(c.body)
	c.header = map[string]string{"Content-Md5": base64.StdEncoding.EncodeToString(sum[:])}
	return c
}

func TestHeadErrorsHaveNoBody(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.bucket("heads", "")
	for _, k := range []struct {
		c    call
		want int
	}{
		{call{method: "HEAD", path: "/heads/absent"}, 404}, {call{method: "HEAD", path: "/absent"}, 404}, {call{method: "HEAD", path: "/heads", unsigned: true}, 403},
		{call{method: "HEAD", path: "/heads", query: "policy="}, 405},
	} {
		if a := g.send(k.c); a.status != k.want || len(a.body) > 0 || a.header.Get("X-Amz-Request-Id") == "" {
			t.Errorf("%s: got %d %q, want %d without a body", k.c.path, a.status, a.body, k.want)
		}
	}
}
