// Package s3dialect is the one adapter for stores that speak the S3 protocol, on aws-sdk-go-v2. Each type of store is a Dialect: a declaration of its
// fields, limits and quirks (awss3, cephs3, fusionstorage).
//
// What is peculiar to it:
//   - Bodies are sent with an unsigned payload, so that a stream that cannot seek is never buffered, also over plain HTTP. One whose
//     CRC-64/NVME is not known beforehand is sent aws-chunked with the checksum as its trailer, where the store understands that.
//   - Proof of what was stored comes from CRC-64/NVME where the store computes it (it answers x-amz-checksum-crc64nvme), else from
//     an ETag that is the MD5 of the bytes. MD5 is computed, or asked of the caller, only while a store has not shown that it answers CRC-64/NVME. A store
//     that does neither leaves Info.Verified false: the caller reads back. A copy within the store is proven by CRC-64/NVME alone:
//     ETags of copies are carried along by some stores.
//   - A known CRC64, and the length, are checked before the last bytes leave: wrong bytes never become an object in any store.
//   - The SDK's own retries and checksums are off; wrap/ retries.
//
// The packages of those types and tests import it.
package s3dialect

import (
	"net/http"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/semaphore"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
)

// Store is one S3 bucket, or the keys of it below a prefix.
type Store struct {
	client    *s3.Client
	transport *http.Transport
	bucket    string
	prefix    string
	quirks    Quirks
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
func (d Dialect) Open(c adapters.Config) (*Store, error) {
	o, err := d.parse(c)
	if err != nil {
		return nil, err
	}
	t := httpstore.Transport(o.roots)
	opts := s3.Options{
		Region:                     o.region,
		Credentials:                aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(c.Access, c.Security, "")),
		HTTPClient:                 roundTrip{t},
		HTTPSignerV4:               newSignerV4(),
		UsePathStyle:               o.PathStyle,
		Retryer:                    aws.NopRetryer{},
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		// No Expect: 100-continue: stores that ignore it would cost a second for each body.
		ContinueHeaderThresholdBytes:              -1,
		DisableLogOutputChecksumValidationSkipped: true,
	}
	switch {
	case o.endpoint != "" && o.PathStyle:
		opts.EndpointResolverV2 = fixedEndpoint(o, c.BucketName)
	case o.endpoint != "":
		opts.BaseEndpoint = &o.endpoint
	}
	if o.v2 {
		signer := signerV2{}
		if !o.PathStyle {
			signer.host = "/" + c.BucketName
		}
		opts.HTTPSignerV4, o.PlainBodies = signer, true // its signature knows no trailers
	}
	s := &Store{client: s3.New(opts), transport: t, bucket: c.BucketName, prefix: c.Prefix, quirks: o.Quirks, trials: trials{gate: semaphore.NewWeighted(1)}}
	s.caps, s.spool = o.capabilities(len(c.Prefix)), httpstore.NewSpool(s)
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
