package rpc_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/proto/identitypb"
)

// tap forwards connections and keeps every byte that passes, both ways.
func tap(t *testing.T, to string) (addr string, seen *buffer) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seen = &buffer{}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				return
			}
			pass := func(from, to net.Conn) {
				defer to.Close()
				io.Copy(io.MultiWriter(seen, to), from)
			}
			all.Go(func() { pass(near, far) })
			all.Go(func() { pass(far, near) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String(), seen
}

func TestNothingIsReadableOnTheWire(t *testing.T) {
	t.Parallel()
	request, reply, id := "AKIA-the-access-key", "the-sealed-secret", "request-id-0001"
	exchange := func(server, client rpc.Credentials) []byte {
		s := start(t, listen(t, "127.0.0.1:0", server), server, func(_ context.Context, r *identitypb.GetKeyRequest) (*identitypb.Key, error) {
			return &identitypb.Key{AccessKey: r.AccessKey, SealedSecret: []byte(reply)}, nil
		})
		addr, seen := tap(t, s.addr)
		conn := dial(t, client, rpc.DialOptions{}, addr)
		ctx, cancel := context.WithTimeout(rpc.WithRequestID(t.Context(), id), limit)
		defer cancel()
		k, err := identitypb.NewIdentityClient(conn).GetKey(ctx, &identitypb.GetKeyRequest{AccessKey: request})
		if err != nil || string(k.SealedSecret) != reply {
			t.Fatalf("got %v, %v", k, err)
		}
		conn.Close()
		return []byte(seen.String())
	}
	f := newFolder(t)
	for name, sealed := range map[string][]byte{"certificates": exchange(f.of("api"), f.of("s3")), "a token": exchange(token(t, secret), token(t, secret))} {
		for _, text := range []string{request, reply, id, "GetKey", "PRI * HTTP/2", secret} {
			if bytes.Contains(sealed, []byte(text)) {
				t.Errorf("with %s %q is readable", name, text)
			}
		}
	}
	// The tap does see what is in clear.
	addr, seen := tap(t, start(t, listen(t, "127.0.0.1:0", token(t, secret)), token(t, secret), answering("api")).addr)
	if _, err := ask(t.Context(), plain(t, addr), grpc.WaitForReady(false)); err == nil {
		t.Error("a call without TLS succeeded")
	}
	if text := "PRI * HTTP/2"; !strings.Contains(seen.String(), text) {
		t.Errorf("%q is not seen without TLS: the test proves nothing", text)
	}
}
