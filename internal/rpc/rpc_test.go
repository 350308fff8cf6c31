package rpc

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/identitypb"
)

type identity struct {
	identitypb.UnimplementedIdentityServer
	get func(context.Context) (*identitypb.Key, error)
}

func (i identity) GetKey(ctx context.Context, _ *identitypb.GetKeyRequest) (*identitypb.Key, error) {
	return i.get(ctx)
}

func serve(t *testing.T, get func(context.Context) (*identitypb.Key, error)) *grpc.ClientConn {
	t.Helper()
	l, conn := Pipe()
	s := NewServer(ServerOptions{})
	identitypb.RegisterIdentityServer(s, identity{get: get})
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		conn.Close()
		Stop(s, time.Second)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return conn
}

func TestErrorsKeepTheirPublicHalfOnly(t *testing.T) {
	t.Parallel()
	cause := errors.New("password hunter2")
	for _, c := range []struct {
		name string
		err  error
		code errs.Code
		text string
	}{
		{"typed", errs.New(errs.NotFound, "no such key", cause).Because("NoSuchKey"), errs.NotFound, "no such key"},
		{"foreign", cause, errs.Internal, "internal error"},
		{"panic", nil, errs.Internal, "internal error"},
		{"context", context.DeadlineExceeded, errs.DeadlineExceeded, "the time limit passed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn := serve(t, func(context.Context) (*identitypb.Key, error) {
				if c.err == nil {
					panic("hunter2")
				}
				return nil, c.err
			})
			_, err := identitypb.NewIdentityClient(conn).GetKey(t.Context(), &identitypb.GetKeyRequest{})
			if got := errs.CodeOf(err); got != c.code {
				t.Errorf("code %v, want %v (%v)", got, c.code, err)
			}
			if got := errs.Public(err); got != c.text {
				t.Errorf("message %q, want %q", got, c.text)
			}
			if got, want := errs.ReasonOf(err), errs.ReasonOf(c.err); got != want {
				t.Errorf("reason %q, want %q", got, want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the cause crossed the wire: %v", err)
			}
		})
	}
}

func TestRequestIDAndDeadlineArrive(t *testing.T) {
	t.Parallel()
	conn := serve(t, func(ctx context.Context) (*identitypb.Key, error) {
		if _, ok := ctx.Deadline(); !ok {
			return nil, errs.Newf(errs.Internal, "no deadline")
		}
		return &identitypb.Key{User: RequestID(ctx)}, nil
	})
	k, err := identitypb.NewIdentityClient(conn).GetKey(WithRequestID(t.Context(), "r-1"), &identitypb.GetKeyRequest{})
	if err != nil || k.User != "r-1" {
		t.Fatalf("got %v, %v; want request id r-1", k, err)
	}
	h, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil || h.Status != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("health: %v, %v", h, err)
	}
}
