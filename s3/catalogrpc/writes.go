package catalogrpc

import (
	"context"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/s3/catalog"
)

// Begin implements catalogpb.CatalogServer.
func (s *Server) Begin(ctx context.Context, r *catalogpb.BeginRequest) (*catalogpb.BeginResponse, error) {
	if err := checkItems(len(r.GetIntents())); err != nil {
		return nil, err
	}
	answer := &catalogpb.BeginResponse{Grants: make([]*catalogpb.Grant, len(r.GetIntents()))}
	var intents []catalog.Intent
	var at []int
	buckets := map[string]catalog.Bucket{}
	for i, in := range r.GetIntents() {
		b, ok := buckets[in.GetBucket()]
		if !ok {
			var err error
			if b, err = s.catalog.Bucket(ctx, in.GetBucket()); err != nil {
				answer.Grants[i] = &catalogpb.Grant{Failure: s.failure(ctx, err)}
				continue
			}
			buckets[b.Name] = b
		}
		if in.GetBackendId() == "" && !in.GetEncrypted() && s.encrypts(b) {
			answer.Grants[i] = &catalogpb.Grant{Failure: s.failure(ctx, errs.Newf(errs.Unimplemented,
				"the bucket encrypts what is put into it, which jobs cannot do: delete its encryption configuration for the time of the job, or copy through S3").Because("BucketEncrypts"))}
			continue
		}
		intents = append(intents, catalog.Intent{Bucket: b, Key: in.GetKey(), BackendID: in.GetBackendId(), Size: in.GetSize(), Multipart: in.GetMultipart()})
		at = append(at, i)
	}
	for i, g := range s.catalog.BeginMany(ctx, intents) {
		if g.Err != nil {
			answer.Grants[at[i]] = &catalogpb.Grant{Failure: s.failure(ctx, g.Err)}
			continue
		}
		answer.Grants[at[i]] = &catalogpb.Grant{WriteId: g.WriteID, Location: fromLocation(g.Location), TtlMillis: g.TTL.Milliseconds()}
	}
	return answer, nil
}

// Renew implements catalogpb.CatalogServer.
func (s *Server) Renew(ctx context.Context, r *catalogpb.RenewRequest) (*catalogpb.RenewResponse, error) {
	if err := checkItems(len(r.GetWriteIds())); err != nil {
		return nil, err
	}
	ttl, outcomes := s.catalog.RenewMany(ctx, r.GetWriteIds())
	answer := &catalogpb.RenewResponse{TtlMillis: ttl.Milliseconds()}
	for _, err := range outcomes {
		answer.Failures = append(answer.Failures, s.outcome(ctx, err))
	}
	return answer, nil
}

// Commit implements catalogpb.CatalogServer.
func (s *Server) Commit(ctx context.Context, r *catalogpb.CommitRequest) (*catalogpb.CommitResponse, error) {
	if err := checkItems(len(r.GetItems())); err != nil {
		return nil, err
	}
	items := make([]catalog.CommitItem, len(r.GetItems()))
	for i, it := range r.GetItems() {
		items[i] = catalog.CommitItem{WriteID: it.GetWriteId(), Location: toLocation(it.GetLocation())}
		if p := it.GetPut(); p != nil {
			items[i].Put = &catalog.Put{Object: toObject(p.GetObject()), Parts: toParts(p.GetParts()),
				Condition: catalog.Condition{IfAbsent: p.GetIfAbsent(), IfRev: docstore.Rev(p.GetIfRev())}}
		}
		if m := it.GetRelocate(); m != nil {
			items[i].Relocate = &catalog.Relocate{Version: docstore.Rev(m.GetVersion()),
				From:  catalog.Location{BackendID: m.GetFromBackendId(), NativeKey: m.GetFromNativeKey(), NativeETag: m.GetFromNativeEtag()},
				CRC64: m.GetCrc64(), StorageClass: m.GetStorageClass(), ReleaseSource: m.GetReleaseSource()}
		}
	}
	answer := &catalogpb.CommitResponse{Results: make([]*catalogpb.CommitResponse_Result, len(items))}
	for i, res := range s.catalog.CommitMany(ctx, items) {
		answer.Results[i] = &catalogpb.CommitResponse_Result{Rev: string(res.Rev), Failure: s.failure(ctx, res.Err)}
	}
	return answer, nil
}

// Abandon implements catalogpb.CatalogServer.
func (s *Server) Abandon(ctx context.Context, r *catalogpb.AbandonRequest) (*catalogpb.AbandonResponse, error) {
	if err := checkItems(len(r.GetWriteIds())); err != nil {
		return nil, err
	}
	s.catalog.AbandonMany(ctx, r.GetWriteIds())
	return &catalogpb.AbandonResponse{}, nil
}
