package backend

import (
	"context"
	"slices"
	"sort"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/backendpb"
)

const maxPage = 1000

// Types implements backendpb.BackendsServer.
func (s *Service) Types(context.Context, *backendpb.TypesRequest) (*backendpb.TypesResponse, error) {
	out := &backendpb.TypesResponse{}
	for _, name := range s.types.Types() {
		t := s.types[name]
		p := &backendpb.Type{Name: string(name), Description: t.Description, Capabilities: capabilities(t.Capabilities), Missing: t.Missing}
		for _, f := range slices.Concat(t.Fields, adapters.CommonFields()) {
			p.Fields = append(p.Fields, &backendpb.Field{Name: f.Name, Description: f.Description, Required: f.Required, Secret: f.Secret, Default: f.Default, Choices: f.Choices})
		}
		out.Types = append(out.Types, p)
	}
	return out, nil
}

// Get implements backendpb.BackendsServer.
func (s *Service) Get(ctx context.Context, r *backendpb.GetRequest) (*backendpb.Backend, error) {
	x, e, rec, err := s.load(ctx, r.GetIdOrName())
	if err != nil {
		return nil, err
	}
	h, err := s.healthOf(ctx, e.ID)
	if err != nil {
		return nil, err
	}
	return s.message(x, e, rec, h), nil
}

// List implements backendpb.BackendsServer.
func (s *Service) List(ctx context.Context, r *backendpb.ListRequest) (*backendpb.ListResponse, error) {
	limit := int(r.GetLimit())
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	x, _, err := s.loadIndex(ctx)
	if err != nil {
		return nil, err
	}
	visible := x.sorted()
	visible = visible[sort.Search(len(visible), func(i int) bool { return visible[i].Name > r.GetAfter() }):]
	out := &backendpb.ListResponse{More: len(visible) > limit}
	visible = visible[:min(limit, len(visible))]
	records, healths := make([]string, len(visible)), make([]string, len(visible))
	for i, e := range visible {
		records[i], healths[i] = recordKey(e.ID, e.Record), e.ID
	}
	if len(visible) == 0 {
		return out, nil
	}
	recs, err := s.records.GetMany(ctx, records)
	if err != nil {
		return nil, err
	}
	hs, err := s.health.GetMany(ctx, healths)
	if err != nil {
		return nil, err
	}
	for i, e := range visible {
		rec, h := recs[i].Value, hs[i].Value
		if recs[i].Rev == "" { // swapped or removed since the index was read
			b, err := s.Get(ctx, &backendpb.GetRequest{IdOrName: e.ID})
			if err == nil {
				out.Backends = append(out.Backends, b)
			}
			continue
		}
		out.Backends = append(out.Backends, s.message(x, e, rec, h))
	}
	return out, nil
}

// message is what the service shows of a backend.
func (s *Service) message(x index, e entry, r record, h health) *backendpb.Backend {
	b := &backendpb.Backend{
		Id: e.ID, Name: e.Name, Type: r.Type, Region: r.Region, Endpoint: r.Endpoint, BucketName: r.BucketName, Prefix: r.Prefix,
		Access: r.Access, SealedSecurity: r.Security, Options: r.Options, IsDefault: x.DefaultID == e.ID,
		State: h.state(), StateDetail: h.Detail, CreateTime: timestamppb.New(r.Created), UpdateTime: timestamppb.New(r.Updated), Rev: e.Record,
	}
	if e.Leaving != "" {
		b.State, b.StateDetail = stateDraining, "it is being removed"
	}
	if !h.Probed.IsZero() {
		b.ProbeTime = timestamppb.New(h.Probed)
	}
	b.Capabilities = capabilities(s.types[adapters.Type(r.Type)].Capabilities)
	if h.Capabilities != nil {
		b.Capabilities = capabilities(*h.Capabilities)
	}
	return b
}

// config is how to open the backend; it holds the secret in clear.
func (s *Service) config(id string, r record) (adapters.Config, error) {
	c := adapters.Config{
		Type: adapters.Type(r.Type), Region: r.Region, Endpoint: r.Endpoint, BucketName: r.BucketName, Prefix: r.Prefix,
		Access: r.Access, Options: r.Options,
	}
	if len(r.Security) > 0 {
		secret, err := s.box.Open(sealContext(id), r.Security)
		if err != nil {
			return c, err
		}
		c.Security = string(secret)
	}
	return c, nil
}

// newRecord is the inverse of config: the secret is sealed.
func (s *Service) newRecord(id string, c adapters.Config) record {
	r := record{Type: string(c.Type), Region: c.Region, Endpoint: c.Endpoint, BucketName: c.BucketName, Prefix: c.Prefix,
		Access: c.Access, Options: c.Options}
	if c.Security != "" {
		r.Security = s.box.Seal(sealContext(id), []byte(c.Security))
	}
	return r
}

func sealContext(id string) string { return "backend/" + id }

// requestContext is what secrets in requests are sealed for; see backend.proto.
const requestContext = "request/backend"

// openRequest opens the secret of a request, "" if there is none.
func (s *Service) openRequest(sealed []byte) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	secret, err := s.box.Open(requestContext, sealed)
	if err != nil {
		return "", errs.New(errs.InvalidArgument, "the secret of the request does not open: it must be sealed with the cluster's master key", err).Because("security")
	}
	return string(secret), nil
}

func capabilities(c adapters.Capabilities) *backendpb.Capabilities {
	return &backendpb.Capabilities{
		MaxObjectSize: c.MaxObjectSize, MaxPutSize: c.MaxPutSize, Multipart: c.Multipart, MinPartSize: c.MinPartSize, MaxPartSize: c.MaxPartSize,
		MaxParts: int32(c.MaxParts), MaxKeyBytes: int32(c.MaxKeyBytes), ConditionalPut: c.ConditionalPut, ConditionalDelete: c.ConditionalDelete,
		StoresChecksum: c.StoresChecksum, StorageClasses: c.StorageClasses, ServerCopy: c.ServerCopy, MaxCopySize: c.MaxCopySize,
		ExclusiveUploads: c.ExclusiveUploads, NeedsAllParts: c.NeedsAllParts, S3Classes: c.S3Classes,
	}
}
