package dataflow

import (
	"context"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/dataflowpb"
)

func (p *policyDoc) proto() *dataflowpb.Policy {
	return &dataflowpb.Policy{Id: p.ID, Name: p.Name, Description: p.Description, ScheduleType: p.Type, Cron: p.Cron, Timezone: p.Timezone,
		EverySeconds: int64(p.Every / time.Second), CreateTime: stamp(p.Created), UpdateTime: stamp(p.Updated)}
}

func (p *policyDoc) take(r *dataflowpb.Policy) {
	p.Name, p.Description, p.Type, p.Cron, p.Timezone = r.GetName(), r.GetDescription(), r.GetScheduleType(), r.GetCron(), r.GetTimezone()
	every := min(max(r.GetEverySeconds(), 0), int64(1<<33))
	p.Every = time.Duration(every) * time.Second
}

// CreatePolicy implements dataflowpb.DataflowServer.
func (s *Service) CreatePolicy(ctx context.Context, r *dataflowpb.Policy) (*dataflowpb.Policy, error) {
	p := policyDoc{ID: newID(policyKind), Created: now()}
	p.take(r)
	p.Updated, p.Scheduled = p.Created, p.Created
	if err := p.check(); err != nil {
		return nil, err
	}
	if err := s.claim(ctx, policyKind, p.Name, p.ID, s.policyBears(ctx, p.Name)); err != nil {
		return nil, err
	}
	if _, err := s.policies.Insert(ctx, p.ID, p); err != nil {
		return nil, err
	}
	return p.proto(), nil
}

func (s *Service) policyBears(ctx context.Context, name string) func(string) (bool, error) {
	return func(id string) (bool, error) {
		p, _, err := s.policies.Get(ctx, id)
		if errs.Is(err, errs.NotFound) {
			return false, nil
		}
		return p.Name == name, err
	}
}

func (s *Service) policy(ctx context.Context, idOrName string) (policyDoc, docstore.Rev, error) {
	id, err := s.resolve(ctx, policyKind, idOrName)
	if err != nil {
		return policyDoc{}, "", err
	}
	p, rev, err := s.policies.Get(ctx, id)
	if errs.Is(err, errs.NotFound) {
		return p, "", notFound(policyKind, idOrName)
	}
	return p, rev, err
}

// GetPolicy implements dataflowpb.DataflowServer.
func (s *Service) GetPolicy(ctx context.Context, r *dataflowpb.ByName) (*dataflowpb.Policy, error) {
	p, _, err := s.policy(ctx, r.GetIdOrName())
	if err != nil {
		return nil, err
	}
	return p.proto(), nil
}

// ListPolicies implements dataflowpb.DataflowServer.
func (s *Service) ListPolicies(ctx context.Context, r *dataflowpb.Page) (*dataflowpb.Policies, error) {
	names, more, err := s.page(ctx, policyKind, r.GetAfter(), int(r.GetLimit()))
	if err != nil {
		return nil, err
	}
	found, err := byNames(ctx, s.policies, names, func(p *policyDoc) string { return p.Name })
	if err != nil {
		return nil, err
	}
	answer := &dataflowpb.Policies{More: more}
	for _, p := range found {
		answer.Policies = append(answer.Policies, p.proto())
	}
	return answer, nil
}

// byNames loads the documents that names belong to, in order, leaving out claims that nobody bears.
func byNames[T any](ctx context.Context, c docstore.Collection[T], names []docstore.Item[nameDoc], nameOf func(*T) string) ([]T, error) {
	if len(names) == 0 {
		return nil, nil
	}
	ids := make([]string, len(names))
	for i, n := range names {
		ids[i] = n.Value.ID
	}
	items, err := c.GetMany(ctx, ids)
	if err != nil {
		return nil, err
	}
	var found []T
	for i := range items {
		if parts := docstore.Split(names[i].Key); items[i].Rev != "" && nameOf(&items[i].Value) == parts[len(parts)-1] {
			found = append(found, items[i].Value)
		}
	}
	return found, nil
}

// UpdatePolicy implements dataflowpb.DataflowServer.
func (s *Service) UpdatePolicy(ctx context.Context, r *dataflowpb.UpdatePolicyRequest) (*dataflowpb.Policy, error) {
	old, _, err := s.policy(ctx, r.GetIdOrName())
	if err != nil {
		return nil, err
	}
	want := old
	want.take(r.GetPolicy())
	if err := want.check(); err != nil {
		return nil, err
	}
	if err := s.claim(ctx, policyKind, want.Name, old.ID, s.policyBears(ctx, want.Name)); err != nil {
		return nil, err
	}
	var was string
	p, _, err := s.policies.Update(ctx, old.ID, func(p *policyDoc) error {
		was = p.Name
		before := *p
		p.take(r.GetPolicy())
		p.Updated = now()
		if p.Type != before.Type || p.Cron != before.Cron || p.Timezone != before.Timezone || p.Every != before.Every {
			p.Scheduled = p.Updated
		}
		return nil
	})
	if errs.Is(err, errs.NotFound) {
		return nil, notFound(policyKind, r.GetIdOrName())
	}
	if err != nil {
		return nil, err
	}
	if was != p.Name {
		if err := s.unclaim(ctx, policyKind, was, p.ID); err != nil {
			return nil, err
		}
	}
	return p.proto(), nil
}

// DeletePolicy implements dataflowpb.DataflowServer. It marks the policy, then looks for plans, while a plan is stored first and then looks
// at the policy: either sees the other.
func (s *Service) DeletePolicy(ctx context.Context, r *dataflowpb.ByName) (*dataflowpb.Empty, error) {
	p, _, err := s.policy(ctx, r.GetIdOrName())
	if err != nil {
		return nil, err
	}
	mark := func(on bool) (docstore.Rev, error) {
		_, rev, err := s.policies.Update(ctx, p.ID, func(p *policyDoc) error { p.Deleting = on; return nil })
		return rev, err
	}
	rev, err := mark(true)
	if err != nil {
		return nil, err
	}
	for plan, err := range s.everyPlan(ctx) {
		if err == nil && plan.Plan.PolicyID == p.ID {
			err = errs.Newf(errs.FailedPrecondition, "plan %q uses this policy", plan.Plan.Name)
		}
		if err != nil {
			if _, unmark := mark(false); unmark != nil {
				s.log.WarnContext(ctx, "a policy that stays is marked as being deleted", "policy", p.ID, "err", unmark)
			}
			return nil, err
		}
	}
	if err := s.policies.Delete(ctx, p.ID, rev); err != nil {
		return nil, err
	}
	return &dataflowpb.Empty{}, s.unclaim(ctx, policyKind, p.Name, p.ID)
}
