package api

import (
	"net/http"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// policyJSON is a policy of REST: when plans that name it run.
type policyJSON struct {
	ID             string       `json:"id,omitempty"` // out only, as are the times
	Name           string       `json:"name"`
	Description    string       `json:"description"`
	Schedule       scheduleJSON `json:"schedule"`
	Window         unbuilt      `json:"window,omitzero"`
	BandwidthLimit unbuilt      `json:"bandwidthLimit,omitzero"`
	CreateTime     *time.Time   `json:"createTime,omitempty"`
	UpdateTime     *time.Time   `json:"updateTime,omitempty"`
}

// scheduleJSON is a cron expression with a time zone, or an interval.
type scheduleJSON struct {
	Type     string `json:"type"` // cron, interval
	Cron     string `json:"cron,omitempty"`
	Timezone string `json:"timezone,omitempty"`
	Every    string `json:"every,omitempty"` // a duration
}

func policyOf(p *dataflowpb.Policy) policyJSON {
	out := policyJSON{ID: p.GetId(), Name: p.GetName(), Description: p.GetDescription(), CreateTime: stamp(p.GetCreateTime()), UpdateTime: stamp(p.GetUpdateTime()),
		Schedule: scheduleJSON{Type: p.GetScheduleType(), Cron: p.GetCron(), Timezone: p.GetTimezone()}}
	if p.GetEverySeconds() != 0 {
		out.Schedule.Every = duration(p.GetEverySeconds()).String()
	}
	return out
}

func (p policyJSON) message() (*dataflowpb.Policy, error) {
	out := &dataflowpb.Policy{Name: p.Name, Description: p.Description, ScheduleType: p.Schedule.Type, Cron: p.Schedule.Cron, Timezone: p.Schedule.Timezone}
	if p.Schedule.Every != "" {
		every, err := parseDuration(p.Schedule.Every)
		if err != nil {
			return nil, errs.Newf(errs.InvalidArgument, "schedule.every: %s", errs.Public(err)).Because("schedule.every")
		}
		out.EverySeconds = int64(every)
	}
	return out, nil
}

func (s *Service) listPolicies(w http.ResponseWriter, r *http.Request) error {
	after, limit, err := pageOf(r)
	if err != nil {
		return err
	}
	page, err := s.peers.Dataflow.ListPolicies(r.Context(), &dataflowpb.Page{After: after, Limit: int32(limit)})
	if err != nil {
		return err
	}
	var items []policyJSON
	for _, p := range page.GetPolicies() {
		items = append(items, policyOf(p))
	}
	return writePage(w, items, page.GetMore(), func(p policyJSON) string { return p.Name })
}

func (s *Service) createPolicy(w http.ResponseWriter, r *http.Request) error {
	var in policyJSON
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	m, err := in.message()
	if err != nil {
		return err
	}
	p, err := s.peers.Dataflow.CreatePolicy(r.Context(), m)
	if err != nil {
		return err
	}
	return created(w, "policies", p.GetId(), policyOf(p))
}

func (s *Service) getPolicy(w http.ResponseWriter, r *http.Request) error {
	p, err := s.peers.Dataflow.GetPolicy(r.Context(), &dataflowpb.ByName{IdOrName: param(r, "id")})
	if err != nil {
		return err
	}
	return ok(w, policyOf(p))
}

func (s *Service) updatePolicy(w http.ResponseWriter, r *http.Request) error {
	now, err := s.peers.Dataflow.GetPolicy(r.Context(), &dataflowpb.ByName{IdOrName: param(r, "id")})
	if err != nil {
		return err
	}
	in := policyOf(now)
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	if in.Schedule.Type != now.GetScheduleType() { // what belongs to the other kind goes with it
		switch in.Schedule.Type {
		case "interval":
			in.Schedule.Cron, in.Schedule.Timezone = dropSame(in.Schedule.Cron, now.GetCron()), dropSame(in.Schedule.Timezone, now.GetTimezone())
		case "cron":
			in.Schedule.Every = dropSame(in.Schedule.Every, policyOf(now).Schedule.Every)
		}
	}
	m, err := in.message()
	if err != nil {
		return err
	}
	p, err := s.peers.Dataflow.UpdatePolicy(r.Context(), &dataflowpb.UpdatePolicyRequest{IdOrName: now.GetId(), Policy: m})
	if err != nil {
		return err
	}
	return ok(w, policyOf(p))
}

// dropSame returns "" for a value that the caller did not change.
func dropSame(v, was string) string {
	if v == was {
		return ""
	}
	return v
}

func (s *Service) deletePolicy(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.peers.Dataflow.DeletePolicy(r.Context(), &dataflowpb.ByName{IdOrName: param(r, "id")}); err != nil {
		return err
	}
	return noContent(w)
}
