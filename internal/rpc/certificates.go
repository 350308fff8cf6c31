package rpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc/credentials"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/secretfile"
)

// RolePrefix and the service's name make the DNS name by which a certificate says whose it is: gelato-backend.
const RolePrefix = "gelato-"

// Files name a service's PEM files.
type Files struct {
	CA   string // certificates of the authorities that peers are signed by
	Cert string // this service's certificate, with any intermediate ones after it
	Key  string // as secretfile wants it
}

// TLS makes credentials for mutual TLS 1.3: both sides show a certificate of the cluster's authority, the server one with the name of the service that was
// dialled, whatever the address, the client one with the name of a service that may call it. The files are read
// again for every new connection, so that certificates are renewed without a restart; should they be unreadable then, the last good ones serve on.
func TLS(files Files) (Credentials, error) {
	c := &certificates{files: files}
	if err := c.load(); err != nil {
		return Credentials{}, err
	}
	roles := rolesOf(c.last.own.Leaf)
	if len(roles) != 1 {
		return Credentials{}, errs.Newf(errs.InvalidArgument, "the certificate %s must have one DNS name %sSERVICE; it has %v", files.Cert, RolePrefix, c.last.own.Leaf.DNSNames)
	}
	c.role = roles[0]
	if err := c.last.usable(); err != nil {
		return Credentials{}, errs.New(errs.InvalidArgument, fmt.Sprintf("the certificate %s is not good under the authority %s", files.Cert, files.CA), err)
	}
	return Credentials{tls: c}, nil
}

type certificates struct {
	files Files
	role  string

	mu   sync.Mutex
	last material
}

type material struct {
	own   tls.Certificate
	roots *x509.CertPool
}

// usable says why peers would refuse the certificate.
func (m material) usable() error {
	between := x509.NewCertPool()
	for _, der := range m.own.Certificate[1:] {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("parse intermediate certificate: %w", err)
		}
		between.AddCert(cert)
	}
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		if _, err := m.own.Leaf.Verify(x509.VerifyOptions{Roots: m.roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{use}}); err != nil {
			return err
		}
	}
	return nil
}

// maxPEM bounds what is read of each file.
const maxPEM = 1 << 20

func (c *certificates) load() error {
	cert, err := readPEM(c.files.Cert, "certificate")
	if err != nil {
		return err
	}
	key, err := secretfile.Read(c.files.Key, "key", maxPEM)
	if err != nil {
		return err
	}
	ca, err := readPEM(c.files.CA, "CA certificate")
	if err != nil {
		return err
	}
	own, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return errs.New(errs.InvalidArgument, fmt.Sprintf("the certificate %s and the key %s do not make a pair", c.files.Cert, c.files.Key), err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return errs.Newf(errs.InvalidArgument, "the file %s holds no CA certificate", c.files.CA)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = material{own: own, roots: roots}
	return nil
}

func readPEM(name, what string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, errs.New(errs.InvalidArgument, "the "+what+" file cannot be read", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPEM))
	if err != nil {
		return nil, errs.New(errs.InvalidArgument, "the "+what+" file cannot be read", err)
	}
	return b, nil
}

// current reads the files again, or keeps to the last ones that could be read.
func (c *certificates) current(log *slog.Logger) material {
	if err := c.load(); err != nil {
		log.Warn("certificates cannot be read again, the last ones serve on", "err", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// rolesOf lists the services that a certificate stands for.
func rolesOf(cert *x509.Certificate) []string {
	var roles []string
	for _, name := range cert.DNSNames {
		if role, ok := strings.CutPrefix(name, RolePrefix); ok && !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles
}

// transport implements credentials.TransportCredentials with the certificates of the moment, or those of a cluster token: each handshake has a configuration, and so session
// keys, of its own, which also means that no session is ever resumed past a certificate's end.
type transport struct {
	with    Credentials
	service string // that is dialled; "" on a server
	log     *slog.Logger
}

var _ credentials.TransportCredentials = (*transport)(nil)

// peerInfo is what a server knows of a caller.
type peerInfo struct {
	credentials.TLSInfo
	roles []string
}

// ClientHandshake implements credentials.TransportCredentials.
func (t *transport) ClientHandshake(ctx context.Context, _ string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, info, err := credentials.NewTLS(t.config()).ClientHandshake(ctx, RolePrefix+t.service, raw) // gRPC verifies the name that it is given here
	if err != nil && ctx.Err() == nil {
		t.log.Warn("tls handshake failed", "service", t.service, "address", raw.RemoteAddr().String(), "err", err)
	}
	return c, info, err
}

// ServerHandshake implements credentials.TransportCredentials.
func (t *transport) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, info, err := credentials.NewTLS(t.config()).ServerHandshake(raw)
	if err != nil {
		if !errors.Is(err, io.EOF) { // a port probe
			t.log.Warn("tls handshake refused", "address", raw.RemoteAddr().String(), "err", err)
		}
		return nil, nil, err
	}
	known := peerInfo{TLSInfo: info.(credentials.TLSInfo)}
	known.roles = rolesOf(known.State.PeerCertificates[0])
	return c, known, nil
}

// config is for one handshake, on either side.
func (t *transport) config() *tls.Config {
	if t.with.token != nil {
		return t.with.token.config()
	}
	m := t.with.tls.current(t.log)
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{m.own},
		RootCAs: m.roots, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: m.roots,
	}
}

// Info implements credentials.TransportCredentials.
func (t *transport) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone implements credentials.TransportCredentials; a transport never changes.
func (t *transport) Clone() credentials.TransportCredentials { return t }

// OverrideServerName implements credentials.TransportCredentials: the name is always the service's.
func (t *transport) OverrideServerName(string) error {
	return errors.New("rpc: the server's name is the service's")
}
