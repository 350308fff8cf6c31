package rpc

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/secretfile"
)

// Credentials say how a service proves to its peers that it belongs to the cluster, and how they prove it to the service. TLS and Token make
// them; the zero value is for Pipe alone and is refused wherever a network is involved.
type Credentials struct {
	tls   *certificates
	token *token
}

// Role is the service that this side's certificate names, "" without a certificate.
func (c Credentials) Role() string {
	if c.tls == nil {
		return ""
	}
	return c.tls.role
}

// minToken and maxToken bound the length of a cluster token in bytes: 128 bits in hexadecimal digits at least.
const (
	minToken = 32
	maxToken = 4 << 10
)

// Token reads a cluster token, which all services of a cluster share, and makes of it credentials for TLS 1.3 in which both sides prove that they know
// the token; neither it nor what is said crosses the wire in clear. It does not tell services apart, so every one may call every other, and
// Listen and Dial refuse everything but loopback addresses with it. The file must be as secretfile wants it and hold at least 32
// bytes without white space inside; white space around them is ignored.
func Token(file string) (Credentials, error) {
	raw, err := secretfile.Read(file, "cluster token", maxToken)
	if err != nil {
		return Credentials{}, err
	}
	secret := strings.TrimSpace(string(raw))
	if len(secret) < minToken {
		return Credentials{}, errs.Newf(errs.InvalidArgument, "the cluster token file %s must hold at least %d bytes", file, minToken)
	}
	if strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return Credentials{}, errs.Newf(errs.InvalidArgument, "the cluster token in %s must be printable ASCII without white space", file)
	}
	t, err := newToken(secret)
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{token: t}, nil
}

// check says whether the credentials may be used on an address of the network.
func (c Credentials) check(verb, addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return errs.New(errs.InvalidArgument, fmt.Sprintf("cannot %s %q: want HOST:PORT", verb, addr), err)
	}
	switch {
	case c.tls != nil:
		return nil
	case c.token == nil:
		return errs.Newf(errs.InvalidArgument, "cannot %s %s: gRPC over the network needs TLS, or a cluster token on loopback", verb, addr)
	case !loopback(host):
		return errs.Newf(errs.InvalidArgument, "cannot %s %s with a cluster token: it is allowed on loopback only (127.0.0.1, [::1], localhost); use TLS", verb, addr)
	}
	return nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// server returns what a server's connections are made with.
func (c Credentials) server(log *slog.Logger) credentials.TransportCredentials {
	if c.tls != nil || c.token != nil {
		return &transport{with: c, log: log}
	}
	return insecure.NewCredentials() // Serve admits the pipe only
}

// client returns what connections to a service are made with; Dial admits no credentials without either.
func (c Credentials) client(service string, log *slog.Logger) credentials.TransportCredentials {
	return &transport{with: c, service: service, log: log}
}

var errNetwork = errors.New("rpc: a server without credentials serves a Pipe only")

// Listen opens a TCP listener for a server with these credentials; it refuses addresses that they are not fit for.
func Listen(addr string, c Credentials) (net.Listener, error) {
	if err := c.check("listen on", addr); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, errs.New(errs.FailedPrecondition, "cannot listen for gRPC on "+addr, err)
	}
	if c.tls == nil && !loopback(l.Addr().(*net.TCPAddr).IP.String()) {
		l.Close()
		return nil, errs.Newf(errs.InvalidArgument, "cannot listen on %s with a cluster token: it names %v, which is not loopback", addr, l.Addr())
	}
	return l, nil
}
