package rpc

import (
	"context"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"github.com/opensds/gelato/internal/errs"
)

const tokenKey = "gelato-cluster-token"

// token implements credentials.PerRPCCredentials: every call carries the secret.
type token struct{ secret string }

var _ credentials.PerRPCCredentials = (*token)(nil)

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (t *token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{tokenKey: t.secret}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials: connections are loopback, which Dial and the transport both see to.
func (t *token) RequireTransportSecurity() bool { return false }

// String keeps the secret out of logs.
func (t *token) String() string { return "cluster token" }

// admit compares the call's token in constant time.
func (t *token) admit(ctx context.Context) error {
	md, _ := metadata.FromIncomingContext(ctx)
	switch got := md.Get(tokenKey); {
	case len(got) == 0:
		return errs.Newf(errs.Unauthenticated, "the call carries no cluster token")
	case len(got) > 1 || !same(got[0], t.secret):
		return errs.Newf(errs.Unauthenticated, "the call's cluster token is not this cluster's")
	}
	return nil
}
