package hwobs

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/huaweicloud/huaweicloud-sdk-go-obs/obs"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
)

// answer is a store that answers every request at once, without a network.
type answer struct{}

func (answer) RoundTrip(r *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: 200, ProtoMajor: 1, ProtoMinor: 1, Request: r, Body: http.NoBody, Header: http.Header{
		"Etag": {`"4b3a6218bb3e3a7303e8a171a60fcf92"`}, "Content-Length": {"5"}, "Last-Modified": {"Wed, 21 Oct 2026 07:28:00 GMT"}}}
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	if r.Method == http.MethodGet {
		resp.Body = io.NopCloser(strings.NewReader("bytes"))
	}
	return resp, nil
}

// BenchmarkOverhead is what one call costs on our side, network left out, and what the bare SDK's does.
func BenchmarkOverhead(b *testing.B) {
	for _, dialect := range []string{dialectOBS, dialectV4} {
		s := open(b, adapters.Config{Type: Type, Region: "r", Endpoint: "http://obs.example.com", BucketName: "bucket", Access: "a", Security: "s", Options: map[string]string{"signature": dialect, "pathStyle": "false"}})
		s.transport.RegisterProtocol("http", answer{})
		t := httpstore.Transport(nil)
		t.RegisterProtocol("http", answer{})
		c, err := obs.New("a", "s", "http://obs.example.com", obs.WithSignature(s.signature), obs.WithRegion("r"), obs.WithHttpTransport(t))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(dialect+"/Put", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Put(b.Context(), "key", stream{strings.NewReader("bytes")}, 5, adapters.PutOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(dialect+"/SDK-Put", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				in := &obs.PutObjectInput{Body: strings.NewReader("bytes")}
				in.Bucket, in.Key, in.ContentLength = "bucket", "key", 5
				if _, err := c.PutObject(in); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(dialect+"/Get", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rc, _, err := s.Get(b.Context(), "key", adapters.Range{}, "")
				if err != nil {
					b.Fatal(err)
				}
				rc.Close()
			}
		})
		b.Run(dialect+"/SDK-Get", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				in := &obs.GetObjectInput{}
				in.Bucket, in.Key = "bucket", "key"
				out, err := c.GetObject(in)
				if err != nil {
					b.Fatal(err)
				}
				out.Body.Close()
			}
		})
	}
}
