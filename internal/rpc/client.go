package rpc

import (
	"context"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"
)

type requestIDContext struct{}

// WithRequestID returns a context whose calls carry the id to the services they reach.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDContext{}, id)
}

// RequestID returns the id of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDContext{}).(string)
	return id
}

// Pipe returns a listener in memory and a client connection to whatever server serves on it. Calls wait for the server to start.
// Closing the connection is the caller's; closing the listener is the server's.
func Pipe() (net.Listener, *grpc.ClientConn) {
	l := bufconn.Listen(256 << 10)
	conn, err := grpc.NewClient("passthrough:///memory",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()), // it never leaves the process
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage), grpc.WaitForReady(true)),
		grpc.WithUnaryInterceptor(clientUnary), grpc.WithStreamInterceptor(clientStream))
	if err != nil {
		panic("rpc: pipe: " + err.Error()) // only malformed options make NewClient fail
	}
	return l, conn
}

func clientUnary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, call grpc.UnaryInvoker, o ...grpc.CallOption) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultTimeout)
		defer cancel()
	}
	return decode(call(outgoing(ctx), method, req, reply, cc, o...))
}

func clientStream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
	s, err := open(outgoing(ctx), desc, cc, method, o...)
	if err != nil {
		return nil, decode(err)
	}
	return &clientStreamErrors{s}, nil
}

type clientStreamErrors struct{ grpc.ClientStream }

// RecvMsg implements grpc.ClientStream; io.EOF passes unchanged.
func (s *clientStreamErrors) RecvMsg(m any) error { return decode(s.ClientStream.RecvMsg(m)) }

// SendMsg implements grpc.ClientStream.
func (s *clientStreamErrors) SendMsg(m any) error { return decode(s.ClientStream.SendMsg(m)) }

func outgoing(ctx context.Context) context.Context {
	if id := RequestID(ctx); id != "" {
		return metadata.AppendToOutgoingContext(ctx, requestIDKey, id)
	}
	return ctx
}

// Stop ends a server: running calls get grace to finish.
func Stop(s *grpc.Server, grace time.Duration) {
	t := time.AfterFunc(grace, s.Stop)
	defer t.Stop()
	s.GracefulStop()
}
