package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// bucketJSON is a bucket of REST. Buckets are made and removed through S3.
type bucketJSON struct {
	Name       string            `json:"name"`
	ID         string            `json:"id"`
	Owner      string            `json:"owner"`
	CreateTime *time.Time        `json:"createTime,omitempty"`
	Placement  placementJSON     `json:"placement"`
	Usage      []bucketUsageJSON `json:"usage"`
	UsageAsOf  *time.Time        `json:"usageAsOf,omitempty"`
}

// placementJSON says where new objects of a bucket go.
type placementJSON struct {
	Default  string  `json:"default"` // a backend's name; its id is understood too
	Rules    unbuilt `json:"rules,omitzero"`
	Copies   unbuilt `json:"copies,omitzero"`
	Write    unbuilt `json:"write,omitzero"`
	Backends unbuilt `json:"backends,omitzero"`
}

// bucketUsageJSON is what a bucket has on one backend.
type bucketUsageJSON struct {
	Backend string `json:"backend"` // a name
	Objects int64  `json:"objects"`
	Bytes   int64  `json:"bytes"`
}

// importJSON names the native objects that a bucket adopts.
type importJSON struct {
	Backend string `json:"backend"`
	Prefix  string `json:"prefix"`
}

// names finds the names of backends by their ids, each asked for once. One that is gone keeps its id.
type names struct {
	s     *Service
	known map[string]string
}

func (n names) of(ctx context.Context, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	if name, ok := n.known[id]; ok {
		return name, nil
	}
	b, err := n.s.peers.Backends.Get(ctx, &backendpb.GetRequest{IdOrName: id})
	switch {
	case errs.Is(err, errs.NotFound):
		n.known[id] = id
	case err != nil:
		return "", fmt.Errorf("name backend: %w", err)
	default:
		n.known[id] = b.GetName()
	}
	return n.known[id], nil
}

func bucketOf(ctx context.Context, b *catalogpb.Bucket, n names) (bucketJSON, error) {
	out := bucketJSON{Name: b.GetName(), ID: b.GetId(), Owner: b.GetOwner(), CreateTime: stamp(b.GetCreateTime()), UsageAsOf: stamp(b.GetUsageAsOf()),
		Usage: []bucketUsageJSON{}}
	var err error
	if out.Placement.Default, err = n.of(ctx, b.GetBackendId()); err != nil {
		return out, err
	}
	for _, u := range b.GetUsage() {
		name, err := n.of(ctx, u.GetBackendId())
		if err != nil {
			return out, err
		}
		out.Usage = append(out.Usage, bucketUsageJSON{name, u.GetObjects(), u.GetBytes()})
	}
	return out, nil
}

func (s *Service) listBuckets(w http.ResponseWriter, r *http.Request) error {
	after, limit, err := pageOf(r)
	if err != nil {
		return err
	}
	page, err := s.peers.Catalog.ListBuckets(r.Context(), &catalogpb.ListBucketsRequest{After: after, Limit: int32(limit)})
	if err != nil {
		return err
	}
	var items []bucketJSON
	n := names{s, map[string]string{}}
	for _, b := range page.GetBuckets() {
		out, err := bucketOf(r.Context(), b, n)
		if err != nil {
			return err
		}
		items = append(items, out)
	}
	return writePage(w, items, page.GetMore(), func(b bucketJSON) string { return b.Name })
}

func (s *Service) getBucket(w http.ResponseWriter, r *http.Request) error {
	b, err := s.peers.Catalog.GetBucket(r.Context(), &catalogpb.GetBucketRequest{Name: param(r, "id")})
	if err != nil {
		return bucketError(r, err)
	}
	return s.writeBucket(w, r, b)
}

func (s *Service) writeBucket(w http.ResponseWriter, r *http.Request, b *catalogpb.Bucket) error {
	out, err := bucketOf(r.Context(), b, names{s, map[string]string{}})
	if err != nil {
		return err
	}
	return ok(w, out)
}

// placeBucket answers the bucket with its new placement.
func (s *Service) placeBucket(w http.ResponseWriter, r *http.Request) error {
	var in placementJSON
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	to, err := s.writableBackend(r.Context(), in.Default, "default")
	if err != nil {
		return err
	}
	was, err := s.peers.Catalog.GetBucket(r.Context(), &catalogpb.GetBucketRequest{Name: param(r, "id")})
	if err != nil {
		return bucketError(r, err)
	}
	b, err := s.peers.Catalog.SetPlacement(r.Context(), &catalogpb.SetPlacementRequest{Bucket: param(r, "id"), BackendId: to.GetId()})
	if err != nil {
		return bucketError(r, err)
	}
	// The backend may have been removed since it was looked up: whoever removes it looks for buckets, whoever places one looks at it again.
	if _, gone := s.writableBackend(r.Context(), to.GetId(), "default"); gone != nil {
		_, err := s.peers.Catalog.SetPlacement(r.Context(), &catalogpb.SetPlacementRequest{Bucket: param(r, "id"), BackendId: was.GetBackendId()})
		return errors.Join(gone, err)
	}
	return s.writeBucket(w, r, b)
}

// importBucket starts a job that adopts native objects without copying them.
func (s *Service) importBucket(w http.ResponseWriter, r *http.Request) error {
	var in importJSON
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	from, err := s.knownBackend(r.Context(), in.Backend, "backend")
	if err != nil {
		return err
	}
	b, err := s.peers.Catalog.GetBucket(r.Context(), &catalogpb.GetBucketRequest{Name: param(r, "id")})
	if err != nil {
		return bucketError(r, err)
	}
	job, err := s.peers.Dataflow.RunAdHoc(r.Context(), &dataflowpb.Plan{
		Name: "import " + b.GetName(), Mode: modeImport, Source: &dataflowpb.Endpoint{Backend: from.GetName(), Prefix: in.Prefix},
		Destination: &dataflowpb.Endpoint{Bucket: b.GetName()},
	})
	if err != nil {
		return err
	}
	return accepted(w, job.GetId())
}

// bucketError names the bucket that there is not: the catalog speaks as S3 does, which never does.
func bucketError(r *http.Request, err error) error {
	if errs.ReasonOf(err) == "NoSuchBucket" {
		return errs.Newf(errs.NotFound, "there is no bucket %q", strings.ToValidUTF8(param(r, "id"), "?")).Because("NoSuchBucket")
	}
	return err
}

// knownBackend finds a backend that a field of the body names; an unknown one is the body's fault.
func (s *Service) knownBackend(ctx context.Context, idOrName, field string) (*backendpb.Backend, error) {
	if idOrName == "" {
		return nil, errs.Newf(errs.InvalidArgument, "%s is required", field).Because(field)
	}
	b, err := s.peers.Backends.Get(ctx, &backendpb.GetRequest{IdOrName: idOrName})
	if errs.Is(err, errs.NotFound) {
		return nil, errs.Newf(errs.InvalidArgument, "%s: there is no backend %q", field, idOrName).Because(field)
	}
	return b, err
}

// writableBackend is knownBackend for one that takes new objects.
func (s *Service) writableBackend(ctx context.Context, idOrName, field string) (*backendpb.Backend, error) {
	b, err := s.knownBackend(ctx, idOrName, field)
	if err == nil && b.GetOptions()["readOnly"] == "true" {
		return nil, errs.Newf(errs.InvalidArgument, "%s: backend %q is read-only", field, b.GetName()).Because(field)
	}
	if err == nil && (b.GetState() == "draining" || b.GetState() == "drained") {
		return nil, errs.Newf(errs.FailedPrecondition, "%s: backend %q is being emptied or removed", field, b.GetName()).Because(field)
	}
	return b, err
}
