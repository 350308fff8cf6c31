package api

import (
	"net/http"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// Modes that are not plans of REST: an import is started on its bucket, the others come later.
const modeImport = "import"

// planJSON is a plan of REST.
type planJSON struct {
	ID            string          `json:"id,omitempty"` // out only, as are the times
	Name          string          `json:"name"`
	Description   string          `json:"description"`
	Mode          string          `json:"mode"` // copy, move, relocate
	Source        endpointJSON    `json:"source"`
	Destination   endpointJSON    `json:"destination"`
	Filter        filterJSON      `json:"filter"`
	PolicyID      string          `json:"policyId"`
	PolicyEnabled bool            `json:"policyEnabled"`
	Options       planOptionsJSON `json:"options"`
	CreateTime    *time.Time      `json:"createTime,omitempty"`
	UpdateTime    *time.Time      `json:"updateTime,omitempty"`
	NextRunTime   *time.Time      `json:"nextRunTime,omitempty"`
	LastRunTime   *time.Time      `json:"lastRunTime,omitempty"`
}

// endpointJSON is where objects come from or go to: a bucket, or a raw backend by name.
type endpointJSON struct {
	Bucket  string `json:"bucket,omitempty"`
	Backend string `json:"backend,omitempty"`
	Prefix  string `json:"prefix,omitempty"`
}

// filterJSON selects objects; sizes in bytes.
type filterJSON struct {
	Prefix       string   `json:"prefix,omitempty"`
	Include      []string `json:"include,omitempty"`
	Exclude      []string `json:"exclude,omitempty"`
	MinSize      *int64   `json:"minSize,omitempty"`
	MaxSize      *int64   `json:"maxSize,omitempty"`
	OlderThan    string   `json:"olderThan,omitempty"` // RFC 3339 or a duration
	NewerThan    string   `json:"newerThan,omitempty"`
	ContentType  unbuilt  `json:"contentType,omitzero"`
	Metadata     unbuilt  `json:"metadata,omitzero"`
	Tags         unbuilt  `json:"tags,omitzero"`
	StorageClass unbuilt  `json:"storageClass,omitzero"`
	Manifest     unbuilt  `json:"manifest,omitzero"`
}

// planOptionsJSON says how objects are moved.
type planOptionsJSON struct {
	Overwrite        string  `json:"overwrite,omitempty"` // never, ifDifferent, ifNewer, always
	Verify           string  `json:"verify,omitempty"`    // checksum, full
	SwitchPlacement  *bool   `json:"switchPlacement,omitempty"`
	ReleaseSource    bool    `json:"releaseSource,omitempty"`
	Concurrency      int32   `json:"concurrency,omitempty"`
	BandwidthLimit   unbuilt `json:"bandwidthLimit,omitzero"`
	Priority         unbuilt `json:"priority,omitzero"`
	DeleteExtraneous unbuilt `json:"deleteExtraneous,omitzero"`
	MaxDelete        unbuilt `json:"maxDelete,omitzero"`
	Strict           unbuilt `json:"strict,omitzero"`
	Engine           unbuilt `json:"engine,omitzero"`
	Then             unbuilt `json:"then,omitzero"`
}

func planOf(p *dataflowpb.Plan) planJSON {
	f, o := p.GetFilter(), p.GetOptions()
	out := planJSON{
		ID: p.GetId(), Name: p.GetName(), Description: p.GetDescription(), Mode: p.GetMode(),
		Source: endpointOf(p.GetSource()), Destination: endpointOf(p.GetDestination()),
		Filter:   filterJSON{Prefix: f.GetPrefix(), Include: f.GetInclude(), Exclude: f.GetExclude(), OlderThan: f.GetOlderThan(), NewerThan: f.GetNewerThan()},
		Options:  planOptionsJSON{Overwrite: o.GetOverwrite(), Verify: o.GetVerify(), ReleaseSource: o.GetReleaseSource(), Concurrency: o.GetConcurrency()},
		PolicyID: p.GetPolicyId(), PolicyEnabled: p.GetPolicyEnabled(), CreateTime: stamp(p.GetCreateTime()), UpdateTime: stamp(p.GetUpdateTime()),
		NextRunTime: stamp(p.GetNextRunTime()), LastRunTime: stamp(p.GetLastRunTime()),
	}
	if f != nil {
		out.Filter.MinSize, out.Filter.MaxSize = clone(f.MinSize), clone(f.MaxSize)
	}
	if o != nil {
		out.Options.SwitchPlacement = clone(o.SwitchPlacement)
	}
	return out
}

func endpointOf(e *dataflowpb.Endpoint) endpointJSON {
	return endpointJSON{e.GetBucket(), e.GetBackend(), e.GetPrefix()}
}

// clone copies what a pointer points at, so that JSON decoded over the copy leaves the original.
func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// message refuses only what REST itself does not know; the rest is judged by dataflow.
func (p planJSON) message() (*dataflowpb.Plan, error) {
	switch p.Mode {
	case "sync", "verify", "replicate":
		return nil, errs.Newf(errs.Unimplemented, "mode %q is not built yet", p.Mode).Because("mode")
	case modeImport:
		return nil, errs.Newf(errs.InvalidArgument, "mode %q is no plan: POST buckets/{b}/import starts one", p.Mode).Because("mode")
	}
	f, o := p.Filter, p.Options
	return &dataflowpb.Plan{
		Name: p.Name, Description: p.Description, Mode: p.Mode,
		Source:      &dataflowpb.Endpoint{Bucket: p.Source.Bucket, Backend: p.Source.Backend, Prefix: p.Source.Prefix},
		Destination: &dataflowpb.Endpoint{Bucket: p.Destination.Bucket, Backend: p.Destination.Backend, Prefix: p.Destination.Prefix},
		Filter: &dataflowpb.Filter{Prefix: f.Prefix, Include: f.Include, Exclude: f.Exclude, MinSize: f.MinSize, MaxSize: f.MaxSize,
			OlderThan: f.OlderThan, NewerThan: f.NewerThan},
		Options: &dataflowpb.PlanOptions{Overwrite: o.Overwrite, Verify: o.Verify, SwitchPlacement: o.SwitchPlacement, ReleaseSource: o.ReleaseSource,
			Concurrency: o.Concurrency},
		PolicyId: p.PolicyID, PolicyEnabled: p.PolicyEnabled,
	}, nil
}

func (s *Service) listPlans(w http.ResponseWriter, r *http.Request) error {
	after, limit, err := pageOf(r)
	if err != nil {
		return err
	}
	page, err := s.peers.Dataflow.ListPlans(r.Context(), &dataflowpb.Page{After: after, Limit: int32(limit)})
	if err != nil {
		return err
	}
	var items []planJSON
	for _, p := range page.GetPlans() {
		items = append(items, planOf(p))
	}
	return writePage(w, items, page.GetMore(), func(p planJSON) string { return p.Name })
}

func (s *Service) createPlan(w http.ResponseWriter, r *http.Request) error {
	var in planJSON
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	m, err := in.message()
	if err != nil {
		return err
	}
	p, err := s.peers.Dataflow.CreatePlan(r.Context(), m)
	if err != nil {
		return err
	}
	return created(w, "plans", p.GetId(), planOf(p))
}

func (s *Service) getPlan(w http.ResponseWriter, r *http.Request) error {
	p, err := s.peers.Dataflow.GetPlan(r.Context(), &dataflowpb.ByName{IdOrName: param(r, "id")})
	if err != nil {
		return err
	}
	return ok(w, planOf(p))
}

func (s *Service) updatePlan(w http.ResponseWriter, r *http.Request) error {
	now, err := s.peers.Dataflow.GetPlan(r.Context(), &dataflowpb.ByName{IdOrName: param(r, "id")})
	if err != nil {
		return err
	}
	in := planOf(now)
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	m, err := in.message()
	if err != nil {
		return err
	}
	p, err := s.peers.Dataflow.UpdatePlan(r.Context(), &dataflowpb.UpdatePlanRequest{IdOrName: now.GetId(), Plan: m})
	if err != nil {
		return err
	}
	return ok(w, planOf(p))
}

func (s *Service) deletePlan(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.peers.Dataflow.DeletePlan(r.Context(), &dataflowpb.ByName{IdOrName: param(r, "id")}); err != nil {
		return err
	}
	return noContent(w)
}

func (s *Service) runPlan(w http.ResponseWriter, r *http.Request) error {
	job, err := s.peers.Dataflow.RunPlan(r.Context(), &dataflowpb.RunPlanRequest{IdOrName: param(r, "id")})
	if err != nil {
		return err
	}
	return accepted(w, job.GetId())
}
