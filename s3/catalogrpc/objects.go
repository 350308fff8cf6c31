package catalogrpc

import (
	"context"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/s3/catalog"
)

// List implements catalogpb.CatalogServer.
func (s *Server) List(ctx context.Context, r *catalogpb.ListRequest) (*catalogpb.ListResponse, error) {
	if err := checkLimit(r.GetLimit()); err != nil {
		return nil, err
	}
	b, err := s.catalog.Bucket(ctx, r.GetBucket())
	if err != nil {
		return nil, err
	}
	if r.GetVersions() {
		return s.listVersions(ctx, b, r)
	}
	page, err := s.catalog.List(ctx, catalog.Listing{Bucket: b, Prefix: r.GetPrefix(), After: r.GetAfter(), Limit: int(r.GetLimit())})
	if err != nil {
		return nil, err
	}
	answer := &catalogpb.ListResponse{Objects: make([]*catalogpb.Object, len(page.Objects)), More: page.More, NextAfter: page.Next}
	for i, o := range page.Objects {
		answer.Objects[i] = summary(b.Name, o)
	}
	return answer, nil
}

func (s *Server) listVersions(ctx context.Context, b catalog.Bucket, r *catalogpb.ListRequest) (*catalogpb.ListResponse, error) {
	after, version := catalog.CutCursor(r.GetAfter())
	page, err := s.catalog.ListVersions(ctx, catalog.VersionListing{Bucket: b, Prefix: r.GetPrefix(), After: after, AfterVersion: version, Limit: int(r.GetLimit())})
	if err != nil {
		return nil, err
	}
	answer := &catalogpb.ListResponse{More: page.More}
	for i := range page.Versions {
		o := &page.Versions[i]
		answer.NextAfter = o.Cursor()
		if o.DeleteMarker {
			continue
		}
		p := summary(b.Name, *o)
		p.Cursor = o.Cursor()
		answer.Objects = append(answer.Objects, p)
	}
	return answer, nil
}

// Get implements catalogpb.CatalogServer.
func (s *Server) Get(ctx context.Context, r *catalogpb.GetRequest) (*catalogpb.GetResponse, error) {
	if err := checkItems(len(r.GetKeys())); err != nil {
		return nil, err
	}
	b, err := s.catalog.Bucket(ctx, r.GetBucket())
	if err != nil {
		return nil, err
	}
	if n := len(r.GetVersionIds()); n != 0 && n != len(r.GetKeys()) {
		return nil, errs.Newf(errs.InvalidArgument, "%d version ids are given for %d keys", n, len(r.GetKeys()))
	}
	objects, outcomes, err := s.catalog.GetMany(ctx, b, r.GetKeys(), r.GetVersionIds())
	if err != nil {
		return nil, err
	}
	answer := &catalogpb.GetResponse{Items: make([]*catalogpb.GetResponse_Item, len(objects))}
	rows := 0
	for i, o := range objects {
		item := &catalogpb.GetResponse_Item{}
		answer.Items[i] = item
		err := outcomes[i]
		if err == nil {
			item.Object = whole(b.Name, o)
			if r.GetParts() && o.PartCount > 0 {
				rows += o.PartCount
				err = s.addParts(ctx, item.Object, o, rows)
			}
		}
		if err != nil {
			item.Object, item.Failure = nil, s.failure(ctx, err)
		}
	}
	return answer, nil
}

// addParts fills the part table in; rows counts those of the answer so far.
func (s *Server) addParts(ctx context.Context, p *catalogpb.Object, o catalog.Object, rows int) error {
	if rows > maxRows {
		return errs.Newf(errs.ResourceExhausted, "these objects have too many parts together: ask for fewer keys")
	}
	parts, err := s.catalog.Parts(ctx, o, 0, o.PartCount)
	if err == nil && len(parts) != o.PartCount {
		err = errs.Newf(errs.Unavailable, "the object was replaced meanwhile")
	}
	p.Parts = fromParts(parts)
	return err
}

// Delete implements catalogpb.CatalogServer.
func (s *Server) Delete(ctx context.Context, r *catalogpb.DeleteRequest) (*catalogpb.DeleteResponse, error) {
	if err := checkItems(len(r.GetItems())); err != nil {
		return nil, err
	}
	b, err := s.catalog.Bucket(ctx, r.GetBucket())
	if err != nil {
		return nil, err
	}
	items := make([]catalog.DeleteItem, len(r.GetItems()))
	for i, it := range r.GetItems() {
		items[i] = catalog.DeleteItem{Key: it.GetKey(), IfRev: docstore.Rev(it.GetIfRev())}
	}
	answer := &catalogpb.DeleteResponse{}
	for _, err := range s.catalog.DeleteMany(ctx, b, items) {
		answer.Failures = append(answer.Failures, s.outcome(ctx, err))
	}
	return answer, nil
}

// Adopt implements catalogpb.CatalogServer.
func (s *Server) Adopt(ctx context.Context, r *catalogpb.AdoptRequest) (*catalogpb.AdoptResponse, error) {
	if err := checkItems(len(r.GetNatives())); err != nil {
		return nil, err
	}
	b, err := s.catalog.Bucket(ctx, r.GetBucket())
	if err != nil {
		return nil, err
	}
	natives := make([]catalog.Native, len(r.GetNatives()))
	for i, n := range r.GetNatives() {
		natives[i] = catalog.Native{NativeKey: n.GetNativeKey(), Key: n.GetKey(), Size: n.GetSize(), NativeETag: n.GetNativeEtag(), Modified: toTime(n.GetModTime()),
			StorageClass: n.GetStorageClass(), Headers: toHeaders(n.GetHeaders()), Metadata: n.GetMetadata(), CRC64: n.Crc64, MD5: n.GetMd5()}
	}
	answer := &catalogpb.AdoptResponse{}
	for _, err := range s.catalog.Adopt(ctx, b, r.GetBackendId(), natives) {
		answer.Failures = append(answer.Failures, s.outcome(ctx, err))
	}
	return answer, nil
}
