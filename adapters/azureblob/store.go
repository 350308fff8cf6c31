// Package azureblob is the adapter for Azure Blob storage (type "azure-blob"), on azure-sdk-for-go's azblob. Objects are block blobs.
//
// What is peculiar to it:
//   - A part is one uncommitted block of the blob that it is to become; completing is one Put Block List, atomic and under the caller's
//     conditions. What was never committed is not visible and expires at the store after 7 days. Any other write of the key drops its uncommitted
//     blocks, so uploads are exclusive (Capabilities.ExclusiveUploads): the one that was disturbed fails cleanly, it is never mixed.
//   - An upload's headers, metadata and storage class wait in a small hidden blob, which is also what makes it open (hidden.go).
//   - x-ms-content-crc64, Azure's CRC64, is CRC-64/NVME in little-endian form: where the store is found to refuse a wrong one it is sent
//     along and proves the bytes; else the checksum that the store answers with is compared, or, of small bodies, its MD5.
//   - Keys stay as they are in the container. What Azure would change or refuse is refused before it is asked (names.go).
//   - Listings start at any key by the parameter startFrom; a store without it (Azurite) is scanned from the nearest place that is
//     remembered (marks.go). Both the order of UTF-8 and that of UTF-16 come out as the former (order.go).
//   - Server-side copies are not declared: only Put Blob From URL replaces the headers in the same step, and Azurite has it not.
//   - The SDK's own retries and checksums are off; wrap/ retries.
//
// adapters/all and tests import it.
package azureblob

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/internal/errs"
)

// Type is the name of this kind of backend.
const Type adapters.Type = "azure-blob"

// Limits of Azure (Microsoft Learn, "Scalability and performance targets for Blob storage").
const (
	maxKeyBytes = 1024
	maxPutSize  = 5000 << 20
	maxPartSize = 4000 << 20
	maxParts    = 50000
)

// Store is one container, or the keys of it below a prefix.
type Store struct {
	client    *container.Client
	transport *http.Transport
	prefix    string
	secrets   []string // never in an error
	caps      adapters.Capabilities
	spool     *httpstore.Spool
	habits    habits
	marks     marks
}

var _ adapters.Store = (*Store)(nil)

// habits is what the answers of a store have shown so far; it only steers how much work is spent on proof, never what counts as proof.
type habits struct {
	// refusesCRC says whether the store refuses a wrong x-ms-content-crc64: one of the trial constants.
	refusesCRC atomic.Int32
	// answers says which checksum the store's latest answer to a Put or a part carried: one of the answer constants.
	answers [2]atomic.Int32
	// seeks says whether listings start where startFrom says: one of the seek constants.
	seeks atomic.Int32
}

// Open makes a Store of a valid Config without asking the store anything.
func Open(c adapters.Config) (*Store, error) {
	p, err := parse(c)
	if err != nil {
		return nil, err
	}
	roots, err := httpstore.Roots(c.Options["caFile"])
	if err != nil {
		return nil, err
	}
	t := httpstore.Transport(roots)
	opts := &container.ClientOptions{
		ClientOptions: azcore.ClientOptions{
			Retry:     policy.RetryOptions{MaxRetries: -1},
			Transport: roundTrip{t},
			Telemetry: policy.TelemetryOptions{ApplicationID: "gelato"},
		},
		ExpectContinueBehavior: blob.ExpectContinueOptions{Mode: blob.ExpectContinueModeOff},
	}
	place := strings.TrimSuffix(p.endpoint, "/") + "/" + c.BucketName
	s := &Store{transport: t, prefix: c.Prefix, caps: capabilities(len(c.Prefix))}
	s.spool = httpstore.NewSpool(s)
	if p.sas != "" {
		s.client, err = container.NewClientWithNoCredential(place+"?"+p.sas, opts)
		s.secrets = []string{p.sas}
		if q, qerr := url.ParseQuery(p.sas); qerr == nil {
			s.secrets = append(s.secrets, q.Get("sig"), url.QueryEscape(q.Get("sig")))
		}
	} else {
		cred, cerr := blob.NewSharedKeyCredential(p.account, p.key)
		if cerr != nil { // parse has checked it
			return nil, errs.Newf(errs.InvalidArgument, "security: the key is not base64").Because("security")
		}
		s.client, err = container.NewClientWithSharedKeyCredential(place, cred, opts)
		s.secrets = []string{p.key}
	}
	if err != nil {
		return nil, fmt.Errorf("make the client: %w", errs.New(errs.InvalidArgument, "the endpoint cannot be used", s.redacted(err)).Because("endpoint"))
	}
	return s, nil
}

// roundTrip uses the transport bare: no redirects, and no *url.Error with the query in it. What is not a blob's bytes is bounded.
type roundTrip struct{ *http.Transport }

func (t roundTrip) Do(req *http.Request) (*http.Response, error) {
	resp, err := t.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if req.Method != http.MethodGet || resp.StatusCode >= 300 || strings.Contains(req.URL.RawQuery, "comp=") {
		httpstore.Bound(resp)
	}
	return resp, nil
}

// Capabilities implements adapters.Store.
func (s *Store) Capabilities() adapters.Capabilities { return s.caps }

// Close implements adapters.Store.
func (s *Store) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// Copy implements adapters.Store.
func (s *Store) Copy(context.Context, string, string, string, adapters.PutOptions) (adapters.Info, error) {
	return adapters.Info{}, errs.Newf(errs.Unimplemented, "the adapter makes no server-side copies")
}

// value is *p, or the zero value of nil: the SDK's answers are all pointers.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// given is nil for "", so that no header is sent.
func given(v string) *string {
	if v == "" {
		return nil
	}
	return &v
}
