package rpc_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/proto/identitypb"
)

// pausable is a connection whose other end falls silent: bytes are taken, nothing comes back.
type pausable struct {
	net.Conn
	paused, closed chan struct{}
	once           sync.Once
}

func (p *pausable) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	select {
	case <-p.paused:
		<-p.closed
		return 0, net.ErrClosed
	default:
		return n, err
	}
}

func (p *pausable) Write(b []byte) (int, error) {
	select {
	case <-p.paused:
		return len(b), nil
	default:
		return p.Conn.Write(b)
	}
}

func (p *pausable) Close() error {
	p.once.Do(func() { close(p.closed) })
	return p.Conn.Close()
}

// memory runs a server and its client, with TLS, over a network of the fake clock's bubble. pause silences the first connection.
func memory(t *testing.T, get func(context.Context, *identitypb.GetKeyRequest) (*identitypb.Key, error)) (conn *grpc.ClientConn, dials *atomic.Int32, pause func()) {
	t.Helper()
	f := newFolder(t)
	l := bufconn.Listen(64 << 10)
	s := start(t, l, f.of("api"), get)
	paused := make(chan struct{})
	dials = &atomic.Int32{}
	dialer := func(ctx context.Context, _ string) (net.Conn, error) {
		c, err := l.DialContext(ctx)
		if err != nil || dials.Add(1) > 1 {
			return c, err
		}
		return &pausable{Conn: c, paused: paused, closed: make(chan struct{})}, nil
	}
	conn = dial(t, f.of("s3"), rpc.DialOptions{GRPC: []grpc.DialOption{grpc.WithContextDialer(dialer)}}, "127.0.0.1:1")
	t.Cleanup(func() {
		conn.Close()
		if err := s.kill(); err != nil {
			t.Error(err)
		}
	})
	return conn, dials, func() { close(paused) }
}

func TestAPausedPeerIsNoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		arrived := make(chan struct{})
		var calls atomic.Int32
		conn, dials, pause := memory(t, func(ctx context.Context, _ *identitypb.GetKeyRequest) (*identitypb.Key, error) {
			if calls.Add(1) == 1 {
				close(arrived)
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return &identitypb.Key{User: "again"}, nil
		})
		began := time.Now()
		answer := make(chan error, 1)
		go func() {
			got, err := ask(t.Context(), conn)
			if err == nil && got != "again" {
				t.Errorf("got %q", got)
			}
			answer <- err
		}()
		<-arrived
		pause()
		if err := <-answer; err != nil {
			t.Errorf("a repeatable call: %v", err)
		}
		if took := time.Since(began); took < 10*time.Second || took > 17*time.Second {
			t.Errorf("noticed after %v, want about 15s", took)
		}
		if dials.Load() != 2 {
			t.Errorf("%d connections, want 2", dials.Load())
		}
	})
}

func TestBothSidesAgreeOnKeepalive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		conn, dials, _ := memory(t, answering("api"))
		if _, err := ask(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Minute) // the server ends connections after about an hour
		if dials.Load() != 1 {
			t.Errorf("%d connections in 50 idle minutes, want 1: too many pings?", dials.Load())
		}
		time.Sleep(time.Hour)
		if _, err := ask(t.Context(), conn); err != nil {
			t.Error(err)
		}
		if dials.Load() < 2 {
			t.Error("a connection lasts for ever, whatever becomes of its certificates")
		}
	})
}
