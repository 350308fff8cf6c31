package s3

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestExpectOfEmptyBody: an empty upload that asks for 100 Continue gets one, as awscli needs it, and the connection goes on.
func TestExpectOfEmptyBody(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	for range 2 {
		if _, err := io.WriteString(conn, "PUT /bucket/key HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{http.StatusContinue, http.StatusNotFound} {
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != want {
				t.Errorf("got status %d, want %d", resp.StatusCode, want)
			}
		}
	}
}
