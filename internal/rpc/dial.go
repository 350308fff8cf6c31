package rpc

import (
	"log/slog"
	"net"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	_ "google.golang.org/grpc/health" // client-side health checks
	"google.golang.org/grpc/keepalive"

	"github.com/opensds/gelato/internal/errs"
)

// DialOptions tunes Dial; the zero value works.
type DialOptions struct {
	Logger *slog.Logger
	Wait   time.Duration // how long a call may wait for an address that serves; default 20 s
	GRPC   []grpc.DialOption
}

// Dial makes a client of a service that serves at some addresses, each HOST:PORT; a name stands for every address it resolves to. It does not connect: calls
// do, and wait until an address serves, up to Wait or to their deadline (60 s for those that come without one). Those that were never sent fail with
// Unavailable. Calls go round robin to the addresses that are SERVING. Closing the connection is the caller's.
func Dial(service string, addrs []string, c Credentials, o DialOptions) (*grpc.ClientConn, error) {
	if service == "" || len(addrs) == 0 {
		return nil, errs.Newf(errs.InvalidArgument, "no address of the service %q is given", service)
	}
	for _, addr := range addrs {
		if err := c.check("dial", addr); err != nil {
			return nil, err
		}
		_, port, _ := net.SplitHostPort(addr)
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, errs.Newf(errs.InvalidArgument, "cannot dial %q: the port is not 1 to 65535", addr)
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Wait == 0 {
		o.Wait = 20 * time.Second
	}
	options := []grpc.DialOption{
		grpc.WithResolvers(&addresses{list: addrs, lookup: net.DefaultResolver.LookupHost}),
		grpc.WithNoProxy(), // services are neighbours
		grpc.WithDefaultServiceConfig(serviceConfig(service)),
		grpc.WithTransportCredentials(c.client(service, o.Logger)),
		// A peer that vanished without a word is noticed within 15 s, one that comes back is found within about a second.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second, PermitWithoutStream: true}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithIdleTimeout(0), // a health stream is open all the time
	}
	options = append(append(options, callOptions(service, o.Wait)...), o.GRPC...)
	conn, err := grpc.NewClient(scheme+":///"+service, options...)
	if err != nil {
		return nil, errs.New(errs.Internal, "the client of "+service+" cannot be made", err)
	}
	return conn, nil
}
