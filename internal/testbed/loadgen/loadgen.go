// Package loadgen sends requests that were signed beforehand over plain connections, so that on a machine which server and
// client share the client takes little of it, and the same for every server.
//
// Only tests import it.
package loadgen

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/testbed/s3lite"
)

// Request is a signed request as it goes over the wire. Its signature is good for a quarter of an hour.
type Request struct {
	head, body []byte
}

// New signs a request: path is "/bucket/key" of unreserved characters, query sorted and escaped. The body may be shared.
func New(e s3lite.Endpoint, method, path, query string, body []byte) (Request, error) {
	u, err := url.Parse(e.URL)
	if err != nil {
		return Request{}, err
	}
	r := http.Request{Method: method, URL: u, Header: http.Header{}}
	u.Path, u.RawQuery = path, query
	s3lite.Sign(&r, e, s3lite.UnsignedPayload, time.Now())
	var head bytes.Buffer
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", method, u.RequestURI(), u.Host, len(body))
	if err := r.Header.Write(&head); err != nil {
		return Request{}, err
	}
	head.WriteString("\r\n")
	return Request{head.Bytes(), body}, nil
}

// Result is what a Run measured.
type Result struct {
	Requests int
	Elapsed  time.Duration
	P50, P99 time.Duration
}

// PerSecond is the rate over all clients.
func (r Result) PerSecond() float64 { return float64(r.Requests) / r.Elapsed.Seconds() }

// Run has one client for each list of requests. It sends them one after the other over one connection, again from the start if cycle
// is set, until the time is over or the list ends. Any answer of 300 or more ends it with an error.
func Run(ctx context.Context, e s3lite.Endpoint, clients [][]Request, limit time.Duration, cycle bool) (Result, error) {
	u, err := url.Parse(e.URL)
	if err != nil {
		return Result{}, err
	}
	took := make([][]time.Duration, len(clients))
	errs := make([]error, len(clients))
	var all sync.WaitGroup
	began := time.Now()
	for i, list := range clients {
		all.Go(func() {
			c := conn{addr: u.Host}
			defer c.close()
			for n := 0; n < len(list) || cycle; n++ {
				from := time.Now()
				if from.Sub(began) >= limit || ctx.Err() != nil {
					return
				}
				if errs[i] = c.send(list[n%len(list)]); errs[i] != nil {
					return
				}
				took[i] = append(took[i], time.Since(from))
			}
		})
	}
	all.Wait()
	r := Result{Elapsed: time.Since(began)}
	every := slices.Concat(took...)
	slices.Sort(every)
	if r.Requests = len(every); r.Requests > 0 {
		r.P50, r.P99 = every[len(every)/2], every[len(every)*99/100]
	}
	return r, errors.Join(append(errs, ctx.Err())...)
}

// conn is a connection that opens itself again after the server closed it.
type conn struct {
	addr string
	c    net.Conn
	r    *bufio.Reader
}

func (c *conn) close() {
	if c.c != nil {
		c.c.Close()
		c.c = nil
	}
}

func (c *conn) send(r Request) error {
	if c.c == nil {
		dialed, err := net.Dial("tcp", c.addr)
		if err != nil {
			return err
		}
		c.c, c.r = dialed, bufio.NewReaderSize(dialed, 16<<10)
	}
	if err := c.c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	message := net.Buffers{r.head}
	if len(r.body) > 0 {
		message = append(message, r.body)
	}
	if _, err := message.WriteTo(c.c); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return fmt.Errorf("%.100q: %s %s", r.head, resp.Status, text)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("read answer's body: %w", err)
	}
	if resp.Close {
		c.close()
	}
	return nil
}
