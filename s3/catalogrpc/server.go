// Package catalogrpc serves proto/catalogpb on top of s3/catalog, for the services that move data and manage buckets.
//
// Batches hold at most 1,000 items. Each item has its own outcome: a Failure with the code, reason and public message of its
// error, whose cause is logged here. Only s3 and cmd import it.
package catalogrpc

import (
	"context"
	"log/slog"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/s3/catalog"
)

const (
	maxItems = 1000
	maxRows  = 100_000 // of part tables in one answer
)

// Options of New; the zero value works.
type Options struct {
	Log      *slog.Logger // nil: silent
	Encrypts bool         // buckets without an encryption configuration of their own encrypt too
}

// Server implements catalogpb.CatalogServer.
type Server struct {
	catalogpb.UnimplementedCatalogServer
	catalog *catalog.Catalog
	log     *slog.Logger
	all     bool // Options.Encrypts
}

var _ catalogpb.CatalogServer = (*Server)(nil)

// New makes a Server.
func New(c *catalog.Catalog, o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{catalog: c, log: o.Log, all: o.Encrypts}
}

// Register adds the service to a gRPC server.
func (s *Server) Register(g grpc.ServiceRegistrar) { catalogpb.RegisterCatalogServer(g, s) }

// failure renders an item's error. Those of ours that nobody expects are logged, as no edge will see them.
func (s *Server) failure(ctx context.Context, err error) *catalogpb.Failure {
	if err == nil {
		return nil
	}
	code := errs.CodeOf(err)
	switch code {
	case errs.Unknown, errs.Internal, errs.DataLoss:
		s.log.WarnContext(ctx, "an item of a batch failed", "request_id", rpc.RequestID(ctx), "err", err)
	case errs.Unavailable, errs.DeadlineExceeded: // the state is away, as the loops say once
		s.log.DebugContext(ctx, "an item of a batch failed", "request_id", rpc.RequestID(ctx), "err", err)
	}
	if code == errs.Unknown {
		code = errs.Internal
	}
	return &catalogpb.Failure{Code: code.String(), Reason: errs.ReasonOf(err), Message: errs.Public(err)}
}

// outcome is failure for lists in which every item has its place: an empty code is success.
func (s *Server) outcome(ctx context.Context, err error) *catalogpb.Failure {
	if err == nil {
		return &catalogpb.Failure{}
	}
	return s.failure(ctx, err)
}

func checkItems(n int) error {
	if n > maxItems {
		return errs.Newf(errs.InvalidArgument, "a batch has %d items, more than %d", n, maxItems)
	}
	return nil
}

func checkLimit(limit int32) error {
	if limit < 1 || limit > maxItems {
		return errs.Newf(errs.InvalidArgument, "a limit is 1 to %d", maxItems)
	}
	return nil
}

// GetBucket implements catalogpb.CatalogServer.
func (s *Server) GetBucket(ctx context.Context, r *catalogpb.GetBucketRequest) (*catalogpb.Bucket, error) {
	b, err := s.catalog.Bucket(ctx, r.GetName())
	if err != nil {
		return nil, err
	}
	list, err := s.buckets(ctx, []catalog.Bucket{b})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// ListBuckets implements catalogpb.CatalogServer.
func (s *Server) ListBuckets(ctx context.Context, r *catalogpb.ListBucketsRequest) (*catalogpb.ListBucketsResponse, error) {
	if err := checkLimit(r.GetLimit()); err != nil {
		return nil, err
	}
	found, more, err := s.catalog.Buckets(ctx, "", r.GetAfter(), int(r.GetLimit()))
	if err != nil {
		return nil, err
	}
	list, err := s.buckets(ctx, found)
	return &catalogpb.ListBucketsResponse{Buckets: list, More: more}, err
}

// SetPlacement implements catalogpb.CatalogServer.
func (s *Server) SetPlacement(ctx context.Context, r *catalogpb.SetPlacementRequest) (*catalogpb.Bucket, error) {
	if r.GetBackendId() == "" {
		return nil, errs.Newf(errs.InvalidArgument, "a bucket is placed on a backend")
	}
	b, err := s.catalog.SetPlacement(ctx, r.GetBucket(), r.GetBackendId())
	if err != nil {
		return nil, err
	}
	list, err := s.buckets(ctx, []catalog.Bucket{b})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// BackendInUse implements catalogpb.CatalogServer.
func (s *Server) BackendInUse(ctx context.Context, r *catalogpb.BackendInUseRequest) (*catalogpb.BackendInUseResponse, error) {
	inUse, why, err := s.catalog.BackendInUse(ctx, r.GetBackendId())
	if err != nil {
		return nil, err
	}
	return &catalogpb.BackendInUseResponse{InUse: inUse, Why: why}, nil
}

// buckets renders buckets with what they hold.
func (s *Server) buckets(ctx context.Context, found []catalog.Bucket) ([]*catalogpb.Bucket, error) {
	if len(found) == 0 {
		return nil, nil
	}
	ids := make([]string, len(found))
	for i, b := range found {
		ids[i] = b.ID
	}
	usage, asOf, err := s.catalog.Usage(ctx, ids)
	if err != nil {
		return nil, err
	}
	list := make([]*catalogpb.Bucket, len(found))
	for i, b := range found {
		list[i] = &catalogpb.Bucket{Name: b.Name, Id: b.ID, Owner: b.Owner, CreateTime: timestamppb.New(b.Created), BackendId: b.BackendID, Rev: string(b.Rev)}
		for _, u := range usage[i] {
			list[i].Usage = append(list[i].Usage, &catalogpb.Usage{BackendId: u.BackendID, Objects: u.Objects, Bytes: u.Bytes})
		}
		if !asOf.IsZero() {
			list[i].UsageAsOf = timestamppb.New(asOf)
		}
	}
	return list, nil
}

// encrypts says whether what is put into a bucket is encrypted.
func (s *Server) encrypts(b catalog.Bucket) bool {
	_, own := b.Settings[catalog.EncryptionSetting]
	return own || s.all
}
