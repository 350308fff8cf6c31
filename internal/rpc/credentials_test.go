package rpc_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"

	"github.com/opensds/gelato/internal/certs"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/proto/identitypb"
)

var secret = strings.Repeat("s3cr3t", 8)

func TestPeersWithoutTheRightCertificateAreRefused(t *testing.T) {
	t.Parallel()
	good, other := newFolder(t), newFolder(t)
	for _, c := range []struct {
		name           string
		server, client rpc.Credentials
		conn           func(t *testing.T, addr string) *grpc.ClientConn // in place of Dial
		err, log       string                                           // in the caller's error (empty: its own connection may break before it is told why) and the server's log
	}{
		{name: "no certificate", server: good.of("api"), conn: func(t *testing.T, addr string) *grpc.ClientConn {
			return foreign(t, addr, grpc.WithTransportCredentials(tlsOnly(&tls.Config{InsecureSkipVerify: true})))
		}, log: "client didn't provide a certificate"},
		{name: "client of another authority", server: good.of("api"), conn: func(t *testing.T, addr string) *grpc.ClientConn {
			other.of("s3")
			f := other.files("s3")
			pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
			if err != nil {
				t.Fatal(err)
			}
			// Whatever authorities the server names.
			give := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
			return foreign(t, addr, grpc.WithTransportCredentials(tlsOnly(&tls.Config{InsecureSkipVerify: true, GetClientCertificate: give})))
		}, log: "unknown authority"},
		{name: "server of another authority", server: other.of("api"), client: good.of("s3"), err: "unknown authority", log: "bad certificate"},
		{name: "expired client", server: good.of("api"), client: newExpired(t, good, "s3"), log: "expired"},
		{name: "expired server", server: newExpired(t, good, "api"), client: good.of("s3"), err: "expired", log: "bad certificate"},
		{name: "another service at the address", server: good.of("backend"), client: good.of("s3"), err: "not gelato-api", log: "bad certificate"},
		{name: "token to certificates", server: good.of("api"), client: token(t, secret), err: "cluster token is not", log: "bad certificate"},
		{name: "certificates to token", server: token(t, secret), client: good.of("s3"), err: "certificate", log: "bad certificate"},
		{name: "plain text", server: good.of("api"), conn: plain, err: "error reading server preface", log: "first record does not look like a TLS handshake"},
		{name: "TLS 1.2", server: good.of("api"), conn: func(t *testing.T, addr string) *grpc.ClientConn {
			return foreign(t, addr, grpc.WithTransportCredentials(tlsOnly(&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})))
		}, err: "protocol version", log: "unsupported versions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, listen(t, "127.0.0.1:0", c.server), c.server, func(context.Context, *identitypb.GetKeyRequest) (*identitypb.Key, error) {
				t.Error("the call arrived")
				return nil, errors.New("it should not have")
			})
			var conn *grpc.ClientConn
			if c.conn != nil {
				conn = c.conn(t, s.addr)
			} else {
				conn = dial(t, c.client, rpc.DialOptions{}, s.addr)
			}
			_, err := ask(t.Context(), conn, grpc.WaitForReady(false))
			if err == nil {
				t.Fatal("the call succeeded")
			}
			mustContain(t, "error", err.Error(), c.err)
			if err := s.kill(); err != nil {
				t.Error(err)
			}
			mustContain(t, "log", s.log.String(), c.log)
		})
	}
}

// foreign is a client that is not made by Dial.
func foreign(t *testing.T, addr string, o ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr, o...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// newExpired returns expired credentials of a service in a directory of their own, signed by the authority of f.
func newExpired(t *testing.T, f *folder, service string) rpc.Credentials {
	g := &folder{t: t, dir: t.TempDir(), made: map[string]bool{}, Authority: f.Authority}
	g.write("ca.crt", f.Cert)
	return g.expired(service)
}

func TestServersAdmitTheirCallersOnly(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	s := start(t, listen(t, "127.0.0.1:0", f.of("api")), f.of("api"), answering("api"))
	if got, err := ask(t.Context(), dial(t, f.of("s3"), rpc.DialOptions{}, s.addr)); err != nil || got != "api" {
		t.Errorf("s3: got %q, %v", got, err)
	}
	for _, role := range []string{"datamover", "scheduler", "stranger"} {
		conn := dial(t, f.of(role), rpc.DialOptions{}, s.addr)
		_, err := ask(t.Context(), conn)
		want := "the service " + role + " may not call api, which admits s3"
		if errs.CodeOf(err) != errs.PermissionDenied || errs.Public(err) != want {
			t.Errorf("%s: got %v, want %q", role, err, want)
		}
		mustContain(t, "log", s.log.String(), want)
		if h, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: "api"}); err != nil || h.Status != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("%s asks for health: %v, %v", role, h, err)
		}
		if _, err := identitypb.NewIdentityClient(conn).GetKey(t.Context(), nil); errs.CodeOf(err) != errs.PermissionDenied {
			t.Errorf("%s again: %v", role, err)
		}
	}
}

// plain is a client that proves nothing.
func plain(t *testing.T, addr string) *grpc.ClientConn {
	return foreign(t, addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// Both sides look: a process that took the port of a service learns nothing and is not believed.
func TestTokenOfAnotherClusterIsRefused(t *testing.T) {
	t.Parallel()
	ours := token(t, secret)
	s := start(t, listen(t, "127.0.0.1:0", ours), ours, answering("api"))
	if got, err := ask(t.Context(), dial(t, ours, rpc.DialOptions{}, s.addr)); err != nil || got != "api" {
		t.Errorf("ours: got %q, %v", got, err)
	}
	unchecked := rpc.DialOptions{GRPC: []grpc.DialOption{grpc.WithDisableHealthCheck()}}
	careless := func(f *folder) *grpc.ClientConn { // takes every server, and shows a certificate of some key
		pair, err := tls.X509KeyPair(f.Cert, f.Key)
		if err != nil {
			t.Fatal(err)
		}
		return foreign(t, s.addr, grpc.WithTransportCredentials(tlsOnly(&tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}})))
	}
	var logs []string
	for name, c := range map[string]struct {
		conn     *grpc.ClientConn
		err, log string
	}{
		"same length":    {dial(t, token(t, strings.Repeat("S3cr3t", 8)), unchecked, s.addr), "cluster token is not this cluster's", "bad certificate"},
		"longer":         {dial(t, token(t, secret+"x"), unchecked, s.addr), "cluster token is not this cluster's", "bad certificate"},
		"another key":    {careless(newFolder(t)), "", "cluster token is not this cluster's"},
		"no certificate": {foreign(t, s.addr, grpc.WithTransportCredentials(tlsOnly(&tls.Config{InsecureSkipVerify: true}))), "", "didn't provide a certificate"},
		"no TLS":         {plain(t, s.addr), "", "does not look like a TLS handshake"},
	} {
		_, err := ask(t.Context(), c.conn, grpc.WaitForReady(false))
		if err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: got %v, want %q", name, err, c.err)
		}
		logs = append(logs, c.log)
	}
	if err := s.kill(); err != nil {
		t.Error(err)
	}
	for _, want := range logs {
		mustContain(t, "log", s.log.String(), want)
	}
	if strings.Contains(s.log.String(), secret) {
		t.Error("the log holds the token")
	}
}

func TestCertificateFilesAreChecked(t *testing.T) {
	t.Parallel()
	f, other := newFolder(t), newFolder(t)
	f.of("s3")
	other.of("s3")
	f.issue("old", time.Now().Add(-2*certs.Life))
	f.write("none.crt", []byte("nothing"))
	all := f.files("s3")
	for _, c := range []struct {
		name  string
		files rpc.Files
		want  string
	}{
		{"absent certificate", rpc.Files{CA: all.CA, Cert: all.Cert + "x", Key: all.Key}, "the certificate file cannot be read"},
		{"absent key", rpc.Files{CA: all.CA, Cert: all.Cert, Key: all.Key + "x"}, "the key file cannot be read"},
		{"absent authority", rpc.Files{CA: all.CA + "x", Cert: all.Cert, Key: all.Key}, "the CA certificate file cannot be read"},
		{"another's key", rpc.Files{CA: all.CA, Cert: all.Cert, Key: other.files("s3").Key}, "do not make a pair"},
		{"another authority", rpc.Files{CA: other.files("s3").CA, Cert: all.Cert, Key: all.Key}, "is not good under the authority"},
		{"no certificate inside", rpc.Files{CA: f.files("none").Cert, Cert: all.Cert, Key: all.Key}, "holds no CA certificate"},
		{"expired", f.files("old"), "is not good under the authority"},
	} {
		if _, err := rpc.TLS(c.files); errs.CodeOf(err) != errs.InvalidArgument || !strings.Contains(errs.Public(err), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	if err := os.Chmod(all.Key, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := rpc.TLS(all); errs.CodeOf(err) != errs.InvalidArgument || !strings.Contains(errs.Public(err), "chmod 600") {
		t.Errorf("a key that all may read: got %v", err)
	}
}

// TestServersSayNothingOfThemselves: no reflection, no channelz; health is all that a server brings along.
func TestServersSayNothingOfThemselves(t *testing.T) {
	t.Parallel()
	services := rpc.NewServer(rpc.ServerOptions{Name: "api"}).GetServiceInfo()
	if _, ok := services[healthpb.Health_ServiceDesc.ServiceName]; !ok || len(services) != 1 {
		t.Errorf("got %v, want health alone", services)
	}
}

func TestServersWithoutCredentialsServePipesOnly(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := rpc.NewServer(rpc.ServerOptions{}).Serve(l); err == nil {
		t.Error("it served")
	}
}

func TestCertificatesAreReadAgain(t *testing.T) {
	t.Parallel()
	server, client := newFolder(t), newFolder(t)
	client.Authority = server.Authority
	client.write("ca.crt", server.Cert)
	own := client.of("s3")
	s := start(t, listen(t, "127.0.0.1:0", server.of("api")), server.of("api"), answering("api"))
	shown := func() string {
		t.Helper()
		var p peer.Peer
		if _, err := ask(t.Context(), dial(t, own, rpc.DialOptions{}, s.addr), grpc.Peer(&p)); err != nil {
			t.Fatal(err)
		}
		return tlsInfo(p).State.PeerCertificates[0].SerialNumber.String()
	}
	first := shown()
	server.issue("api", time.Now())
	second := shown()
	if first == second {
		t.Error("a new connection is shown the old certificate")
	}
	server.write("api.key", []byte("half a fi"))
	if got := shown(); got != second {
		t.Errorf("while files are unreadable the certificate is %s, want the last good one %s", got, second)
	}
	mustContain(t, "log", s.log.String(), "cannot be read again")

	// The authority changes too, on one side first.
	server.newAuthority()
	server.issue("api", time.Now())
	if _, err := ask(t.Context(), dial(t, own, rpc.DialOptions{}, s.addr), grpc.WaitForReady(false)); err == nil {
		t.Error("a certificate of the old authority is admitted")
	}
	client.Authority = server.Authority
	client.write("ca.crt", server.Cert)
	client.issue("s3", time.Now())
	if got := shown(); got == second {
		t.Error("a new connection is shown a certificate of the old authority")
	}
	os.Remove(client.files("s3").Key)
	shown()
}

func tlsInfo(p peer.Peer) credentials.TLSInfo {
	info, _ := p.AuthInfo.(credentials.TLSInfo)
	return info
}

func tlsOnly(c *tls.Config) credentials.TransportCredentials { return credentials.NewTLS(c) }
