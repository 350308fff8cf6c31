package s3

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// call is one request written by hand, signed by the SDK's signer as the root user unless it says otherwise.
type call struct {
	method, path, query string // path and query as they go over the wire
	header              map[string]string
	body                []byte
	length              int // what Content-Length says, when it is not the body's
	chunkedTransfer     bool
	noLength            bool // no Content-Length, no body
	access, secret      string
	region              string
	hash                string // of the payload
	unsigned            bool
	presign             time.Duration
	at                  time.Duration // clock of the client, from now
	strip               string        // header that is signed, then not sent
	host                string
}

type reply struct {
	status  int
	header  http.Header
	body    []byte
	code    string
	message string
	wire    string // as it came
}

func (g *gateway) request(c call) *http.Request {
	g.t.Helper()
	u, err := url.Parse(g.url + c.path)
	if err != nil {
		g.t.Fatal(err)
	}
	u.RawQuery = c.query
	r := &http.Request{Method: c.method, URL: u, Host: u.Host, Header: http.Header{}, ContentLength: int64(len(c.body))}
	if c.length > 0 {
		r.ContentLength = int64(c.length)
	}
	if c.chunkedTransfer {
		r.ContentLength = 0
	}
	if c.host != "" {
		r.Host = c.host
	}
	for name, value := range c.header {
		r.Header.Set(name, value)
	}
	if c.unsigned {
		return r
	}
	credentials := aws.Credentials{AccessKeyID: rootKey, SecretAccessKey: rootSecret}
	if c.access != "" {
		credentials = aws.Credentials{AccessKeyID: c.access, SecretAccessKey: c.secret}
	}
	if c.region == "" {
		c.region = "us-east-1"
	}
	if c.hash == "" {
		sum := sha256.Sum256(c.body)
		c.hash = hex.EncodeToString(sum[:])
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	when := time.Now().Add(c.at)
	if c.presign != 0 {
		q := r.URL.Query()
		q.Set("X-Amz-Expires", fmt.Sprint(int(c.presign.Seconds())))
		r.URL.RawQuery = q.Encode()
		signed, header, err := signer.PresignHTTP(g.t.Context(), credentials, r, "UNSIGNED-PAYLOAD", "s3", c.region, when)
		if err != nil {
			g.t.Fatal(err)
		}
		if r.URL, err = url.Parse(signed); err != nil {
			g.t.Fatal(err)
		}
		maps.Copy(r.Header, header)
		return r
	}
	r.Header.Set("X-Amz-Content-Sha256", c.hash)
	if err := signer.SignHTTP(g.t.Context(), credentials, r, c.hash, "s3", c.region, when); err != nil {
		g.t.Fatal(err)
	}
	return r
}

// send writes the request to a connection of its own, byte by byte as described, and reads the answer.
func (g *gateway) send(c call) reply {
	g.t.Helper()
	r := g.request(c)
	if c.strip != "" {
		r.Header.Del(c.strip)
	}
	var wire bytes.Buffer
	fmt.Fprintf(&wire, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", c.method, r.URL.RequestURI(), r.Host)
	switch {
	case c.noLength:
	case c.chunkedTransfer:
		wire.WriteString("Transfer-Encoding: chunked\r\n")
	case c.length > 0:
		fmt.Fprintf(&wire, "Content-Length: %d\r\n", c.length)
	default:
		fmt.Fprintf(&wire, "Content-Length: %d\r\n", len(c.body))
	}
	if err := r.Header.WriteSubset(&wire, map[string]bool{"Host": true, "Content-Length": true}); err != nil {
		g.t.Fatal(err)
	}
	wire.WriteString("\r\n")
	if c.chunkedTransfer {
		fmt.Fprintf(&wire, "%x\r\n%s\r\n0\r\n\r\n", len(c.body), c.body)
	} else {
		wire.Write(c.body)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		g.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := conn.Write(wire.Bytes()); err != nil {
		g.t.Fatal(err)
	}
	if c.length > len(c.body) { // the body is cut; a complete request keeps its side open, as clients do
		conn.(*net.TCPConn).CloseWrite()
	}
	var seen bytes.Buffer
	resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(conn, &seen)), &http.Request{Method: c.method})
	if err != nil {
		g.t.Fatalf("%s %s: read answer: %v", c.method, c.path, err)
	}
	defer resp.Body.Close()
	out := reply{status: resp.StatusCode, header: resp.Header}
	if out.body, err = io.ReadAll(resp.Body); err != nil {
		g.t.Fatalf("%s %s: read answer: %v", c.method, c.path, err)
	}
	out.wire = seen.String()
	var e struct {
		XMLName       xml.Name `xml:"Error"`
		Code, Message string
	}
	if xml.Unmarshal(out.body, &e) == nil {
		out.code, out.message = e.Code, e.Message
	}
	return out
}

// answer is a short text of a reply: its status and error code.
func (r reply) String() string { return strings.TrimSpace(fmt.Sprint(r.status, " ", r.code)) }
