package s3dialect

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/s3shape"
	"github.com/opensds/gelato/internal/errs"
)

// oddStore is a store of whole objects that behaves as its fields say. It knows nothing of aws-chunked bodies.
type oddStore struct {
	etag    func(body []byte) string // default: the MD5
	crc     func(body []byte) uint64 // nil: the store does not know checksums
	spoil   func(body []byte) []byte // what it keeps of a body
	mu      sync.Mutex
	objects map[string][]byte
	methods []string
}

func (o *oddStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.methods = append(o.methods, r.Method)
	if o.objects == nil {
		o.objects = map[string][]byte{}
	}
	switch r.Method {
	case http.MethodPut:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if o.spoil != nil {
			body = o.spoil(body)
		}
		o.objects[r.URL.Path] = body
		o.describe(w, body)
	case http.MethodDelete:
		delete(o.objects, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	default:
		body, ok := o.objects[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		o.describe(w, body)
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		if r.Method == http.MethodGet {
			_, _ = w.Write(body)
		}
	}
}

func (o *oddStore) describe(w http.ResponseWriter, body []byte) {
	sum := md5.Sum(body)
	etag := hex.EncodeToString(sum[:])
	if o.etag != nil {
		etag = o.etag(body)
	}
	w.Header().Set("ETag", `"`+etag+`"`)
	if o.crc != nil {
		w.Header().Set("x-amz-checksum-crc64nvme", *formatCRC(o.crc(body)))
	}
}

func (o *oddStore) keys() (keys []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for k := range o.objects {
		keys = append(keys, k)
	}
	return keys
}

// openAt opens a store at a handler.
func openAt(t *testing.T, h http.Handler) *Store {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	s, err := some().Open(adapters.Config{Endpoint: srv.URL, BucketName: "bucket", Access: "access", Security: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func flip(body []byte) []byte {
	body = bytes.Clone(body)
	body[0] ^= 1
	return body
}

func TestWhatCountsAsProof(t *testing.T) {
	t.Parallel()
	random := func([]byte) string { return "0123456789abcdef0123456789abcdef" }
	sum := md5.Sum([]byte("some bytes"))
	for _, c := range []struct {
		name  string
		store *oddStore
		known bool
		md5   func() []byte
		proof string
		want  errs.Code // of the second Put, whose bytes the store spoils
	}{
		{"ignores checksums, ETag is the MD5", &oddStore{}, true, nil, s3shape.ProofMD5, errs.DataLoss},
		{"ignores checksums, unknown beforehand", &oddStore{}, false, nil, s3shape.ProofMD5, errs.DataLoss},
		{"ignores checksums, ETag is no MD5", &oddStore{etag: random}, true, nil, "", errs.Unknown},
		{"ignores checksums, strange ETag", &oddStore{etag: func([]byte) string { return "v1" }}, true, nil, "", errs.Unknown},
		{"computes CRC64", &oddStore{crc: crc64nvme.Checksum}, true, nil, s3shape.ProofCheckedCRC, errs.DataLoss},
		{"computes CRC64 unasked", &oddStore{crc: crc64nvme.Checksum, etag: random}, false, nil, s3shape.ProofStoreCRC, errs.DataLoss},
		{"ignores checksums, MD5 of the caller", &oddStore{}, false, adapters.KnownMD5(sum[:]), s3shape.ProofMD5, errs.DataLoss},
		{"computes CRC64, MD5 of the caller", &oddStore{crc: crc64nvme.Checksum}, false, adapters.KnownMD5(sum[:]), s3shape.ProofStoreCRC, errs.DataLoss},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := openAt(t, c.store)
			body := []byte("some bytes")
			sum := crc64nvme.Checksum(body)
			o := adapters.PutOptions{MD5: c.md5}
			if c.known {
				o.CRC64 = &sum
			}
			put := func() (adapters.Info, error) {
				return s.Put(t.Context(), "key", stream{bytes.NewReader(body)}, int64(len(body)), o)
			}
			info, err := put()
			if err != nil {
				t.Fatal(err)
			}
			if info.Proof != c.proof || info.Verified != (c.proof != "") {
				t.Errorf("got proof %q, verified %v, want %q", info.Proof, info.Verified, c.proof)
			}
			if got := c.store.objects["/bucket/key"]; !bytes.Equal(got, body) || len(c.store.keys()) != 1 {
				t.Errorf("the store holds %q in %q", got, c.store.keys())
			}
			c.store.mu.Lock()
			c.store.spoil = flip
			c.store.mu.Unlock()
			info, err = put()
			switch {
			case c.want == errs.Unknown && (err != nil || info.Verified):
				t.Errorf("spoiled: got %+v, %v, want an unverified success", info, err)
			case c.want != errs.Unknown && !errs.Is(err, c.want):
				t.Errorf("spoiled: got %v, want %v", err, c.want)
			case c.want != errs.Unknown && len(c.store.keys()) != 0:
				t.Errorf("spoiled: the store still holds %q", c.store.keys())
			}
		})
	}
}

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		code   string
		want   errs.Code
	}{
		{503, "SlowDown", errs.ResourceExhausted}, {503, "ServiceUnavailable", errs.ResourceExhausted}, {503, "", errs.ResourceExhausted}, {429, "", errs.ResourceExhausted},
		{404, "NoSuchKey", errs.NotFound}, {404, "NoSuchBucket", errs.FailedPrecondition}, {404, "", errs.NotFound},
		{403, "RequestTimeTooSkewed", errs.FailedPrecondition}, {403, "AccessDenied", errs.PermissionDenied}, {403, "SignatureDoesNotMatch", errs.Unauthenticated},
		{403, "InvalidAccessKeyId", errs.Unauthenticated}, {403, "InvalidObjectState", errs.FailedPrecondition}, {403, "", errs.PermissionDenied}, {401, "", errs.Unauthenticated},
		{301, "PermanentRedirect", errs.FailedPrecondition}, {307, "TemporaryRedirect", errs.Unavailable},
		{400, "BadDigest", errs.DataLoss}, {400, "RequestTimeout", errs.Unavailable}, {400, "SomethingNew", errs.InvalidArgument}, {400, "IncompleteBody", errs.Unavailable},
		{500, "InternalError", errs.Unavailable}, {502, "", errs.Unavailable}, {501, "NotImplemented", errs.Unimplemented}, {507, "", errs.ResourceExhausted}, {418, "", errs.Internal},
	} {
		s := openAt(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
			w.WriteHeader(c.status)
			if c.code != "" {
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>m</Message></Error>", c.code)
			}
		}))
		_, _, err := s.Get(t.Context(), "key", adapters.Range{}, "")
		if !errs.Is(err, c.want) {
			t.Errorf("%d %s: got %v (%v), want %v", c.status, c.code, errs.CodeOf(err), err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%d %s: the error holds the secret: %v", c.status, c.code, err)
		}
	}
}

func TestStoreAway(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	s, err := some().Open(adapters.Config{Endpoint: srv.URL, BucketName: "bucket", Access: "access", Security: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Head(t.Context(), "key"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("got %v, want Unavailable", err)
	}
	if _, err := s.Put(t.Context(), "key", strings.NewReader("x"), 1, adapters.PutOptions{}); !errs.Is(err, errs.Unavailable) {
		t.Errorf("got %v, want Unavailable", err)
	}
}

func TestUnknownCertificate(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	s, err := some().Open(adapters.Config{Endpoint: srv.URL, BucketName: "bucket", Access: "access", Security: "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Head(t.Context(), "key"); !errs.Is(err, errs.FailedPrecondition) {
		t.Errorf("got %v, want FailedPrecondition: it does not help to repeat", err)
	}
}

// TestTrialHeedsItsCallers has two callers wait for a store that hangs: each ends with its own context.
func TestTrialHeedsItsCallers(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}, 10), make(chan struct{})
	s := openAt(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}))
	defer close(release)
	first, cancelFirst := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := s.Put(first, "key", strings.NewReader("x"), 1, adapters.PutOptions{})
		done <- err
	}()
	<-asked
	second, cancelSecond := context.WithCancel(t.Context())
	cancelSecond()
	if _, err := s.Put(second, "key", strings.NewReader("x"), 1, adapters.PutOptions{}); !errs.Is(err, errs.Canceled) {
		t.Errorf("the one who waits: %v, want Canceled", err)
	}
	cancelFirst()
	if err := <-done; !errs.Is(err, errs.Canceled) {
		t.Errorf("the one who tries: %v, want Canceled", err)
	}
}

func TestBodyThatBreaks(t *testing.T) {
	t.Parallel()
	s := openAt(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write(make([]byte, 50))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	rc, info, err := s.Get(t.Context(), "key", adapters.Range{}, "")
	if err != nil || info.Size != 100 {
		t.Fatal(info, err)
	}
	defer rc.Close()
	got, err := io.ReadAll(rc)
	if !errs.Is(err, errs.Unavailable) || len(got) > 50 {
		t.Errorf("read %d bytes, %v, want Unavailable", len(got), err)
	}
}

func TestStoreWithoutRanges(t *testing.T) {
	t.Parallel()
	s := openAt(t, &oddStore{objects: map[string][]byte{"/bucket/key": []byte("0123456789")}})
	if _, _, err := s.Get(t.Context(), "key", adapters.Range{Offset: 3, Length: 2}, ""); !errs.Is(err, errs.Unimplemented) {
		t.Errorf("a range: got %v, want Unimplemented, never other bytes", err)
	}
	rc, info, err := s.Get(t.Context(), "key", adapters.Range{Length: 10}, "")
	if err != nil || info.Size != 10 {
		t.Fatalf("a range that is everything: %v, %v", info, err)
	}
	rc.Close()
	if _, _, err := s.Get(t.Context(), "key", adapters.Range{}, "other"); !errs.Is(err, errs.FailedPrecondition) {
		t.Errorf("an ETag that the store does not look at: %v, want FailedPrecondition", err)
	}
}

func TestUploadWhereChecksumsAreRefused(t *testing.T) {
	t.Parallel()
	var asked []string
	s := openAt(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		algorithm := r.Header.Get("x-amz-checksum-algorithm")
		asked = append(asked, algorithm)
		if algorithm != "" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, "<Error><Code>InvalidRequest</Code></Error>")
			return
		}
		fmt.Fprint(w, "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>")
	}))
	for range 2 {
		id, err := s.CreateUpload(t.Context(), "key", adapters.PutOptions{})
		if err != nil || id != "p.u1" {
			t.Fatalf("got %q, %v", id, err)
		}
	}
	if got, want := fmt.Sprint(asked), "[CRC64NVME  ]"; got != want {
		t.Errorf("asked for %s, want %s: once with, then without", got, want)
	}
}

// TestCompletionWithoutAClearAnswer plays Ceph, which says InternalError of an upload that is gone and cuts its answer for long keys.
func TestCompletionWithoutAClearAnswer(t *testing.T) {
	t.Parallel()
	body := []byte("part")
	sum := md5.Sum(body)
	part := adapters.Part{N: 1, Size: 4, ETag: hex.EncodeToString(sum[:]), CRC64: crc64nvme.Checksum(body), Verified: true}
	w, err := s3shape.WholeOf([]adapters.Part{part}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, answer string
		status       int
		open         bool   // whether the upload is
		etag         string // of the object, "" for none
		want         errs.Code
	}{
		{"gone, the object is ours", "<Error><Code>InternalError</Code></Error>", 500, false, w.ETag, errs.Unknown},
		{"gone, the object is another", "<Error><Code>InternalError</Code></Error>", 500, false, "other", errs.NotFound},
		{"gone, no object", "<Error><Code>InternalError</Code></Error>", 500, false, "", errs.NotFound},
		{"a true internal error", "<Error><Code>InternalError</Code></Error>", 500, true, w.ETag, errs.Unavailable},
		{"cut answer, the object is ours", "<CompleteMultipartUploadResult><Loc", 200, false, w.ETag, errs.Unknown},
		{"cut answer, no object", "<CompleteMultipartUploadResult><Loc", 200, false, "", errs.Unavailable},
		{"an error under status 200", "<Error><Code>SlowDown</Code></Error>", 200, true, "", errs.ResourceExhausted},
		{"no such upload, no object", "<Error><Code>NoSuchUpload</Code></Error>", 404, false, "", errs.NotFound},
		{"no such upload, the object is ours", "<Error><Code>NoSuchUpload</Code></Error>", 404, false, w.ETag, errs.Unknown},
	} {
		s := openAt(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodPost:
				rw.WriteHeader(c.status)
				fmt.Fprint(rw, c.answer)
			case r.Method == http.MethodGet && !c.open:
				rw.WriteHeader(http.StatusNotFound)
				fmt.Fprint(rw, "<Error><Code>NoSuchUpload</Code></Error>")
			case r.Method == http.MethodGet:
				fmt.Fprint(rw, "<ListPartsResult/>")
			case c.etag == "":
				rw.WriteHeader(http.StatusNotFound)
			default:
				rw.Header().Set("ETag", `"`+c.etag+`"`)
				rw.Header().Set("Content-Length", "4")
			}
		}))
		info, err := s.CompleteUpload(t.Context(), "key", "p.u1", []adapters.Part{part}, adapters.PutOptions{})
		if errs.CodeOf(err) != c.want || (err == nil) != (c.want == errs.Unknown) {
			t.Errorf("%s: got %v (%v), want %v", c.name, errs.CodeOf(err), err, c.want)
		}
		if err == nil && (info.ETag != w.ETag || info.Proof != s3shape.ProofMD5 || !info.Verified) {
			t.Errorf("%s: got %+v", c.name, info)
		}
	}
}

func TestListingThatCannotBeTrusted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, contents, encoding string
		want                     errs.Code
	}{
		{"out of order", "<Contents><Key>b</Key></Contents><Contents><Key>a</Key></Contents>", "", errs.FailedPrecondition},
		{"a key twice", "<Contents><Key>a</Key></Contents><Contents><Key>a</Key></Contents>", "", errs.FailedPrecondition},
		{"outside the prefix", "<Contents><Key>z</Key></Contents>", "", errs.Internal},
		{"a character lost", "<Contents><Key>a\ufffd</Key></Contents>", "", errs.FailedPrecondition},
		{"a malformed escape", "<Contents><Key>a%zz</Key></Contents>", "<EncodingType>url</EncodingType>", errs.Internal},
		{"cut without a way on", "<IsTruncated>true</IsTruncated>", "", errs.Internal},
	} {
		s := openAt(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			fmt.Fprintf(w, "<ListBucketResult>%s%s</ListBucketResult>", c.encoding, c.contents)
		}))
		prefix := ""
		if c.want == errs.Internal {
			prefix = "a"
		}
		if page, err := s.List(t.Context(), prefix, "", 10); !errs.Is(err, c.want) {
			t.Errorf("%s: got %v, %v, want %v", c.name, page, err, c.want)
		}
	}
}
