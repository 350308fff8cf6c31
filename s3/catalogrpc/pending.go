package catalogrpc

import (
	"context"

	"github.com/opensds/gelato/proto/catalogpb"
)

// PendingWrites implements catalogpb.CatalogServer.
func (s *Server) PendingWrites(ctx context.Context, r *catalogpb.PendingWritesRequest) (*catalogpb.PendingWritesResponse, error) {
	b, err := s.catalog.Bucket(ctx, r.GetBucket())
	if err != nil {
		return nil, err
	}
	writes, uploads, err := s.catalog.PendingWrites(ctx, b, r.GetBackendId())
	if err != nil {
		return nil, err
	}
	return &catalogpb.PendingWritesResponse{Count: writes, Uploads: uploads}, nil
}
