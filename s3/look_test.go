package s3

import (
	"bytes"
	"io"
	"net/http"
	"testing"
)

// meanwhile is a body before whose first byte something happens.
type meanwhile struct {
	io.Reader
	happens func()
}

// Read implements io.Reader.
func (m *meanwhile) Read(b []byte) (int, error) {
	if m.happens != nil {
		m.happens()
		m.happens = nil
	}
	return m.Reader.Read(b)
}

// Who may tag an object may not tag the one that takes its place while the document is on its way.
func TestAmendsWhatWasJudged(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.allow(g.owned("bucket"), statement("Allow", "*", "s3:PutObject", "arn:aws:s3:::bucket/*", ""))
	if a := g.as("other", call{method: "PUT", path: "/bucket/k"}); a.status != http.StatusOK {
		t.Fatal(a)
	}
	c := md5Sum(call{body: []byte("<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>")})
	c.method, c.path, c.query, c.access, c.secret = "PUT", "/bucket/k", "tagging", otherKey, otherSecret
	c.header["Expect"] = "100-continue" // which S3 sends once it wants the body
	for _, replaced := range []bool{false, true} {
		r := g.request(c)
		r.ProtoMajor, r.ProtoMinor = 1, 1 // or the transport waits for no 100
		body := &meanwhile{Reader: bytes.NewReader(c.body)}
		if replaced {
			body.happens = func() {
				if a := g.as("owner", call{method: "PUT", path: "/bucket/k"}); a.status != http.StatusOK {
					t.Error(a)
				}
			}
		}
		r.Body = io.NopCloser(body)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		want := map[bool]int{false: http.StatusOK, true: http.StatusConflict}[replaced]
		if _, o := g.head("bucket", "k"); resp.StatusCode != want || (len(o.Tags) == 0) != replaced {
			t.Errorf("replaced %t: got %d, tags %v, want %d", replaced, resp.StatusCode, o.Tags, want)
		}
	}
}
