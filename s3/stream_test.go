package s3

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// signedStream writes a body as signed aws-chunked. The signatures are computed here from the specification, not by the code under test.
func (g *gateway) signedStream(path string, chunks []string, trailer string, spoil func([]byte) []byte) reply {
	g.t.Helper()
	kind, size := "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", 0
	for _, c := range chunks {
		size += len(c)
	}
	header := map[string]string{"Content-Encoding": "aws-chunked,gzip", "X-Amz-Decoded-Content-Length": fmt.Sprint(size)}
	if trailer != "" {
		kind += "-TRAILER"
		header["X-Amz-Trailer"], _, _ = strings.Cut(trailer, ":")
	}
	const perChunk = len(";chunk-signature=") + 64 + 4
	length := 0
	for _, c := range append(chunks, "") {
		length += len(fmt.Sprintf("%x", len(c))) + perChunk + len(c)
	}
	if trailer != "" {
		length += len(trailer) + 2 + len("x-amz-trailer-signature:") + 64 + 2
	}
	c := call{method: "PUT", path: path, header: header, hash: kind, body: make([]byte, length)}
	r := g.request(c)
	_, seed, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	stamp := r.Header.Get("X-Amz-Date")
	scope := stamp[:8] + "/us-east-1/s3/aws4_request"
	key := []byte("AWS4" + rootSecret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	var body bytes.Buffer
	previous := seed
	for _, chunk := range append(chunks, "") {
		previous = hex.EncodeToString(mac(key, strings.Join([]string{"AWS4-HMAC-SHA256-PAYLOAD", stamp, scope, previous, hexSum(""), hexSum(chunk)}, "\n")))
		fmt.Fprintf(&body, "%x;chunk-signature=%s\r\n%s", len(chunk), previous, chunk)
		if chunk != "" {
			body.WriteString("\r\n")
		}
	}
	if trailer != "" {
		signature := hex.EncodeToString(mac(key, strings.Join([]string{"AWS4-HMAC-SHA256-TRAILER", stamp, scope, previous, hexSum(trailer + "\n")}, "\n")))
		fmt.Fprintf(&body, "%s\r\nx-amz-trailer-signature:%s\r\n", trailer, signature)
	}
	body.WriteString("\r\n")
	out := body.Bytes()
	if len(out) != length {
		g.t.Fatalf("%d bytes, not %d", len(out), length)
	}
	if spoil != nil {
		out = spoil(out)
	}
	return g.replay(r, out)
}

// replay sends a signed request with another body of the same length.
func (g *gateway) replay(r *http.Request, body []byte) reply {
	r.Body = io.NopCloser(bytes.NewReader(body))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: text, code: cut(string(text), "<Code>", "</Code>")}
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestSignedStreams(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.bucket("streams", "")
	big := string(data(7, 100_000))
	swap := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(new), 1) }
	}
	for name, k := range map[string]struct {
		chunks  []string
		trailer string
		spoil   func([]byte) []byte
		want    string
	}{
		"one":               {[]string{"123456789"}, "", nil, "200"},
		"empty":             {nil, "", nil, "200"},
		"many":              {[]string{big, big, "123456789"}, "", nil, "200"},
		"trailer":           {[]string{"12345", "6789"}, "x-amz-checksum-crc32c:4waSgw==", nil, "200"},
		"wrong trailer":     {[]string{"12345", "6788"}, "x-amz-checksum-crc32c:4waSgw==", nil, "400 BadDigest"},
		"forged trailer":    {[]string{"123456789"}, "x-amz-checksum-crc32c:4waSgw==", swap("4waSgw==", "4waSgx=="), "403 SignatureDoesNotMatch"},
		"forged data":       {[]string{"123456789"}, "", swap("123456789", "123456788"), "403 SignatureDoesNotMatch"},
		"forged late data":  {[]string{big, big, "123456789"}, "", swap("123456789", "123456788"), "403 SignatureDoesNotMatch"},
		"chunks exchanged":  {[]string{"12345", "67890"}, "", func(b []byte) []byte { return append(append(bytes.Clone(b[91:182]), b[:91]...), b[182:]...) }, "403 SignatureDoesNotMatch"},
		"last chunk forged": {[]string{"123456789"}, "", swap("\r\n0;chunk-signature=", "\r\n0;chunk-signatura="), "400 InvalidRequest"},
	} {
		path := "/streams/" + strings.ReplaceAll(name, " ", "-")
		a := g.signedStream(path, k.chunks, k.trailer, k.spoil)
		if a.String() != k.want {
			t.Errorf("%s: got %v %s, want %s", name, a, a.body, k.want)
		}
		got := g.send(call{method: "GET", path: path})
		if k.want != "200" {
			if got.status != 404 {
				t.Errorf("%s: there is an object all the same", name)
			}
			continue
		}
		if string(got.body) != strings.Join(k.chunks, "") || got.header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: got %d bytes, encoding %q", name, len(got.body), got.header.Get("Content-Encoding"))
		}
	}
}

// A client that waits for 100 Continue is told of a wrong signature without sending its body, and told to go on when all is well.
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.bucket("expect", "")
	for _, k := range []struct{ secret, first string }{{"wrong", "HTTP/1.1 403 Forbidden"}, {rootSecret, "HTTP/1.1 100 Continue"}} {
		body := data(1, 1<<20)
		r := g.request(call{method: "PUT", path: "/expect/k", body: body, access: rootKey, secret: k.secret})
		conn, err := net.Dial("tcp", r.URL.Host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(conn, "PUT /expect/k HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nExpect: 100-continue\r\n", r.Host, len(body))
		r.Header.WriteSubset(conn, map[string]bool{"Host": true, "Content-Length": true})
		fmt.Fprint(conn, "\r\n")
		in := bufio.NewReader(conn)
		line, err := in.ReadString('\n')
		if err != nil || strings.TrimSpace(line) != k.first {
			t.Fatalf("got %q, %v, want %q", line, err, k.first)
		}
		if k.secret == rootSecret {
			in.ReadString('\n')
			conn.Write(body)
			if resp, err := http.ReadResponse(in, r); err != nil || resp.StatusCode != 200 {
				t.Errorf("after the body: %v, %v", resp, err)
			}
		}
	}
}

func TestVirtualHosts(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{Domains: []string{"other.example.org", "S3.example.org"}})
	g.bucket("hosted", "")
	host := "hosted.s3.example.org"
	if a := g.send(call{method: "PUT", path: "//a/../b", host: host, body: []byte("x")}); a.status != 200 {
		t.Fatalf("put: %v %s", a, a.body)
	}
	if a := g.send(call{method: "GET", path: "/hosted//a/../b"}); string(a.body) != "x" {
		t.Errorf("path style: %v %s", a, a.body)
	}
	if a := g.send(call{method: "GET", path: "/", host: host}); !strings.Contains(string(a.body), "<Key>/a/../b</Key>") {
		t.Errorf("list: %s", a.body)
	}
	if a := g.send(call{method: "GET", path: "//a/../b", host: host, presign: time.Minute}); string(a.body) != "x" {
		t.Errorf("presigned: %v %s", a, a.body)
	}
	if a := g.send(call{method: "GET", path: "/", host: "s3.example.org:80"}); !strings.Contains(string(a.body), "ListAllMyBucketsResult") {
		t.Errorf("the domain itself: %s", a.body)
	}
}
