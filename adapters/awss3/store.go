// Package awss3 is the adapter for AWS S3 and every endpoint that speaks its protocol (type "aws-s3"), on aws-sdk-go-v2.
//
// What is peculiar to it:
//   - Bodies are sent with an unsigned payload, so that a stream that cannot seek is never buffered, also over plain HTTP.
//   - Proof of what was stored comes from CRC-64/NVME where the store computes it (it answers x-amz-checksum-crc64nvme), else from
//     an ETag that is the MD5 of the bytes. MD5 is computed only while a store has not shown that it answers CRC-64/NVME. A store
//     that does neither leaves Info.Verified false: the caller reads back.
//   - A known CRC64, and the length, are checked before the last bytes leave: wrong bytes never become an object in any store.
//   - The SDK's own retries and checksums are off; wrap/ retries.
//
// adapters/all and tests import it.
package awss3

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/semaphore"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// Type is the name of this kind of backend.
const Type adapters.Type = "aws-s3"

// Limits of S3 as AWS documents them (Amazon S3 User Guide, "Amazon S3 multipart upload limits").
const (
	maxKeyBytes   = 1024
	maxObjectSize = 5 << 40
	maxPutSize    = 5 << 30
	minPartSize   = 5 << 20
	maxPartSize   = 5 << 30
	maxParts      = 10000
)

// spoolMemory bounds the bytes of part buffers that bodies of unknown size may hold, per store.
const spoolMemory = 64 << 20

// Store is one S3 bucket, or the keys of it below a prefix.
type Store struct {
	client    *s3.Client
	transport *http.Transport
	bucket    string
	prefix    string
	readOnly  bool
	caps      adapters.Capabilities
	spool     *semaphore.Weighted
	habits    habits
}

var _ adapters.Store = (*Store)(nil)

// habits is what the answers of a store have shown so far; it only steers how much work is spent on proof, never what counts as proof.
type habits struct {
	// answersCRC is set while the store's latest answer of the kind [part or put][CRC64 sent or not] carried a CRC-64/NVME.
	answersCRC [2][2]atomic.Bool
	// md5ETag is set once an ETag was equal to the MD5 that was computed here.
	md5ETag atomic.Bool
	// noUploadCRC is set once the store refused to start a checksummed multipart upload and took a plain one.
	noUploadCRC atomic.Bool
	// noDeleteCondition is set once the store said that it does not know If-Match on DELETE.
	noDeleteCondition atomic.Bool
}

// Open makes a Store without asking it anything. InvalidArgument names the field that is wrong.
//
// Options: pathStyle (true or false; default true with an endpoint, false without), readOnly (every write is PermissionDenied),
// conditionalWrites (true or false: whether IfNoneMatch and IfMatch are atomic in this store; default true without an endpoint).
func Open(c adapters.Config) (*Store, error) {
	o, err := parse(c)
	if err != nil {
		return nil, err
	}
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 5 * time.Minute, // a backstop: wrap/ has the limits that matter
		IdleConnTimeout:       30 * time.Second,
		MaxIdleConnsPerHost:   256,
		DisableCompression:    true,
		ReadBufferSize:        64 << 10,
		WriteBufferSize:       64 << 10,
		Protocols:             new(http.Protocols), // HTTP/1.1 alone: one stream per connection is faster for big bodies
	}
	t.Protocols.SetHTTP1(true)
	opts := s3.Options{
		Region:                     o.region,
		Credentials:                aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(c.Access, c.Security, "")),
		HTTPClient:                 roundTrip{t},
		UsePathStyle:               o.pathStyle,
		Retryer:                    aws.NopRetryer{},
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		// No Expect: 100-continue: stores that ignore it would cost a second for each body.
		ContinueHeaderThresholdBytes:              -1,
		DisableLogOutputChecksumValidationSkipped: true,
	}
	if o.endpoint != "" {
		opts.BaseEndpoint = &o.endpoint
	}
	s := &Store{client: s3.New(opts), transport: t, bucket: c.BucketName, prefix: c.Prefix, readOnly: o.readOnly, spool: semaphore.NewWeighted(spoolMemory)}
	s.caps = capabilities(o.endpoint == "", o.conditional, len(c.Prefix))
	return s, nil
}

// Capabilities implements adapters.Store.
func (s *Store) Capabilities() adapters.Capabilities { return s.caps }

// Close implements adapters.Store.
func (s *Store) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

func capabilities(isAWS, conditional bool, prefixBytes int) adapters.Capabilities {
	c := adapters.Capabilities{
		MaxObjectSize: maxObjectSize, MaxPutSize: maxPutSize,
		Multipart: true, MinPartSize: minPartSize, MaxPartSize: maxPartSize, MaxParts: maxParts,
		MaxKeyBytes:    maxKeyBytes - prefixBytes,
		ConditionalPut: conditional,
		// On DELETE too since 2024 in AWS, but compatible stores that have atomic conditions on PUT (versitygw) check and delete in two steps.
		ConditionalDelete: isAWS && conditional,
		StoresChecksum:    isAWS,
	}
	if isAWS {
		c.StorageClasses = []string{"STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE", "REDUCED_REDUNDANCY"}
	}
	return c
}

// parsed is a checked Config.
type parsed struct {
	region, endpoint                 string
	pathStyle, readOnly, conditional bool
}

func parse(c adapters.Config) (parsed, error) {
	o := parsed{region: c.Region, endpoint: strings.TrimSuffix(c.Endpoint, "/")}
	bad := func(field, format string, args ...any) error {
		return errs.Newf(errs.InvalidArgument, "%s: %s", field, fmt.Sprintf(format, args...)).Because(field)
	}
	if o.region == "" {
		o.region = "us-east-1"
	}
	if o.endpoint != "" {
		u, err := url.Parse(o.endpoint)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return o, bad("endpoint", "must be a URL such as https://s3.example.com")
		}
		if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return o, bad("endpoint", "must hold neither credentials nor a query")
		}
	}
	switch {
	case c.BucketName == "" || strings.ContainsAny(c.BucketName, "/?#\\ \x00"):
		return o, bad("bucketName", "must be the name of a bucket")
	case c.Access == "":
		return o, bad("access", "the access key is missing")
	case c.Security == "":
		return o, bad("security", "the secret key is missing")
	case !utf8.ValidString(c.Prefix) || strings.ContainsRune(c.Prefix, 0) || len(c.Prefix) > 512:
		return o, bad("prefix", "must be UTF-8 of at most 512 bytes")
	}
	o.pathStyle, o.conditional = o.endpoint != "", o.endpoint == ""
	for _, f := range []struct {
		name string
		to   *bool
	}{{"pathStyle", &o.pathStyle}, {"readOnly", &o.readOnly}, {"conditionalWrites", &o.conditional}} {
		text, ok := c.Options[f.name]
		if !ok || text == "" || (text == "auto" && f.name == "conditionalWrites") {
			continue
		}
		v, err := strconv.ParseBool(text)
		if err != nil {
			return o, bad("options."+f.name, "must be true or false")
		}
		*f.to = v
	}
	return o, nil
}

// native checks a key and joins the prefix in front.
func (s *Store) native(key string) (*string, error) {
	switch {
	case key == "":
		return nil, errs.Newf(errs.InvalidArgument, "the key is empty")
	case len(key) > s.caps.MaxKeyBytes:
		return nil, errs.Newf(errs.InvalidArgument, "the key has %d bytes, more than %d", len(key), s.caps.MaxKeyBytes).Because("KeyTooLongError")
	case !utf8.ValidString(key) || strings.ContainsRune(key, 0):
		return nil, errs.Newf(errs.InvalidArgument, "the key is not UTF-8 without NUL")
	}
	key = s.prefix + key
	return &key, nil
}

// writable refuses writes to a read-only backend.
func (s *Store) writable() error {
	if s.readOnly {
		return errs.Newf(errs.PermissionDenied, "the backend is registered as read-only").Because("ReadOnly")
	}
	return nil
}

// roundTrip is the SDK's HTTP client: the bare transport, which follows no redirect and keeps no cookie.
type roundTrip struct{ t *http.Transport }

func (r roundTrip) Do(req *http.Request) (*http.Response, error) { return r.t.RoundTrip(req) }

// unsigned makes a call send its body without hashing it first.
func unsigned(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
}

// cleanup limits what is done after a failure, when the caller's context may be over already.
func cleanup(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}
