package rpc

import (
	"context"
	"slices"
	"strings"

	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"

	"github.com/opensds/gelato/internal/errs"
)

// Callers lists the services that call a service; its server admits nobody else. Whoever opens stores also calls backend.
func Callers(service string) []string {
	switch service {
	case "api": // identity
		return []string{"s3"}
	case "backend":
		return []string{"api", "s3", "dataflow", "scheduler", "datamover"}
	case "s3": // catalog
		return []string{"api", "backend", "dataflow", "scheduler", "datamover"}
	case "dataflow":
		return []string{"api", "backend", "scheduler", "datamover"}
	}
	return nil
}

// admission returns the check that each call to a server passes first. A cluster token, proven when the connection was made, admits to everything; a
// certificate must be of a service that may call, or the call be for health.
func admission(c Credentials, name string) func(ctx context.Context, method string) error {
	if c == (Credentials{}) {
		return func(context.Context, string) error { return nil }
	}
	callers, healthMethods := Callers(name), "/"+healthpb.Health_ServiceDesc.ServiceName+"/"
	return func(ctx context.Context, method string) error {
		p, _ := peer.FromContext(ctx)
		if p == nil {
			return errs.Newf(errs.Unauthenticated, "the caller has no certificate")
		}
		info, ok := p.AuthInfo.(peerInfo)
		switch {
		case !ok:
			return errs.Newf(errs.Unauthenticated, "the caller has no certificate")
		case c.token != nil, strings.HasPrefix(method, healthMethods):
			return nil
		case slices.ContainsFunc(info.roles, func(r string) bool { return slices.Contains(callers, r) }):
			return nil
		case len(info.roles) == 0:
			return errs.Newf(errs.PermissionDenied, "the caller's certificate has no DNS name %sSERVICE; %s admits %s", RolePrefix, name, orNobody(callers))
		}
		return errs.Newf(errs.PermissionDenied, "the service %s may not call %s, which admits %s", strings.Join(info.roles, "+"), name, orNobody(callers))
	}
}

func orNobody(callers []string) string {
	if len(callers) == 0 {
		return "nobody"
	}
	return strings.Join(callers, ", ")
}
