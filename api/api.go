// Package api is the service that people and scripts talk to: REST under /v1/{tenant}/, described by /openapi.yaml, and the identity
// of callers (users and access keys), which it keeps and serves to the other services as identitypb. It is the only writer of
// the collections "users", "useraliases" and "keys".
//
// Rules:
//   - One resource per file: its JSON form, the conversions from and to protobuf, its handlers. One line per route in routes.go, and the same in
//     openapi.yaml, which a test compares.
//   - A handler reads, calls a service and writes. Whether a plan or a backend makes sense is judged by the service that owns it.
//   - Nobody gets anywhere without a known access key. No answer, error or log line holds a secret, but for the one answer that makes a key.
//   - A JSON field that is unknown is refused by name; so is one of the contract that is not built yet (501).
//
// Only cmd imports it.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/httpx"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/internal/telemetry"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
	"github.com/opensds/gelato/proto/identitypb"
)

// Peers are the services behind REST.
type Peers struct {
	Backends backendpb.BackendsClient
	Catalog  catalogpb.CatalogClient
	Dataflow dataflowpb.DataflowClient
}

// Options tunes a Service; the zero value works.
type Options struct {
	Telemetry     *telemetry.Telemetry // serves /healthz, /readyz and /metrics; default: one of its own without logs
	EventInterval time.Duration        // between two server-sent events of a job; default 1 s
}

// Service is REST and identity.
type Service struct {
	identitypb.UnimplementedIdentityServer
	peers   Peers
	box     *seal.Box
	users   docstore.Collection[user]
	aliases docstore.Collection[alias]
	keys    docstore.Collection[key]
	o       Options
	log     *slog.Logger
	routes  http.Handler
	decoy   decoy
	ending  chan struct{} // closed when Run ends: streams of events end then
}

var _ identitypb.IdentityServer = (*Service)(nil)

// New makes the service on its state.
func New(docs docstore.Store, box *seal.Box, peers Peers, o Options) (*Service, error) {
	if o.Telemetry == nil {
		o.Telemetry = &telemetry.Telemetry{Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()}
	}
	if o.EventInterval == 0 {
		o.EventInterval = time.Second
	}
	if peers.Backends == nil || peers.Catalog == nil || peers.Dataflow == nil {
		return nil, errs.Newf(errs.InvalidArgument, "api needs the backend, s3 and dataflow services as peers")
	}
	s := &Service{
		peers: peers, box: box, o: o, log: o.Telemetry.Log,
		users:   docstore.NewCollection[user](docs, userCollection),
		aliases: docstore.NewCollection[alias](docs, aliasCollection),
		keys:    docstore.NewCollection[key](docs, keyCollection),
	}
	s.ending = make(chan struct{})
	s.decoy = newDecoy(box)
	s.routes = httpx.Access("X-Request-Id", s.log, s.router())
	return s, nil
}

// Register makes server serve identity.
func (s *Service) Register(server grpc.ServiceRegistrar) {
	identitypb.RegisterIdentityServer(server, s)
}

// Run waits for ctx to end, and then ends the streams of events, which would go on for as long as their jobs do. Call it once.
func (s *Service) Run(ctx context.Context) error {
	<-ctx.Done()
	close(s.ending)
	return nil
}

// Handler serves REST.
func (s *Service) Handler() http.Handler { return s.routes }
