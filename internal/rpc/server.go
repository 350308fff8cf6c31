// Package rpc is how services serve and reach one another: gRPC with typed errors, deadlines, request ids and health, over the network or
// over a listener in memory.
//
// A handler returns *errs.Error; the caller gets an *errs.Error with the same code, reason and public message. The cause stays
// with the server, which logs it once under the request id that both sides share. Any service and cmd may import it.
//
// Over the network both sides hold Credentials: mutual TLS with certificates, where a server admits only the services that call it, or with a
// cluster token, on loopback. Dial reaches a service at any number of addresses and prefers those whose health says SERVING; calls wait for one, as
// long as their deadline allows, so services start in any order. Which calls are repeated is written down at repeatable.
package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/opensds/gelato/internal/errs"
)

const (
	requestIDKey   = "gelato-request-id"
	maxMessage     = 16 << 20
	defaultTimeout = 60 * time.Second
)

// ServerOptions tunes NewServer; the zero value works, for a Pipe.
type ServerOptions struct {
	Name        string // of the service: whose callers are admitted, and what health is asked for
	Credentials Credentials
	Logger      *slog.Logger
	Timeout     time.Duration // of unary calls that come without a deadline; default 60 s
	GRPC        []grpc.ServerOption
}

// Server is a gRPC server with the standard health service, which says SERVING for the service's name and for "" until told otherwise.
type Server struct {
	*grpc.Server
	name        string
	credentials Credentials
	health      *health.Server

	mu               sync.Mutex
	serving, leading bool
}

// NewServer makes a server. Services are registered on it before Serve.
func NewServer(o ServerOptions) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	admit := admission(o.Credentials, o.Name)
	options := append([]grpc.ServerOption{
		grpc.Creds(o.Credentials.server(o.Logger)),
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		// The client's pings come at least 10 s apart, with or without calls.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		// An hourly reconnect spreads callers over servers that came later and looks at their certificates again.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 20 * time.Second, Timeout: 10 * time.Second, MaxConnectionAge: time.Hour}),
		grpc.ConnectionTimeout(10 * time.Second), grpc.MaxConcurrentStreams(1000), grpc.MaxHeaderListSize(64 << 10),
		grpc.UnaryInterceptor(unary(o, admit)), grpc.StreamInterceptor(stream(o, admit)),
	}, o.GRPC...)
	s := &Server{Server: grpc.NewServer(options...), name: o.Name, credentials: o.Credentials, health: health.NewServer(), leading: true}
	healthpb.RegisterHealthServer(s.Server, s.health)
	s.SetServing(true)
	return s
}

// SetServing says whether callers should come here: they go elsewhere, or wait, while it is false. It makes no difference once Stop was called.
func (s *Server) SetServing(serving bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serving = serving
	s.tell()
}

// SetLeading says whether this process leads, of several that are well and of which one serves. Callers see the leader only, while "" says
// SERVING for the others too. Until it is called the process leads.
func (s *Server) SetLeading(leading bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leading = leading
	s.tell()
}

func (s *Server) tell() {
	status := func(serving bool) healthpb.HealthCheckResponse_ServingStatus {
		if serving {
			return healthpb.HealthCheckResponse_SERVING
		}
		return healthpb.HealthCheckResponse_NOT_SERVING
	}
	s.health.SetServingStatus("", status(s.serving))
	if s.name != "" {
		s.health.SetServingStatus(s.name, status(s.serving && s.leading))
	}
}

// Serve accepts connections until Stop. Without credentials it serves a Pipe only.
func (s *Server) Serve(l net.Listener) error {
	if s.credentials == (Credentials{}) && l.Addr().Network() != pipeNetwork {
		return errNetwork
	}
	return s.Server.Serve(l)
}

// Stop ends a server: health says NOT_SERVING, then running calls get grace to finish.
func Stop(s *Server, grace time.Duration) {
	s.health.Shutdown()
	t := time.AfterFunc(grace, s.Server.Stop)
	defer t.Stop()
	s.GracefulStop()
}

func unary(o ServerOptions, admit func(context.Context, string) error) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (answer any, err error) {
		ctx = incoming(ctx)
		if err := admit(ctx, info.FullMethod); err != nil {
			return nil, refuse(ctx, o.Logger, info.FullMethod, err)
		}
		if _, ok := ctx.Deadline(); !ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, o.Timeout)
			defer cancel()
		}
		defer func() { err = finish(ctx, o.Logger, info.FullMethod, recover(), err) }()
		return handle(ctx, req)
	}
}

func stream(o ServerOptions, admit func(context.Context, string) error) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
		ctx := incoming(ss.Context())
		if err := admit(ctx, info.FullMethod); err != nil {
			return refuse(ctx, o.Logger, info.FullMethod, err)
		}
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

// refuse logs a caller that was not admitted.
func refuse(ctx context.Context, log *slog.Logger, method string, err error) error {
	var from string
	if p, ok := peer.FromContext(ctx); ok {
		from = p.Addr.String()
	}
	log.WarnContext(ctx, "rpc not admitted", "method", method, "request", RequestID(ctx), "peer", from, "err", err)
	return encode(err)
}

// finish logs what the caller will not see and encodes the rest.
func finish(ctx context.Context, log *slog.Logger, method string, panicked any, err error) error {
	if panicked != nil {
		err = errs.New(errs.Internal, "internal error", fmt.Errorf("panic: %v\n%s", panicked, debug.Stack()))
	}
	if err == nil {
		return nil
	}
	switch code := errs.CodeOf(err); {
	case status.Code(err) == codes.Canceled: // gRPC's own: so ends a stream of health whose caller goes
		log.DebugContext(ctx, "rpc cancelled", "method", method, "request", RequestID(ctx), "err", err)
	case code == errs.Internal, code == errs.Unknown, code == errs.DataLoss:
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
