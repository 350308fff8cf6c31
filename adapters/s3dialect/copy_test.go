package s3dialect

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// TestCopyAnswers plays what stores answer to CopyObject.
func TestCopyAnswers(t *testing.T) {
	t.Parallel()
	right, wrong := crc64nvme.Checksum([]byte("body")), uint64(1)
	result := func(crc *uint64) string {
		text := `<CopyObjectResult><ETag>"copied"</ETag>`
		if crc != nil {
			text += "<ChecksumCRC64NVME>" + *formatCRC(*crc) + "</ChecksumCRC64NVME><ChecksumType>FULL_OBJECT</ChecksumType>"
		}
		return text + "</CopyObjectResult>"
	}
	for _, c := range []struct {
		name     string
		status   int
		answer   string
		known    *uint64 // the CRC64 that the caller knows
		kept     *uint64 // the CRC64 that the store keeps of the source
		verified bool
		deleted  bool
		want     errs.Code
	}{
		{"no checksum", 200, result(nil), &right, nil, false, false, errs.Unknown},
		{"a checksum that nobody knows better", 200, result(&right), nil, nil, false, false, errs.Unknown},
		{"the caller's checksum", 200, result(&right), &right, nil, true, false, errs.Unknown},
		{"the source's checksum", 200, result(&right), nil, &right, true, false, errs.Unknown},
		{"another checksum than the caller's", 200, result(&wrong), &right, nil, false, true, errs.DataLoss},
		{"another checksum than the source's", 200, result(&wrong), nil, &right, false, true, errs.DataLoss},
		{"the caller's is not the source's", 200, "not asked", &wrong, &right, false, false, errs.DataLoss},
		{"an error under status 200", 200, "<Error><Code>InternalError</Code></Error>", nil, nil, false, false, errs.Unavailable},
		{"an answer cut short", 200, "<CopyObjectResult><ETa", nil, nil, false, false, errs.Unavailable},
		{"an answer without an ETag", 200, "<CopyObjectResult></CopyObjectResult>", nil, nil, false, false, errs.Unavailable},
		{"the source changed meanwhile", 412, "<Error><Code>PreconditionFailed</Code></Error>", nil, nil, false, false, errs.Unavailable},
		{"the source went meanwhile", 404, "<Error><Code>NoSuchKey</Code></Error>", nil, nil, false, false, errs.NotFound},
		{"the bucket is not there", 404, "<Error><Code>NoSuchBucket</Code></Error>", nil, nil, false, false, errs.FailedPrecondition},
		{"no copies", 501, "<Error><Code>NotImplemented</Code></Error>", nil, nil, false, false, errs.Unimplemented},
	} {
		var deleted atomic.Bool
		s := openAt(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.Method {
			case http.MethodHead:
				w.Header().Set("ETag", `"source"`)
				w.Header().Set("Content-Length", "4")
				if c.kept != nil {
					w.Header().Set("X-Amz-Checksum-Crc64nvme", *formatCRC(*c.kept))
				}
			case http.MethodDelete:
				deleted.Store(true)
				w.WriteHeader(http.StatusNoContent)
			default:
				if got, want := r.Header.Get("X-Amz-Copy-Source"), "bucket/a%2Bb%20%25%3F%23/%C3%A9"; got != want {
					t.Errorf("%s: source %s, want %s", c.name, got, want)
				}
				if got := r.Header.Get("X-Amz-Copy-Source-If-Match"); got != `"source"` {
					t.Errorf("%s: the source is not held still: %s", c.name, got)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.answer)
			}
		}))
		info, err := s.Copy(t.Context(), "key", "a+b %?#/é", "", adapters.PutOptions{CRC64: c.known})
		if errs.CodeOf(err) != c.want || (err == nil) != (c.want == errs.Unknown) || info.Verified != c.verified || deleted.Load() != c.deleted {
			t.Errorf("%s: got %+v, %v (%v), deleted %v", c.name, info, err, errs.CodeOf(err), deleted.Load())
		}
	}
}

// TestCopyOntoItselfWrong copies an object onto itself and expects other bytes than it has: it stays.
func TestCopyOntoItselfWrong(t *testing.T) {
	t.Parallel()
	right, wrong := crc64nvme.Checksum([]byte("body")), uint64(1)
	var deleted atomic.Bool
	s := openAt(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"tag"`)
		switch {
		case r.Method == http.MethodHead:
			w.Header().Set("Content-Length", "4")
		case r.Method == http.MethodDelete && r.URL.Path == "/bucket/key":
			deleted.Store(true)
		case r.Header.Get("X-Amz-Copy-Source") != "":
			_, _ = io.WriteString(w, `<CopyObjectResult><ETag>"tag"</ETag><ChecksumCRC64NVME>`+*formatCRC(right)+`</ChecksumCRC64NVME></CopyObjectResult>`)
		}
	}))
	if _, err := s.Copy(t.Context(), "key", "key", "", adapters.PutOptions{CRC64: &wrong}); !errs.Is(err, errs.DataLoss) {
		t.Errorf("Copy = %v, want %v", err, errs.DataLoss)
	}
	if deleted.Load() {
		t.Error("the one object was deleted")
	}
}
