package s3dialect

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/adapters"
)

// answer is a store that answers every request at once, without a network.
type answer struct{}

func (answer) Do(r *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: 200, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Etag": {`"e00a650d603a8a2d5327b1099392c631"`}, "Content-Length": {"5"}, "Last-Modified": {"Wed, 21 Oct 2026 07:28:00 GMT"}, "X-Amz-Checksum-Crc64nvme": r.Header["X-Amz-Checksum-Crc64nvme"]}, Request: r}
	resp.Body = http.NoBody
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	if r.Method == http.MethodGet {
		resp.Body = io.NopCloser(strings.NewReader("bytes"))
	}
	return resp, nil
}

// BenchmarkOverhead is what one call costs on our side, network left out.
func BenchmarkOverhead(b *testing.B) {
	s, err := some().Open(adapters.Config{Endpoint: "http://127.0.0.1:1", BucketName: "bucket", Access: "a", Security: "s"})
	if err != nil {
		b.Fatal(err)
	}
	s.client = s3.New(s.client.Options(), func(o *s3.Options) { o.HTTPClient = answer{} })
	body := []byte("bytes")
	b.Run("Put", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c := crc64nvme.Checksum(body)
			if _, err := s.Put(b.Context(), "key", bytes.NewReader(body), 5, adapters.PutOptions{CRC64: &c}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			rc, _, err := s.Get(b.Context(), "key", adapters.Range{}, "")
			if err != nil {
				b.Fatal(err)
			}
			rc.Close()
		}
	})
}
