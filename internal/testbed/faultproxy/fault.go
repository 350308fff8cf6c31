package faultproxy

import (
	"fmt"
	"io"
	"net/http"
	"time"
)

type kind int

const (
	none kind = iota
	delayed
	answered
	lost
	cutRequest
	cutResponse
	corruptRequest
	corruptResponse
)

// Fault is what happens to a request; the zero value is nothing.
type Fault struct {
	kind   kind
	delay  time.Duration
	status int
	at     int64
}

// Delay holds back the server's answer. The server acts at once.
func Delay(d time.Duration) Fault { return Fault{kind: delayed, delay: d} }

// Answer takes the request's body and answers with an error status in the form of the proxy's dialect. The server is not asked.
func Answer(status int) Fault { return Fault{kind: answered, status: status} }

// Lose lets the server act and breaks the connection in place of its answer.
func Lose() Fault { return Fault{kind: lost} }

// CutRequest breaks both connections once n bytes of the request's body have come. A shorter body is not cut.
func CutRequest(n int64) Fault { return Fault{kind: cutRequest, at: n} }

// CutResponse breaks the connection after n bytes of the answer's body. A shorter one is not cut.
func CutResponse(n int64) Fault { return Fault{kind: cutResponse, at: n} }

// CorruptRequest changes the byte at an offset of the request's body, as it is sent: in a framed body the frame counts.
func CorruptRequest(at int64) Fault { return Fault{kind: corruptRequest, at: at} }

// CorruptResponse changes the byte at an offset of the answer's body.
func CorruptResponse(at int64) Fault { return Fault{kind: corruptResponse, at: at} }

// request is the request's body as the server gets it.
func (f Fault) request(body io.Reader) io.Reader {
	switch f.kind {
	case cutRequest:
		return &cutting{body, f.at}
	case corruptRequest:
		return &corrupting{body, f.at}
	}
	return body
}

// answer is the answer's body as the client gets it.
func (f Fault) answer(body io.Reader) io.Reader {
	switch f.kind {
	case cutResponse:
		return &cutting{body, f.at}
	case corruptResponse:
		return &corrupting{body, f.at}
	}
	return body
}

// cutting fails in place of the byte after the first left ones.
type cutting struct {
	r    io.Reader
	left int64
}

func (c *cutting) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.left == 0 {
		if _, err := io.ReadFull(c.r, p[:1]); err != nil {
			return 0, err
		}
		return 0, errCut
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// corrupting changes the byte after the first left ones.
type corrupting struct {
	r    io.Reader
	left int64
}

func (c *corrupting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.left >= 0 && c.left < int64(n) {
		p[c.left] ^= 1
	}
	c.left -= int64(n)
	return n, err
}

// Dialect answers with an error status as a kind of store does.
type Dialect func(w http.ResponseWriter, status int)

// S3 answers as S3 and what speaks its dialect: Ceph's gateway, OBS.
func S3(w http.ResponseWriter, status int) {
	code, ok := map[int]string{500: "InternalError", 503: "SlowDown", 429: "TooManyRequests"}[status]
	if !ok {
		code = http.StatusText(status)
	}
	writeXML(w, status, code)
}

// Azure answers as Azure Blob Storage.
func Azure(w http.ResponseWriter, status int) {
	code, ok := map[int]string{500: "InternalError", 503: "ServerBusy", 429: "TooManyRequests"}[status]
	if !ok {
		code = http.StatusText(status)
	}
	w.Header().Set("X-Ms-Error-Code", code)
	writeXML(w, status, code)
}

func writeXML(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>a fault of the test</Message></Error>", code)
}
