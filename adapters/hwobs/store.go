// Package hwobs is the adapter for Huawei's Object Storage Service (type "hw-obs"), on huaweicloud-sdk-go-obs.
//
// What is peculiar to it:
//   - It speaks both dialects of OBS: its own (Authorization: OBS, x-obs-* headers) and that of S3 (SigV4, x-amz-*). The SDK knows the first only with
//     the bucket in the host name, and falls back to SigV2 silently where it is in the path: the bucket moves there after the request is
//     signed, which the signature, over /bucket/key in either case, does not mind (see exchange).
//   - The SDK's client has one context for life and mixes metadata with other headers, so each call has a client of its own, over one shared
//     transport, and reads the answer's head as it came.
//   - Proof of what was stored is an ETag that is the MD5 of the bytes: OBS computes no CRC-64/NVME. It is compared with the caller's MD5, else with one that
//     is computed here. Where that is known beforehand, or the body can be read twice and has up to 8 MiB, it is sent as Content-MD5, so that OBS itself refuses other bytes.
//   - The SDK's retries, redirects, log and guesses at a content type are off; wrap/ retries.
//
// adapters/all and tests import it.
package hwobs

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/huaweicloud/huaweicloud-sdk-go-obs/obs"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/adapters/s3shape"
	"github.com/opensds/gelato/internal/errs"
)

// Type is the name of this kind of backend.
const Type adapters.Type = "hw-obs"

// Limits of OBS as Huawei documents them (Object Storage Service, "Restrictions and Limitations", and API Reference, "Uploading a Part").
const (
	maxKeyBytes   = 1024
	maxObjectSize = maxPartSize * s3shape.MaxParts // 48.8 TB
	maxPutSize    = 5 << 30
	minPartSize   = 100 << 10
	maxPartSize   = 5 << 30
	maxCopySize   = 5 << 30
)

// Store is one bucket of OBS, or the keys of it below a prefix.
type Store struct {
	signature obs.SignatureType
	endpoint  *url.URL
	region    string // signed for, in the V4 dialect
	pathStyle bool
	access    string
	secret    string
	bucket    string
	prefix    string
	transport *http.Transport
	spool     *httpstore.Spool
	caps      adapters.Capabilities
}

var _ adapters.Store = (*Store)(nil)

// Open makes a Store of a valid Config without asking the store anything.
func Open(c adapters.Config) (*Store, error) {
	o, err := parse(c)
	if err != nil {
		return nil, err
	}
	roots, err := httpstore.Roots(c.Options["caFile"])
	if err != nil {
		return nil, err
	}
	s := &Store{
		signature: o.signature, endpoint: o.endpoint, region: o.region, pathStyle: o.pathStyle, access: c.Access, secret: c.Security,
		bucket: c.BucketName, prefix: c.Prefix, transport: httpstore.Transport(roots), caps: capabilities(len(c.Prefix)),
	}
	s.spool = httpstore.NewSpool(s)
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
func (s *Store) native(key string) (string, error) {
	if err := adapters.CheckKey(key, s.caps.MaxKeyBytes); err != nil {
		return "", err
	}
	return s.prefix + key, nil
}

// absent says that a native key can be in no bucket that is written with this SDK: it takes one of white space alone for an empty one.
func absent(name string) bool { return strings.TrimSpace(name) == "" }

// writeKey is native for what is to be written there.
func (s *Store) writeKey(key string) (string, error) {
	name, err := s.native(key)
	if err == nil && absent(name) {
		err = errs.Newf(errs.InvalidArgument, "a key of white space alone cannot be stored").Because("KeyNotStorable")
	}
	return name, err
}

// readKey is native for what is to be read there.
func (s *Store) readKey(key string) (string, error) {
	name, err := s.native(key)
	if err == nil && absent(name) {
		err = errs.Newf(errs.NotFound, "the store cannot hold this key").Because("NoSuchKey")
	}
	return name, err
}

// conditions refuses conditions on writes: OBS does not enforce them.
func conditions(o adapters.PutOptions) error {
	switch {
	case o.IfNoneMatch && o.IfMatch != "":
		return errs.Newf(errs.InvalidArgument, "IfMatch and IfNoneMatch exclude one another")
	case o.IfNoneMatch || o.IfMatch != "":
		return errs.Newf(errs.Unimplemented, "OBS does not enforce conditions on writes")
	}
	return nil
}

// retract takes back an object that the store accepted with wrong bytes, unless it is another one by now.
func (s *Store) retract(ctx context.Context, key, etag string) {
	ctx, cancel := httpstore.Cleanup(ctx)
	defer cancel()
	_ = s.Delete(ctx, key, etag) // what is left over is reported as DataLoss all the same
}
