package sigv4

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/errs"
)

// The examples of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and sigv4-query-string-auth.html.
const (
	exampleKey    = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	emptySum      = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	scopeText     = "20130524/us-east-1/s3/aws4_request"
)

func exampleTime() time.Time { return time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC) }

func verifier(now time.Time) *Verifier {
	return New("us-east-1", func(_ context.Context, key string) (Identity, error) {
		if key != exampleKey {
			return Identity{}, errs.Newf(errs.NotFound, "no such key")
		}
		return Identity{Secret: exampleSecret, User: "u"}, nil
	}, Options{Now: func() time.Time { return now }})
}

func newRequest(method, target string, headers ...string) *http.Request {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		panic(err)
	}
	r := &http.Request{Method: method, URL: u, Host: "examplebucket.s3.amazonaws.com", Header: http.Header{}, ContentLength: 0}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func authorize(signed, signature string) string {
	return "AWS4-HMAC-SHA256 Credential=" + exampleKey + "/" + scopeText + ",SignedHeaders=" + signed + ",Signature=" + signature
}

func TestDocumentedSignatures(t *testing.T) {
	t.Parallel()
	const stamp = "20130524T000000Z"
	for _, c := range []struct {
		name    string
		request *http.Request
		payload Payload
	}{
		{"get with range", newRequest("GET", "/test.txt", "Range", "bytes=0-9", "X-Amz-Date", stamp, "X-Amz-Content-Sha256", emptySum,
			"Authorization", authorize("host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")), Hashed},
		{"put", newRequest("PUT", "/test%24file.text", "Date", "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Date", stamp, "X-Amz-Storage-Class", "REDUCED_REDUNDANCY",
			"X-Amz-Content-Sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
			"Authorization", authorize("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")), Hashed},
		{"put signed strictly, sent loosely", newRequest("PUT", "/test$file.text", "Date", "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Date", stamp, "X-Amz-Storage-Class", "REDUCED_REDUNDANCY",
			"X-Amz-Content-Sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
			"Authorization", authorize("date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class", "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")), Hashed},
		{"lifecycle", newRequest("GET", "/?lifecycle", "X-Amz-Date", stamp, "X-Amz-Content-Sha256", emptySum,
			"Authorization", authorize("host;x-amz-content-sha256;x-amz-date", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")), Hashed},
		{"list", newRequest("GET", "/?max-keys=2&prefix=J", "X-Amz-Date", stamp, "X-Amz-Content-Sha256", emptySum,
			"Authorization", authorize("host;x-amz-content-sha256;x-amz-date", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")), Hashed},
		{"presigned", newRequest("GET", "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"), Unsigned},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, err := verifier(exampleTime()).Verify(c.request, c.request.URL.Query(), Resource{})
			if err != nil {
				t.Fatal(err)
			}
			if a.User != "u" || a.AccessKey != exampleKey || a.Payload != c.payload {
				t.Errorf("got %+v, want payload %d", a, c.payload)
			}
			changed := c.request.Clone(t.Context())
			changed.Method = "DELETE"
			if _, err := verifier(exampleTime()).Verify(changed, changed.URL.Query(), Resource{}); errs.ReasonOf(err) != "SignatureDoesNotMatch" {
				t.Errorf("with another method: got %v, want SignatureDoesNotMatch", err)
			}
		})
	}
}

// The chain of https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html.
func TestDocumentedChain(t *testing.T) {
	t.Parallel()
	r := newRequest("PUT", "/examplebucket/chunkObject.txt", "X-Amz-Date", "20130524T000000Z", "X-Amz-Storage-Class", "REDUCED_REDUNDANCY",
		"X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "Content-Encoding", "aws-chunked", "X-Amz-Decoded-Content-Length", "66560",
		"Authorization", authorize("content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class", "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"))
	r.Host, r.ContentLength = "s3.amazonaws.com", 66824
	a, err := verifier(exampleTime()).Verify(r, nil, Resource{})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		size      int
		signature string
	}{{65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"}, {1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"}, {0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"}} {
		if !a.Chain.Chunk(sha256.Sum256([]byte(strings.Repeat("a", c.size))), c.signature) {
			t.Errorf("chunk %d: its signature was refused", i)
		}
	}
	if a.Chain.Chunk(sha256.Sum256(nil), "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9") {
		t.Error("a repeated chunk was accepted")
	}
}

func TestAnonymous(t *testing.T) {
	t.Parallel()
	r := newRequest("GET", "/")
	if a, err := verifier(exampleTime()).Verify(r, r.URL.Query(), Resource{}); err != nil || !a.Anonymous() || a.User != "" || a.Payload != Unsigned {
		t.Errorf("got %+v and %v, want an anonymous one", a, err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	const stamp = "20130524T000000Z"
	good := authorize("host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
	get := func(auth string, more ...string) *http.Request {
		return newRequest("GET", "/test.txt", append([]string{"Range", "bytes=0-9", "X-Amz-Date", stamp, "X-Amz-Content-Sha256", emptySum, "Authorization", auth}, more...)...)
	}
	const query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
	presigned := func(old, new string) *http.Request {
		return newRequest("GET", "/test.txt?"+strings.Replace(query, old, new, 1))
	}
	day := exampleTime()
	for _, c := range []struct {
		name    string
		now     time.Time
		request *http.Request
		reason  string
	}{
		{"anonymous, signed stream", day, newRequest("PUT", "/", "X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), "AccessDenied"},
		{"version 2 header", day, get("AWS AKIA:sig"), "InvalidAccessKeyId"},
		{"other scheme", day, get("Basic xyz"), "InvalidArgument"},
		{"two mechanisms", day, newRequest("GET", "/?"+query, "Authorization", good), "InvalidArgument"},
		{"malformed", day, get("AWS4-HMAC-SHA256 Credential=x"), "AuthorizationHeaderMalformed"},
		{"repeated field", day, get(good + ",Signature=0"), "AuthorizationHeaderMalformed"},
		{"no host signed", day, get(strings.Replace(good, "host;", "", 1)), "AuthorizationHeaderMalformed"},
		{"other region", day, get(strings.Replace(good, "us-east-1", "eu-west-1", 1)), "AuthorizationHeaderMalformed"},
		{"other service", day, get(strings.Replace(good, "/s3/", "/ec2/", 1)), "AuthorizationHeaderMalformed"},
		{"other day in scope", day, get(strings.Replace(good, "20130524", "20130525", 1)), "AuthorizationHeaderMalformed"},
		{"unknown key", day, get(strings.Replace(good, exampleKey, "AKIANOBODY", 1)), "InvalidAccessKeyId"},
		{"wrong signature", day, get(strings.Replace(good, "f0e8", "f0e9", 1)), "SignatureDoesNotMatch"},
		{"unsigned x-amz header", day, get(good, "X-Amz-Meta-A", "b"), "AccessDenied"},
		{"no payload hash", day, newRequest("GET", "/test.txt", "X-Amz-Date", stamp, "Authorization", good), "InvalidRequest"},
		{"bad payload hash", day, get(good, "X-Amz-Content-Sha256", "xyz"), "InvalidArgument"},
		{"no date", day, newRequest("GET", "/test.txt", "Authorization", good), "AccessDenied"},
		{"late", day.Add(16 * time.Minute), get(good), "RequestTimeTooSkewed"},
		{"early", day.Add(-16 * time.Minute), get(good), "RequestTimeTooSkewed"},
		{"presigned: expired", day.Add(25 * time.Hour), presigned("", ""), "AccessDenied"},
		{"presigned: not yet", day.Add(-time.Hour), presigned("", ""), "AccessDenied"},
		{"presigned: too long", day, presigned("Expires=86400", "Expires=604801"), "AccessDenied"},
		{"presigned: negative", day, presigned("Expires=86400", "Expires=-1"), "AccessDenied"},
		{"presigned: no number", day, presigned("Expires=86400", "Expires=x"), "AuthorizationQueryParametersError"},
		{"presigned: no signature", day, presigned("X-Amz-Signature", "X"), "AuthorizationQueryParametersError"},
		{"presigned: region", day, presigned("us-east-1", "eu-west-1"), "AuthorizationQueryParametersError"},
		{"presigned: no host", day, presigned("SignedHeaders=host", "SignedHeaders=range"), "AuthorizationQueryParametersError"},
		{"presigned: changed", day, presigned("Expires=86400", "Expires=86401"), "SignatureDoesNotMatch"},
		{"version 2: expired", day, newRequest("GET", "/b/k?AWSAccessKeyId=x&Signature=y&Expires=1"), "AccessDenied"},
		{"version 2: no signature", day, newRequest("GET", "/b/k?AWSAccessKeyId=x&Expires=1"), "AccessDenied"},
		{"version 2: far away", day, newRequest("GET", "/b/k?AWSAccessKeyId=x&Signature=y&Expires=99999999999"), "AccessDenied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := verifier(c.now).Verify(c.request, c.request.URL.Query(), Resource{}); errs.ReasonOf(err) != c.reason {
				t.Errorf("got %v (%s), want %s", err, errs.ReasonOf(err), c.reason)
			}
		})
	}
}

func TestVersion2Query(t *testing.T) {
	t.Parallel()
	expires := strconv.FormatInt(exampleTime().Add(time.Hour).Unix(), 10)
	sign := func(text string) string {
		h := hmac.New(sha1.New, []byte(exampleSecret))
		h.Write([]byte(text))
		return url.QueryEscape(base64.StdEncoding.EncodeToString(h.Sum(nil)))
	}
	for _, c := range []struct {
		name, text, target string
		resource           Resource
		reason             string
	}{
		{"object", "GET\n\n\n" + expires + "\n/b/a%20b", "/b/a%20b?", Resource{Bucket: "b"}, ""},
		{"override", "GET\n\n\n" + expires + "\n/b/k?response-content-type=a/b", "/b/k?response-content-type=a%2Fb&", Resource{Bucket: "b"}, ""},
		{"bucket with botocore's slash", "GET\n\n\n" + expires + "\n/b/", "/b?", Resource{Bucket: "b"}, ""},
		{"virtual host", "GET\n\n\n" + expires + "\n/b/k", "/k?", Resource{Bucket: "b", VirtualHost: true}, ""},
		{"other key", "GET\n\n\n" + expires + "\n/b/other", "/b/k?", Resource{Bucket: "b"}, "SignatureDoesNotMatch"},
		{"unsigned override", "GET\n\n\n" + expires + "\n/b/k", "/b/k?response-content-type=a%2Fb&", Resource{Bucket: "b"}, "SignatureDoesNotMatch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRequest("GET", c.target+"AWSAccessKeyId="+exampleKey+"&Expires="+expires+"&Signature="+sign(c.text))
			if _, err := verifier(exampleTime()).Verify(r, r.URL.Query(), c.resource); errs.ReasonOf(err) != c.reason || (err == nil) != (c.reason == "") {
				t.Errorf("got %v, want %q", err, c.reason)
			}
		})
	}
}

// A changed secret counts at once, though the key derived from the old one is cached.
func TestChangedSecret(t *testing.T) {
	t.Parallel()
	secret := exampleSecret
	v := New("us-east-1", func(context.Context, string) (Identity, error) { return Identity{Secret: secret}, nil }, Options{Now: exampleTime})
	r := newRequest("GET", "/test.txt", "Range", "bytes=0-9", "X-Amz-Date", "20130524T000000Z", "X-Amz-Content-Sha256", emptySum,
		"Authorization", authorize("host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"))
	if _, err := v.Verify(r, nil, Resource{}); err != nil {
		t.Fatal(err)
	}
	secret = "another"
	if _, err := v.Verify(r, nil, Resource{}); errs.ReasonOf(err) != "SignatureDoesNotMatch" {
		t.Errorf("got %v, want SignatureDoesNotMatch", err)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(authorize("host;range", "00"))
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/c/20130524/r/s3/aws4_request, SignedHeaders=host, Signature=x")
	f.Add("AWS4-HMAC-SHA256 Credential=,,=")
	f.Fuzz(func(t *testing.T, header string) {
		a, err := parseHeader(header)
		if err != nil {
			if errs.ReasonOf(err) == "" {
				t.Errorf("%q: %v has no reason", header, err)
			}
			return
		}
		if a.scope.accessKey == "" || a.signature == "" || len(a.signed) == 0 || a.scope.accessKey+"/"+a.scope.text == "" {
			t.Errorf("%q: accepted as %+v", header, a)
		}
		if !strings.Contains(header, a.scope.accessKey+"/"+a.scope.text) {
			t.Errorf("%q: scope %q was made up", header, a.scope.text)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	v := verifier(exampleTime())
	r := newRequest("GET", "/test.txt", "Range", "bytes=0-9", "X-Amz-Date", "20130524T000000Z", "X-Amz-Content-Sha256", emptySum,
		"Authorization", authorize("host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(r, nil, Resource{}); err != nil {
			b.Fatal(err)
		}
	}
}
