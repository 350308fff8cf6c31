// Package faultproxy stands between a client and a real HTTP server and does to the requests what bad networks and overloaded servers do:
// it delays, cuts connections in the middle of bodies, refuses, corrupts a byte, or loses an answer after the server has acted.
//
// One fault at a time is set, for the next n requests that match. All else passes unchanged: method, path as it was escaped, headers
// with Host (which signatures cover), body.
//
// Only tests and the suites they share import it.
package faultproxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Proxy forwards requests to one server.
type Proxy struct {
	URL string // "http://127.0.0.1:PORT", the same after Start

	t       testing.TB
	target  *url.URL
	dialect Dialect
	client  *http.Transport
	server  *http.Server // nil while stopped

	mu    sync.Mutex
	fault Fault
	match func(*http.Request) bool
	left  int // requests that the fault is still for; negative: all
	hits  int
}

// New starts a proxy before the server at target ("http://HOST:PORT"); it ends with the test.
func New(t testing.TB, target string, d Dialect) *Proxy {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatalf("faultproxy: %v", err)
	}
	p := &Proxy{t: t, target: u, dialect: d}
	// A connection for each request: one that has been idle may break, which would be a fault that nobody has set.
	p.client = &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	p.listen("127.0.0.1:0")
	t.Cleanup(p.Stop)
	return p
}

func (p *Proxy) listen(address string) {
	p.t.Helper()
	l, err := net.Listen("tcp", address)
	for deadline := time.Now().Add(10 * time.Second); errors.Is(err, syscall.EADDRINUSE) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond) // somebody looks for a free port just now
		l, err = net.Listen("tcp", address)
	}
	if err != nil {
		p.t.Fatalf("faultproxy: %v", err)
	}
	p.URL = "http://" + l.Addr().String()
	server := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	p.server = server
	go server.Serve(l) // until Stop
}

// Stop breaks all connections and refuses new ones.
func (p *Proxy) Stop() {
	if p.server != nil {
		p.server.Close()
		p.server = nil
	}
}

// Start listens again, at the same address, after Stop.
func (p *Proxy) Start() {
	p.t.Helper()
	u, err := url.Parse(p.URL)
	if err != nil {
		p.t.Fatalf("faultproxy: %v", err)
	}
	p.listen(u.Host)
}

// Set makes the next n requests for which match is true (nil: all) meet a fault, all of them when n is 0. It replaces the fault that was set.
func (p *Proxy) Set(f Fault, n int, match func(*http.Request) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n == 0 {
		n = -1
	}
	p.fault, p.left, p.match, p.hits = f, n, match, 0
}

// Clear removes the fault and returns how many requests have met it.
func (p *Proxy) Clear() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.left = Fault{}, 0
	return p.hits
}

// take returns the fault for a request.
func (p *Proxy) take(r *http.Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left == 0 || p.match != nil && !p.match(r) {
		return Fault{}
	}
	if p.left > 0 {
		p.left--
	}
	p.hits++
	return p.fault
}

// abort breaks the client's connection.
func abort() { panic(http.ErrAbortHandler) }

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := p.take(r)
	if f.kind == answered {
		_, _ = io.Copy(io.Discard, r.Body)
		p.dialect(w, f.status)
		return
	}
	// The server may answer before it has the body.
	_ = http.NewResponseController(w).EnableFullDuplex()
	sent := &ending{r: r.Body}
	resp, err := p.forward(r, f, sent)
	if err != nil {
		abort()
	}
	defer resp.Body.Close()
	switch f.kind {
	case delayed:
		if wait(r.Context(), f.delay) != nil {
			return
		}
	case lost:
		_, _ = io.Copy(io.Discard, resp.Body)
		abort()
	}
	copyHeaders(w.Header(), resp.Header)
	if r.ContentLength != 0 && !sent.ended.Load() {
		w.Header().Set("Connection", "close") // nobody knows when somebody will have read the body to its end
	}
	w.WriteHeader(resp.StatusCode)
	if _, err := io.Copy(w, f.answer(resp.Body)); err != nil {
		_ = http.NewResponseController(w).Flush() // what came before the cut arrives
		abort()
	}
}

// forward sends a request to the server.
func (p *Proxy) forward(r *http.Request, f Fault, body io.Reader) (*http.Response, error) {
	out := &http.Request{
		Method: r.Method, URL: new(url.URL), Host: r.Host, Header: http.Header{}, ContentLength: r.ContentLength,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	*out.URL = *r.URL
	out.URL.Scheme, out.URL.Host = p.target.Scheme, p.target.Host
	copyHeaders(out.Header, r.Header)
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header.Set("User-Agent", "") // else one is added
	}
	if r.ContentLength != 0 {
		out.Body = io.NopCloser(f.request(body))
	}
	return p.client.RoundTrip(out.WithContext(r.Context()))
}

// copyHeaders copies what is not about the connection alone.
func copyHeaders(to, from http.Header) {
	for name, values := range from {
		switch name {
		case "Connection", "Keep-Alive", "Transfer-Encoding":
		default:
			to[name] = values
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ending remembers whether a body was read to its end.
type ending struct {
	r     io.Reader
	ended atomic.Bool
}

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err == io.EOF {
		e.ended.Store(true)
	}
	return n, err
}

var errCut = errors.New("cut by the proxy")
