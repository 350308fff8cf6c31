package hwobs

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/huaweicloud/huaweicloud-sdk-go-obs/obs"

	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/adapters/s3shape"
	"github.com/opensds/gelato/internal/errs"
)

// standIn is the host that the SDK signs for in OBS's own dialect, where the host is not signed: it takes no IP address there.
const standIn = "http://obs"

// exchange carries one call through the SDK, as the transport of a client of its own. It sends the request where it belongs, mends what the SDK
// sends otherwise than it was asked to, and keeps the head of the answer as it came.
type exchange struct {
	store  *Store
	body   bool        // the answer's body is an object's bytes
	want   http.Header // content headers, which must arrive as they are: the SDK escapes some of the letters beyond ASCII
	status int         // of the answer, 0 without one
	header http.Header
}

// call makes the client of one call.
func (s *Store) call(ctx context.Context, x *exchange) (*obs.ObsClient, error) {
	x.store = s
	endpoint := standIn
	if s.signature == obs.SignatureV4 {
		endpoint = s.endpoint.Scheme + "://" + s.endpoint.Host
	}
	c, err := obs.New(s.access, s.secret, endpoint,
		obs.WithSignature(s.signature), obs.WithRegion(s.region), obs.WithPathStyle(s.pathStyle && s.signature == obs.SignatureV4),
		obs.WithRequestContext(ctx), obs.WithMaxRetryCount(0), obs.WithMaxRedirectCount(0), obs.WithUserAgent("gelato"),
		obs.WithHttpTransport(s.transport), // else the SDK makes one for each client, which trusts any certificate
		obs.WithHttpClient(&http.Client{Transport: x, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}))
	if err != nil {
		return nil, errs.New(errs.Internal, "the SDK refuses the configuration", err)
	}
	return c, nil
}

// dated gives a call its date in the form that SigV4 wants; the SDK sends only a Date, which not every store takes.
func (s *Store) dated() (name, value string) {
	if s.signature != obs.SignatureV4 {
		return "x-obs-date", "" // no header is sent for an empty value
	}
	return obs.HEADER_DATE_AMZ, time.Now().UTC().Format(obs.LONG_DATE_FORMAT)
}

// RoundTrip implements http.RoundTripper.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	x.mend(req)
	resp, err := x.store.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	x.status, x.header = resp.StatusCode, resp.Header
	if resp.ContentLength == 0 || req.Method == http.MethodHead || x.body && resp.StatusCode < 300 {
		return resp, nil
	}
	if err := x.readAnswer(resp); err != nil {
		return nil, err
	}
	return resp, nil
}

// readAnswer reads an answer that is no object's bytes, as the SDK would without a bound, and mends it for the SDK.
func (x *exchange) readAnswer(resp *http.Response) error {
	httpstore.Bound(resp)
	body, err := io.ReadAll(s3shape.LegalXML(resp.Body))
	resp.Body.Close()
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	// The SDK would decode the prefix and marker that the store repeats too, which Ceph does not encode: keys are decoded here.
	body = bytes.Replace(body, []byte("<EncodingType>"+encoding+"<"), []byte("<EncodingType>"+encoded+"<"), 1)
	// Completions and copies may begin as a success and say an error in their bodies.
	var late struct{ XMLName xml.Name }
	if resp.StatusCode == http.StatusOK && len(body) > 0 && xml.Unmarshal(body, &late) == nil && late.XMLName.Local == "Error" {
		resp.StatusCode, resp.Status = http.StatusInternalServerError, "500 Internal Server Error"
		x.status = resp.StatusCode
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// mend changes a request that the SDK has made, and signs it anew where the signature covers what changed.
func (x *exchange) mend(req *http.Request) {
	s, changed := x.store, false
	if strings.Contains(req.URL.RawQuery, "+") { // a blank; SigV4 signs it as %20, and the SDK does not
		req.URL.RawQuery = strings.ReplaceAll(req.URL.RawQuery, "+", "%20")
		changed = true
	}
	for name, values := range x.want {
		v, got := values[0], req.Header[name]
		if len(got) != 1 || got[0] != v {
			delete(req.Header, strings.ToLower(name)) // the SDK sends some so
			req.Header[name] = values
			changed = true
		}
		if strings.TrimSpace(v) != v || strings.Contains(v, "  ") { // SigV4 signs them without
			changed = true
		}
	}
	if s.signature == obs.SignatureV4 {
		if changed {
			s.signV4(req)
		}
		return
	}
	req.URL.Scheme, req.URL.Host, req.Host = s.endpoint.Scheme, s.endpoint.Host, ""
	if !s.pathStyle {
		req.URL.Host = s.bucket + "." + s.endpoint.Host
		return
	}
	escaped := "/" + s.bucket + "/" + strings.TrimPrefix(req.URL.EscapedPath(), "/")
	req.URL.Path = "/" + s.bucket + "/" + strings.TrimPrefix(req.URL.Path, "/")
	req.URL.RawPath = escaped
}

// signV4 signs a changed request with the SDK's own signer, but for headers that SigV4 need not sign.
func (s *Store) signV4(req *http.Request) {
	signed := map[string][]string{"Host": {req.Host}}
	for name, values := range req.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, obs.HEADER_PREFIX) || lower == "date" || lower == "content-md5" {
			signed[name] = values
		}
	}
	r := obs.V4Auth(s.access, s.secret, s.region, req.Method, req.URL.EscapedPath(), req.URL.RawQuery, signed)
	req.Header[obs.HEADER_AUTH_CAMEL] = []string{fmt.Sprintf("%s Credential=%s,SignedHeaders=%s,Signature=%s", obs.V4_HASH_PREFIX, r["Credential"], r["SignedHeaders"], r["Signature"])}
}

// fail turns what the SDK returned into one of our errors.
func (x *exchange) fail(ctx context.Context, op string, err error) error {
	a := httpstore.Answer{Status: x.status}
	if e, ok := errors.AsType[obs.ObsError](err); ok {
		a.Code = e.Code
	}
	return s3shape.Fail(ctx, op, err, a)
}

// malformed is the error of an answer that says success and lacks what must be in it.
func malformed(op string) error {
	return fmt.Errorf("%s: %w", op, errs.Newf(errs.Unavailable, "the store's answer is malformed").Because("MalformedAnswer"))
}

// get returns a header of OBS by its name without "x-obs-" or "x-amz-".
func (x *exchange) get(name string) string {
	if v := x.header.Get(obs.HEADER_PREFIX_OBS + name); v != "" {
		return v
	}
	return x.header.Get(obs.HEADER_PREFIX + name)
}

// etag is that of the answer.
func (x *exchange) etag() string { return s3shape.ParseETag(x.header.Get("ETag")) }

// encrypted says that the store encrypts the object, where an ETag need not be an MD5.
func (x *exchange) encrypted() bool {
	return x.get("server-side-encryption") != "" || x.get("server-side-encryption-customer-algorithm") != ""
}
