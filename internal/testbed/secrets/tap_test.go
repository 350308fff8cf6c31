package secrets

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// tap is a TCP proxy that keeps every byte. It may listen before it knows where to; until then it turns callers away.
type tap struct {
	name  string
	addr  string
	inner *inner // of a connection between services; nil: what passes is not looked into

	mu     sync.Mutex
	to     string
	wire   []*stream // each direction of each connection, as it crossed the network
	inside []*stream // and what was in it under TLS
}

// inner is how a tap stands between two services: to the caller as the service that is called, to that one as the caller.
type inner struct{ near, far *tls.Config }

// stream is one direction of a connection.
type stream struct {
	mu   sync.Mutex
	data []byte
}

func (s *stream) add(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = append(s.data, b...)
}

func (s *stream) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data
}

// recorded is a connection whose two directions are kept.
type recorded struct {
	net.Conn
	in, out *stream
}

func record(c net.Conn, to *[]*stream) net.Conn {
	r := recorded{c, &stream{}, &stream{}}
	*to = append(*to, r.in, r.out)
	return r
}

func (r recorded) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.in.add(b[:n])
	return n, err
}

func (r recorded) Write(b []byte) (int, error) {
	r.out.add(b)
	return r.Conn.Write(b)
}

// newTap listens until the test ends.
func newTap(t *testing.T, name string, in *inner) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{name: name, addr: l.Addr().String(), inner: in}
	var all sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	ended := false
	keep := func(c net.Conn) bool {
		mu.Lock()
		defer mu.Unlock()
		open[c] = true
		return !ended
	}
	all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer near.Close()
				p.mu.Lock()
				to := p.to
				p.mu.Unlock()
				if to == "" || !keep(near) {
					return
				}
				if far, err := net.Dial("tcp", to); err == nil {
					defer far.Close()
					if keep(far) {
						p.pass(near, far)
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		ended = true
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	return p
}

// point says where connections go from now on.
func (p *tap) point(to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = to
}

// pass copies until one side ends.
func (p *tap) pass(near, far net.Conn) {
	p.mu.Lock()
	near, far = record(near, &p.wire), record(far, &p.wire)
	if p.inner != nil {
		near, far = record(tls.Server(near, p.inner.near), &p.inside), tls.Client(far, p.inner.far)
	}
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { defer far.Close(); _, _ = io.Copy(far, near) })
	both.Go(func() { defer near.Close(); _, _ = io.Copy(near, far) })
	both.Wait()
}

// seen returns what was kept of the network, and of the insides of TLS.
func (p *tap) seen() (wire, inside []*stream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wire, p.inside
}

// between makes the TLS of a tap from caller to called, from the folders of `gelato secrets`.
func between(t *testing.T, secrets, caller, called string) *inner {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(secrets, called, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	pair := func(service string) []tls.Certificate {
		dir := filepath.Join(secrets, service)
		c, err := tls.LoadX509KeyPair(filepath.Join(dir, service+".crt"), filepath.Join(dir, service+".key"))
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{c}
	}
	return &inner{
		near: &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}, Certificates: pair(called), ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots},
		far:  &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}, Certificates: pair(caller), RootCAs: roots, ServerName: "gelato-" + called},
	}
}
