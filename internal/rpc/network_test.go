package rpc_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/internal/certs"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/proto/identitypb"
)

// limit is how long anything in these tests may take that should not fail.
const limit = 20 * time.Second

// folder is a directory of one authority's certificates, as `gelato certs init` makes it.
type folder struct {
	t    testing.TB
	dir  string
	made map[string]bool
	*certs.Authority
}

func newFolder(t testing.TB) *folder {
	t.Helper()
	f := &folder{t: t, dir: t.TempDir(), made: map[string]bool{}}
	f.newAuthority()
	return f
}

// newAuthority replaces the authority.
func (f *folder) newAuthority() {
	f.t.Helper()
	a, err := certs.NewAuthority(time.Now())
	if err != nil {
		f.t.Fatal(err)
	}
	f.Authority = a
	f.write("ca.crt", a.Cert)
}

func (f *folder) write(name string, content []byte) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), content, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// issue makes a service's certificate, valid from start, in place of the one that it had.
func (f *folder) issue(service string, start time.Time) {
	f.t.Helper()
	p, err := f.Issue(service, nil, start)
	if err != nil {
		f.t.Fatal(err)
	}
	f.write(service+".crt", p.Cert)
	f.write(service+".key", p.Key)
	f.made[service] = true
}

func (f *folder) files(service string) rpc.Files {
	file := func(name string) string { return filepath.Join(f.dir, name) }
	return rpc.Files{CA: file("ca.crt"), Cert: file(service + ".crt"), Key: file(service + ".key")}
}

// of returns a service's credentials.
func (f *folder) of(service string) rpc.Credentials {
	f.t.Helper()
	if !f.made[service] {
		f.issue(service, time.Now())
	}
	c, err := rpc.TLS(f.files(service))
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// expired returns credentials of a service whose certificate is over by now.
func (f *folder) expired(service string) rpc.Credentials {
	c := f.of(service)
	f.issue(service, time.Now().Add(-2*certs.Life))
	return c
}

func token(t testing.TB, secret string) rpc.Credentials {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := rpc.Token(file)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// buffer is a log that a test reads while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// identity serves GetKey by a function.
type identity struct {
	identitypb.UnimplementedIdentityServer
	get func(context.Context, *identitypb.GetKeyRequest) (*identitypb.Key, error)
}

func (i identity) GetKey(ctx context.Context, r *identitypb.GetKeyRequest) (*identitypb.Key, error) {
	return i.get(ctx, r)
}

// answering returns a GetKey that answers with a name.
func answering(name string) func(context.Context, *identitypb.GetKeyRequest) (*identitypb.Key, error) {
	return func(context.Context, *identitypb.GetKeyRequest) (*identitypb.Key, error) {
		return &identitypb.Key{User: name}, nil
	}
}

// running is a server on TCP.
type running struct {
	*rpc.Server
	addr string
	log  *buffer
	done chan error
}

func listen(t testing.TB, addr string, c rpc.Credentials) net.Listener {
	t.Helper()
	l, err := rpc.Listen(addr, c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// start serves identity as the service api.
func start(t testing.TB, l net.Listener, c rpc.Credentials, get func(context.Context, *identitypb.GetKeyRequest) (*identitypb.Key, error)) *running {
	t.Helper()
	r := &running{addr: l.Addr().String(), log: &buffer{}, done: make(chan error, 1)}
	r.Server = rpc.NewServer(rpc.ServerOptions{Name: "api", Credentials: c, Logger: r.log.logger()})
	identitypb.RegisterIdentityServer(r, identity{get: get})
	go func() { r.done <- r.Serve(l) }()
	t.Cleanup(r.Server.Stop)
	return r
}

// kill ends the server without a good-bye to calls.
func (r *running) kill() error {
	r.Server.Stop()
	return <-r.done
}

func dial(t testing.TB, c rpc.Credentials, o rpc.DialOptions, addrs ...string) *grpc.ClientConn {
	t.Helper()
	conn, err := rpc.Dial("api", addrs, c, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// ask calls GetKey and returns the name of who answered.
func ask(ctx context.Context, conn *grpc.ClientConn, o ...grpc.CallOption) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	k, err := identitypb.NewIdentityClient(conn).GetKey(ctx, &identitypb.GetKeyRequest{AccessKey: "k"}, o...)
	return k.GetUser(), err
}

func mustContain(t testing.TB, what, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Errorf("%s: got %q, want %q in it", what, text, want)
	}
}
