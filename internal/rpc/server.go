// Package rpc is how services serve and reach one another: gRPC with typed errors, deadlines, request ids and health, over the network or
// over a listener in memory.
//
// A handler returns *errs.Error; the caller gets an *errs.Error with the same code, reason and public message. The cause stays
// with the server, which logs it once under the request id that both sides share. Any service and cmd may import it.
package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"

	"github.com/opensds/gelato/internal/errs"
)

const (
	requestIDKey   = "gelato-request-id"
	maxMessage     = 16 << 20
	defaultTimeout = 60 * time.Second
)

// ServerOptions tunes NewServer; the zero value works.
type ServerOptions struct {
	Logger  *slog.Logger
	Timeout time.Duration // of unary calls that come without a deadline; default 60 s
	GRPC    []grpc.ServerOption
}

// NewServer makes a gRPC server that already serves the standard health service.
func NewServer(o ServerOptions) *grpc.Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	options := append([]grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.UnaryInterceptor(unary(o)), grpc.StreamInterceptor(stream(o)),
	}, o.GRPC...)
	s := grpc.NewServer(options...)
	healthpb.RegisterHealthServer(s, health.NewServer())
	return s
}

func unary(o ServerOptions) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (answer any, err error) {
		ctx = incoming(ctx)
		if _, ok := ctx.Deadline(); !ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, o.Timeout)
			defer cancel()
		}
		defer func() { err = finish(ctx, o.Logger, info.FullMethod, recover(), err) }()
		return handle(ctx, req)
	}
}

func stream(o ServerOptions) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
		ctx := incoming(ss.Context())
		defer func() { err = finish(ctx, o.Logger, info.FullMethod, recover(), err) }()
		return handle(srv, &serverStream{ss, ctx})
	}
}

type serverStream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context implements grpc.ServerStream.
func (s *serverStream) Context() context.Context { return s.ctx }

// finish logs what the caller will not see and encodes the rest.
func finish(ctx context.Context, log *slog.Logger, method string, panicked any, err error) error {
	if panicked != nil {
		err = errs.New(errs.Internal, "internal error", fmt.Errorf("panic: %v\n%s", panicked, debug.Stack()))
	}
	if err == nil {
		return nil
	}
	switch errs.CodeOf(err) {
	case errs.Internal, errs.Unknown, errs.DataLoss:
		log.ErrorContext(ctx, "rpc failed", "method", method, "request", RequestID(ctx), "err", err)
	default:
		log.DebugContext(ctx, "rpc refused", "method", method, "request", RequestID(ctx), "err", err)
	}
	return encode(err)
}

func incoming(ctx context.Context) context.Context {
	md, _ := metadata.FromIncomingContext(ctx)
	if ids := md.Get(requestIDKey); len(ids) > 0 && len(ids[0]) <= 64 {
		return WithRequestID(ctx, ids[0])
	}
	return ctx
}
