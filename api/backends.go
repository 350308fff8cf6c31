package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
)

const (
	reasonProbe = "Probe"         // of the backend service: a step of the probe failed
	usageLimit  = 5 * time.Second // to sum usage over all buckets
)

// backendJSON is a backend of REST.
type backendJSON struct {
	ID         string            `json:"id,omitempty"` // out only, as are all below Default
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Region     string            `json:"region"`
	Endpoint   string            `json:"endpoint"`
	BucketName string            `json:"bucketName"`
	Prefix     string            `json:"prefix"`
	Access     string            `json:"access"`
	Security   writeOnly         `json:"security,omitzero"`
	Options    map[string]string `json:"options"`
	Default    bool              `json:"default"`

	State        string            `json:"state,omitempty"`
	StateDetail  string            `json:"stateDetail,omitempty"`
	Capabilities *capabilitiesJSON `json:"capabilities,omitempty"`
	Usage        *usageJSON        `json:"usage,omitempty"`
	CreateTime   *time.Time        `json:"createTime,omitempty"`
	UpdateTime   *time.Time        `json:"updateTime,omitempty"`
	ProbeTime    *time.Time        `json:"probeTime,omitempty"`
}

// writeOnly is text that comes in and never goes out.
type writeOnly string

// MarshalJSON implements json.Marshaler.
func (writeOnly) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// usageJSON is what Gelato keeps on a backend, of all buckets together.
type usageJSON struct {
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

func backendOf(b *backendpb.Backend) backendJSON {
	out := backendJSON{
		ID: b.GetId(), Name: b.GetName(), Type: b.GetType(), Region: b.GetRegion(), Endpoint: b.GetEndpoint(), BucketName: b.GetBucketName(),
		Prefix: b.GetPrefix(), Access: b.GetAccess(), Options: b.GetOptions(), Default: b.GetIsDefault(), State: b.GetState(), StateDetail: b.GetStateDetail(),
		Capabilities: capabilitiesOf(b.GetCapabilities()), CreateTime: stamp(b.GetCreateTime()), UpdateTime: stamp(b.GetUpdateTime()),
		ProbeTime: stamp(b.GetProbeTime()),
	}
	if out.Options == nil {
		out.Options = map[string]string{}
	}
	return out
}

func (s *Service) listBackends(w http.ResponseWriter, r *http.Request) error {
	after, limit, err := pageOf(r)
	if err != nil {
		return err
	}
	page, err := s.peers.Backends.List(r.Context(), &backendpb.ListRequest{After: after, Limit: int32(limit)})
	if err != nil {
		return err
	}
	used := s.usagePerBackend(r.Context())
	var items []backendJSON
	for _, b := range page.GetBackends() {
		out := backendOf(b)
		out.Usage = used.of(out.ID)
		items = append(items, out)
	}
	return writePage(w, items, page.GetMore(), func(b backendJSON) string { return b.Name })
}

func (s *Service) getBackend(w http.ResponseWriter, r *http.Request) error {
	b, err := s.peers.Backends.Get(r.Context(), &backendpb.GetRequest{IdOrName: param(r, "id")})
	if err != nil {
		return err
	}
	out := backendOf(b)
	out.Usage = s.usagePerBackend(r.Context()).of(out.ID)
	return ok(w, out)
}

func (s *Service) createBackend(w http.ResponseWriter, r *http.Request) error {
	skip, err := skipProbe(r)
	if err != nil {
		return err
	}
	var in backendJSON
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	b, err := s.peers.Backends.Create(r.Context(), &backendpb.CreateRequest{SealedSecurity: s.sealed(in.Security), SkipProbe: skip, Backend: &backendpb.Backend{
		Name: in.Name, Type: in.Type, Region: in.Region, Endpoint: in.Endpoint, BucketName: in.BucketName, Prefix: in.Prefix, Access: in.Access,
		Options: in.Options, IsDefault: in.Default,
	}})
	if err != nil {
		return err
	}
	return created(w, "backends", b.GetId(), backendOf(b))
}

func (s *Service) updateBackend(w http.ResponseWriter, r *http.Request) error {
	skip, err := skipProbe(r)
	if err != nil {
		return err
	}
	now, err := s.peers.Backends.Get(r.Context(), &backendpb.GetRequest{IdOrName: param(r, "id")})
	if err != nil {
		return err
	}
	in := backendOf(now)
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	if in.Type != now.GetType() {
		return errs.Newf(errs.InvalidArgument, "the type of a backend cannot change").Because("type")
	}
	b, err := s.peers.Backends.Update(r.Context(), &backendpb.UpdateRequest{
		IdOrName: now.GetId(), Name: changed(in.Name, now.GetName()), Region: changed(in.Region, now.GetRegion()),
		Endpoint: changed(in.Endpoint, now.GetEndpoint()), BucketName: changed(in.BucketName, now.GetBucketName()),
		Prefix: changed(in.Prefix, now.GetPrefix()), Access: changed(in.Access, now.GetAccess()), SealedSecurity: s.sealed(in.Security),
		Options: in.Options, IsDefault: changed(in.Default, now.GetIsDefault()), SkipProbe: skip,
	})
	if err != nil {
		return err
	}
	return ok(w, backendOf(b))
}

// requestContext is what secrets in requests are sealed for; see backend.proto.
const requestContext = "request/backend"

// sealed seals a secret on its way to the backend service; none stays none.
func (s *Service) sealed(secret writeOnly) []byte {
	if secret == "" {
		return nil
	}
	return s.box.Seal(requestContext, []byte(secret))
}

// changed returns a field to set, nil when it is what it was.
func changed[T comparable](v, was T) *T {
	if v == was {
		return nil
	}
	return &v
}

func (s *Service) deleteBackend(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.peers.Backends.Delete(r.Context(), &backendpb.DeleteRequest{IdOrName: param(r, "id")}); err != nil {
		return err
	}
	return noContent(w)
}

// probeJSON is a probe that went well.
type probeJSON struct {
	OK    bool       `json:"ok"`
	Steps []stepJSON `json:"steps"`
}

type stepJSON struct {
	Name   string  `json:"name"`
	Millis float64 `json:"millis"`
}

func (s *Service) probeBackend(w http.ResponseWriter, r *http.Request) error {
	p, err := s.peers.Backends.Probe(r.Context(), &backendpb.ProbeRequest{IdOrName: param(r, "id")})
	if err != nil {
		return err
	}
	if !p.GetOk() {
		return errs.Newf(errs.FailedPrecondition, "the probe failed at step %q: %s", p.GetFailedStep(), p.GetDetail()).Because(reasonProbe)
	}
	out := probeJSON{OK: true, Steps: []stepJSON{}}
	for _, st := range p.GetSteps() {
		out.Steps = append(out.Steps, stepJSON{st.GetName(), float64(st.GetMicros()) / 1000})
	}
	return ok(w, out)
}

// skipProbe reads ?probe=false.
func skipProbe(r *http.Request) (bool, error) {
	text := r.URL.Query().Get("probe")
	if text == "" {
		return false, nil
	}
	probe, err := strconv.ParseBool(text)
	if err != nil {
		return false, errs.Newf(errs.InvalidArgument, "probe must be true or false").Because("probe")
	}
	return !probe, nil
}

// usage sums the usage of all buckets per backend id; nil is unknown.
type usage map[string]*usageJSON

// of returns the usage of a backend, nil while it is unknown.
func (u usage) of(id string) *usageJSON {
	if used := u[id]; used != nil || u == nil {
		return used
	}
	return &usageJSON{}
}

// usagePerBackend asks the catalog. Backends must be seen also while the s3 service is away: then usage is left out.
func (s *Service) usagePerBackend(ctx context.Context) usage {
	ctx, cancel := context.WithTimeout(ctx, usageLimit)
	defer cancel()
	sum := usage{}
	for after := ""; ; {
		page, err := s.peers.Catalog.ListBuckets(ctx, &catalogpb.ListBucketsRequest{After: after, Limit: maxLimit})
		if err != nil {
			s.log.WarnContext(ctx, "usage of backends is unknown", "request", rpc.RequestID(ctx), "err", err)
			return nil
		}
		for _, b := range page.GetBuckets() {
			for _, u := range b.GetUsage() {
				if sum[u.GetBackendId()] == nil {
					sum[u.GetBackendId()] = &usageJSON{}
				}
				sum[u.GetBackendId()].Objects += u.GetObjects()
				sum[u.GetBackendId()].Bytes += u.GetBytes()
			}
			after = b.GetName()
		}
		if !page.GetMore() {
			return sum
		}
	}
}
