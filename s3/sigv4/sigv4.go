// Package sigv4 proves who sent an S3 request: AWS Signature Version 4 and, for old clients, Version 2, each in the Authorization header, in the query
// and in a form, and the chain of signatures of an aws-chunked body.
//
// Only s3/ imports it. It reads headers, query and form fields only; the payload hash that it returns is for the caller to compare with the body.
// Failures are errs with S3's own code as the reason. Sources:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html and, for Version 2, which boto3, awscli 1 and s3cmd
// still presign with, https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html.
package sigv4

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/errs"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	service    = "s3"
	iso8601    = "20060102T150405Z"
	maxSkew    = 15 * time.Minute
	maxExpires = 7 * 24 * time.Hour
	maxCached  = 4096 // signing keys
)

// Identity is who an access key stands for.
type Identity struct {
	Secret string
	User   string
	Tenant string
}

// Lookup finds an enabled access key. NotFound for an unknown or disabled one.
type Lookup func(ctx context.Context, accessKey string) (Identity, error)

// Payload says what the signature covers of the body.
type Payload uint8

// The kinds of payload. The zero value never occurs in an Auth.
const (
	Hashed                Payload = iota + 1 // Auth.SHA256 is that of the body
	Unsigned                                 // nothing
	StreamSigned                             // aws-chunked, each chunk signed by Auth.Chain
	StreamSignedTrailer                      // the same with a signed trailer
	StreamUnsignedTrailer                    // aws-chunked, unsigned, with a trailer
)

// Chunked reports whether the body is encoded as aws-chunked.
func (p Payload) Chunked() bool { return p >= StreamSigned }

// Auth is the outcome of a successful verification.
type Auth struct {
	Identity
	AccessKey string
	Payload   Payload
	SHA256    [sha256.Size]byte
	Chain     *Chain // of signed streams
	Presigned bool
}

// Options tune a Verifier. The zero Options works.
type Options struct {
	Now      func() time.Time // time.Now when nil
	RefuseV2 bool             // Signature Version 2 is InvalidRequest
}

// Verifier verifies requests for one region. It is safe for concurrent use.
type Verifier struct {
	region string
	lookup Lookup
	now    func() time.Time
	v2     bool

	buffers sync.Pool // of *bytes.Buffer

	mu   sync.RWMutex
	keys map[string]signingKey // by access key
}

type signingKey struct {
	secret, date string
	key          [sha256.Size]byte
}

// New makes a Verifier.
func New(region string, lookup Lookup, o Options) *Verifier {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Verifier{region: region, lookup: lookup, now: o.Now, v2: !o.RefuseV2, keys: map[string]signingKey{}}
}

// Verify authenticates a request. query is the request's decoded query, resource the bucket and key for Version 2.
// A request without any credentials is authenticated as anonymous.
func (v *Verifier) Verify(r *http.Request, query url.Values, resource Resource) (Auth, error) {
	header := r.Header.Get("Authorization")
	v4, v2 := query.Has("X-Amz-Algorithm") || query.Has("X-Amz-Signature"), query.Has("AWSAccessKeyId")
	switch {
	case header != "" && (v4 || v2):
		return Auth{}, refuse(errs.InvalidArgument, "InvalidArgument", "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified")
	case header != "":
		if rest, ok := strings.CutPrefix(header, "AWS "); ok {
			return v.headerV2(r, query, rest, resource)
		}
		return v.header(r, query, header)
	case v4:
		return v.presigned(r, query)
	case v2:
		return v.presignedV2(r, query, resource)
	}
	return anonymous(r)
}

// anonymous is the outcome for a request without credentials: it is nobody's, and what its body is like is not signed but may be said.
func anonymous(r *http.Request) (Auth, error) {
	a := Auth{Payload: Unsigned}
	if claimed := r.Header.Get("X-Amz-Content-Sha256"); claimed != "" {
		if err := a.setPayload(claimed); err != nil {
			return Auth{}, err
		}
	}
	if a.Payload == StreamSigned || a.Payload == StreamSignedTrailer {
		return Auth{}, refuse(errs.PermissionDenied, "AccessDenied", "Access Denied")
	}
	return a, nil
}

// Anonymous reports whether the request carried no credentials. Then there is no user.
func (a Auth) Anonymous() bool { return a.AccessKey == "" }

func refuse(code errs.Code, reason, format string, args ...any) error {
	return errs.Newf(code, format, args...).Because(reason)
}

func (v *Verifier) header(r *http.Request, query url.Values, header string) (Auth, error) {
	h, err := parseHeader(header)
	if err != nil {
		return Auth{}, err
	}
	if err := h.scope.check(v.region); err != nil {
		return Auth{}, refuse(errs.InvalidArgument, "AuthorizationHeaderMalformed", "The authorization header is malformed; %s", err)
	}
	date, err := requestDate(r.Header)
	if err != nil {
		return Auth{}, err
	}
	if err := v.skewed(date); err != nil {
		return Auth{}, err
	}
	stamp := date.Format(iso8601)
	if stamp[:8] != h.scope.date {
		return Auth{}, refuse(errs.InvalidArgument, "AuthorizationHeaderMalformed", "The authorization header is malformed; Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", h.scope.date, stamp[:8])
	}
	if err := mustSign(r.Header, h.signed, false); err != nil {
		return Auth{}, err
	}
	claimed := r.Header.Get("X-Amz-Content-Sha256")
	if claimed == "" {
		return Auth{}, refuse(errs.InvalidArgument, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
	}
	a := Auth{AccessKey: h.scope.accessKey}
	if err := a.setPayload(claimed); err != nil {
		return Auth{}, err
	}
	key, err := v.signer(r.Context(), &a, h.scope)
	if err != nil {
		return Auth{}, err
	}
	if !v.matches(key, r, query, h.signed, claimed, stamp, h.scope.text, h.signature) {
		return Auth{}, errMismatch()
	}
	if a.Payload == StreamSigned || a.Payload == StreamSignedTrailer {
		a.Chain = &Chain{key: key, stamp: stamp, scope: h.scope.text, previous: h.signature}
	}
	return a, nil
}

// skewed refuses a request whose date is too far from our clock.
func (v *Verifier) skewed(date time.Time) error {
	if skew := v.now().Sub(date); skew > maxSkew || skew < -maxSkew {
		return refuse(errs.PermissionDenied, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
	}
	return nil
}

func (v *Verifier) presigned(r *http.Request, query url.Values) (Auth, error) {
	bad := func(format string, args ...any) error {
		return refuse(errs.InvalidArgument, "AuthorizationQueryParametersError", format, args...)
	}
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Expires"} {
		if query.Get(name) == "" {
			return Auth{}, bad("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
		}
	}
	if query.Get("X-Amz-Algorithm") != algorithm {
		return Auth{}, bad("X-Amz-Algorithm only supports %q", algorithm)
	}
	s, ok := parseScope(query.Get("X-Amz-Credential"))
	if !ok {
		return Auth{}, bad("Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".")
	}
	if err := s.check(v.region); err != nil {
		return Auth{}, bad("Error parsing the X-Amz-Credential parameter; %s", err)
	}
	stamp := query.Get("X-Amz-Date")
	date, err := time.Parse(iso8601, stamp)
	if err != nil {
		return Auth{}, bad("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
	}
	if stamp[:8] != s.date {
		return Auth{}, bad("Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", s.date, stamp[:8])
	}
	expires, err := seconds(query.Get("X-Amz-Expires"))
	switch {
	case err != nil:
		return Auth{}, bad("X-Amz-Expires should be a number")
	case expires < 0: // its time is over before it came; the suite of Ceph, which S3 passes, wants 403 for both
		return Auth{}, refuse(errs.PermissionDenied, "AccessDenied", "X-Amz-Expires must be non-negative")
	case expires > maxExpires:
		return Auth{}, refuse(errs.PermissionDenied, "AccessDenied", "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	now := v.now()
	if date.After(now.Add(maxSkew)) {
		return Auth{}, refuse(errs.PermissionDenied, "AccessDenied", "Request is not valid yet")
	}
	if now.After(date.Add(expires)) {
		return Auth{}, refuse(errs.PermissionDenied, "AccessDenied", "Request has expired")
	}
	signed, ok := splitSigned(query.Get("X-Amz-SignedHeaders"))
	if !ok {
		return Auth{}, bad("X-Amz-SignedHeaders must be a sorted list of lower case header names that has host")
	}
	if err := mustSign(r.Header, signed, true); err != nil {
		return Auth{}, err
	}
	claimed := query.Get("X-Amz-Content-Sha256")
	if claimed == "" && slices.Contains(signed, "x-amz-content-sha256") {
		claimed = r.Header.Get("X-Amz-Content-Sha256")
	}
	if claimed == "" {
		claimed = "UNSIGNED-PAYLOAD"
	}
	a := Auth{AccessKey: s.accessKey, Presigned: true}
	if err := a.setPayload(claimed); err != nil {
		return Auth{}, err
	}
	key, err := v.signer(r.Context(), &a, s)
	if err != nil {
		return Auth{}, err
	}
	if !v.matches(key, r, query, signed, claimed, stamp, s.text, query.Get("X-Amz-Signature")) {
		return Auth{}, errMismatch()
	}
	if a.Payload == StreamSigned || a.Payload == StreamSignedTrailer {
		a.Chain = &Chain{key: key, stamp: stamp, scope: s.text, previous: query.Get("X-Amz-Signature")}
	}
	return a, nil
}

// setPayload reads a value of x-amz-content-sha256.
func (a *Auth) setPayload(claimed string) error {
	switch claimed {
	case "UNSIGNED-PAYLOAD":
		a.Payload = Unsigned
	case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD":
		a.Payload = StreamSigned
	case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER":
		a.Payload = StreamSignedTrailer
	case "STREAMING-UNSIGNED-PAYLOAD-TRAILER":
		a.Payload = StreamUnsignedTrailer
	default:
		if len(claimed) != 2*sha256.Size {
			return errPayload()
		}
		if _, err := hex.Decode(a.SHA256[:], []byte(claimed)); err != nil {
			return errPayload()
		}
		a.Payload = Hashed
	}
	return nil
}

func errPayload() error {
	return refuse(errs.InvalidArgument, "InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.")
}

func errMismatch() error {
	return refuse(errs.PermissionDenied, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.")
}

// identify looks the access key of a up.
func (v *Verifier) identify(ctx context.Context, a *Auth) error {
	id, err := v.lookup(ctx, a.AccessKey)
	if errs.Is(err, errs.NotFound) {
		return refuse(errs.PermissionDenied, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
	}
	a.Identity = id
	return err
}

// signer identifies the caller and derives the key of the day, four HMACs that are kept for the next request.
func (v *Verifier) signer(ctx context.Context, a *Auth, s scope) ([sha256.Size]byte, error) {
	if err := v.identify(ctx, a); err != nil {
		return [sha256.Size]byte{}, err
	}
	v.mu.RLock()
	k, ok := v.keys[s.accessKey]
	v.mu.RUnlock()
	if ok && k.date == s.date && subtle.ConstantTimeCompare([]byte(k.secret), []byte(a.Secret)) == 1 {
		return k.key, nil
	}
	k = signingKey{a.Secret, s.date, derive(a.Secret, s.date, v.region)}
	v.mu.Lock()
	if len(v.keys) >= maxCached {
		clear(v.keys)
	}
	v.keys[s.accessKey] = k
	v.mu.Unlock()
	return k.key, nil
}

func derive(secret, date, region string) [sha256.Size]byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{date, region, service, terminator} {
		key = sum(key, []byte(part))
	}
	return [sha256.Size]byte(key)
}

func sum(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)
}

// sameHex compares a signature in hex with the right one in constant time.
func sameHex(right []byte, hexed string) bool {
	var want [2 * sha256.Size]byte
	hex.Encode(want[:], right)
	return subtle.ConstantTimeCompare(want[:], []byte(strings.ToLower(hexed))) == 1
}
