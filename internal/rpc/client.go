package rpc

import (
	"context"
	"errors"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/opensds/gelato/internal/errs"
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

// pipeNetwork is what bufconn calls its network.
const pipeNetwork = "bufconn"

// Pipe returns a listener in memory and a client connection to whatever server serves on it. Calls wait for the server to start.
// Closing the connection is the caller's; closing the listener is the server's.
func Pipe() (net.Listener, *grpc.ClientConn) {
	l := bufconn.Listen(256 << 10)
	conn, err := grpc.NewClient("passthrough:///memory", append(callOptions("memory", defaultTimeout),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))...) // it never leaves the process
	if err != nil {
		panic("rpc: pipe: " + err.Error()) // only malformed options make NewClient fail
	}
	return l, conn
}

// callOptions are what all clients have in common.
func callOptions(service string, wait time.Duration) []grpc.DialOption {
	c := caller{service, wait}
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage), grpc.WaitForReady(true)),
		grpc.WithUnaryInterceptor(c.unary), grpc.WithStreamInterceptor(c.stream),
	}
}

// caller holds a client's interceptors.
type caller struct {
	service string
	wait    time.Duration
}

func (c caller) unary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, call grpc.UnaryInvoker, o ...grpc.CallOption) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, defaultTimeout)
		defer cancel()
	}
	if deadline, _ := ctx.Deadline(); time.Until(deadline) > c.wait && !c.ready(ctx, cc) {
		o = append(o, grpc.WaitForReady(false)) // it fails at once, and says why
	}
	var to peer.Peer
	err := call(outgoing(ctx), method, req, reply, cc, append(o, grpc.Peer(&to))...)
	if code := status.Code(err); to.Addr == nil && (code == codes.DeadlineExceeded || code == codes.Unavailable) {
		return c.unreachable(err)
	}
	return decode(err)
}

// ready waits until an address serves.
func (c caller) ready(ctx context.Context, cc *grpc.ClientConn) bool {
	state := cc.GetState()
	if state == connectivity.Ready {
		return true
	}
	cc.Connect()
	ctx, cancel := context.WithTimeout(ctx, c.wait)
	defer cancel()
	for ; state != connectivity.Ready; state = cc.GetState() {
		if state == connectivity.Shutdown || !cc.WaitForStateChange(ctx, state) {
			return false
		}
	}
	return true
}

// unreachable is the error of a call that found no serving address in its time: it was never sent.
func (c caller) unreachable(err error) error {
	return errs.New(errs.Unavailable, "the service "+c.service+" is not available", err)
}

var errNotOpened = errors.New("no address served in time")

// stream bounds the time that a stream waits for a serving address, not the time it lasts.
func (c caller) stream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx, cancel := context.WithCancelCause(outgoing(ctx))
	limit := time.AfterFunc(c.wait, func() { cancel(errNotOpened) })
	s, err := open(ctx, desc, cc, method, o...)
	if !limit.Stop() && context.Cause(ctx) == errNotOpened {
		return nil, c.unreachable(err)
	}
	if err != nil {
		cancel(nil)
		if status.Code(err) == codes.DeadlineExceeded {
			return nil, c.unreachable(err)
		}
		return nil, decode(err)
	}
	return &clientStream{s, cancel}, nil
}

// clientStream decodes errors and lets go of the stream's context with the first one.
type clientStream struct {
	grpc.ClientStream
	cancel context.CancelCauseFunc
}

// RecvMsg implements grpc.ClientStream; io.EOF passes unchanged.
func (s *clientStream) RecvMsg(m any) error {
	err := decode(s.ClientStream.RecvMsg(m))
	if err != nil {
		s.cancel(nil)
	}
	return err
}

// SendMsg implements grpc.ClientStream.
func (s *clientStream) SendMsg(m any) error { return decode(s.ClientStream.SendMsg(m)) }

func outgoing(ctx context.Context) context.Context {
	if id := RequestID(ctx); id != "" {
		return metadata.AppendToOutgoingContext(ctx, requestIDKey, id)
	}
	return ctx
}
