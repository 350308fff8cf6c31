// Package awss3 is the adapter for AWS S3 and every endpoint that speaks its protocol (type "aws-s3"), on aws-sdk-go-v2.
//
// What is peculiar to it:
//   - Bodies are sent with an unsigned payload, so that a stream that cannot seek is never buffered, also over plain HTTP. One whose
//     CRC-64/NVME is not known beforehand is sent aws-chunked with the checksum as its trailer, where the store understands that.
//   - Proof of what was stored comes from CRC-64/NVME where the store computes it (it answers x-amz-checksum-crc64nvme), else from
//     an ETag that is the MD5 of the bytes. MD5 is computed only while a store has not shown that it answers CRC-64/NVME. A store
//     that does neither leaves Info.Verified false: the caller reads back.
//   - A known CRC64, and the length, are checked before the last bytes leave: wrong bytes never become an object in any store.
//   - The SDK's own retries and checksums are off; wrap/ retries.
//
// adapters/all and tests import it.
package awss3

import (
	"net/http"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/semaphore"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/adapters/s3shape"
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
	maxParts      = s3shape.MaxParts
)

// Store is one S3 bucket, or the keys of it below a prefix.
type Store struct {
	client    *s3.Client
	transport *http.Transport
	bucket    string
	prefix    string
	readOnly  bool
	isAWS     bool
	caps      adapters.Capabilities
	spool     *httpstore.Spool
	habits    habits
	trials    trials
}

var _ adapters.Store = (*Store)(nil)

// habits is what the answers of a store have shown so far; it only steers how much work is spent on proof, never what counts as proof.
type habits struct {
	// answersCRC says whether the store's latest answer of the kind [part or put][CRC64 sent or not] carried a CRC-64/NVME.
	answersCRC [2][2]atomic.Int32
	// md5ETag is set once an ETag was equal to the MD5 that was computed here.
	md5ETag atomic.Bool
	// noUploadCRC is set once the store refused to start a checksummed multipart upload and took a plain one.
	noUploadCRC atomic.Bool
	// noDeleteCondition is set once the store said that it does not know If-Match on DELETE.
	noDeleteCondition atomic.Bool
}

// Open makes a Store of a valid Config without asking the store anything.
func Open(c adapters.Config) (*Store, error) {
	o, err := parse(c)
	if err != nil {
		return nil, err
	}
	t := httpstore.Transport(nil)
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
	switch {
	case o.endpoint != "" && o.pathStyle:
		opts.EndpointResolverV2 = fixedEndpoint(o, c.BucketName)
	case o.endpoint != "":
		opts.BaseEndpoint = &o.endpoint
	}
	s := &Store{client: s3.New(opts), transport: t, bucket: c.BucketName, prefix: c.Prefix, readOnly: o.readOnly, isAWS: o.endpoint == "", trials: trials{gate: semaphore.NewWeighted(1)}}
	s.caps, s.spool = capabilities(o, len(c.Prefix)), httpstore.NewSpool(s)
	return s, nil
}

// Capabilities implements adapters.Store.
func (s *Store) Capabilities() adapters.Capabilities { return s.caps }

// Close implements adapters.Store.
func (s *Store) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// native checks a key and joins the prefix in front.
func (s *Store) native(key string) (*string, error) {
	if err := adapters.CheckKey(key, s.caps.MaxKeyBytes); err != nil {
		return nil, err
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
