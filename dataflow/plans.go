package dataflow

import (
	"context"
	"errors"
	"iter"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// CreatePlan implements dataflowpb.DataflowServer.
func (s *Service) CreatePlan(ctx context.Context, r *dataflowpb.Plan) (*dataflowpb.Plan, error) {
	p := planOf(r)
	if err := checkName(p.Name); err != nil {
		return nil, err
	}
	if err := s.check(ctx, &p); err != nil {
		return nil, err
	}
	p.ID, p.Created = newID(planKind), now()
	p.Updated = p.Created
	d := planDoc{Plan: p, Fired: p.Created}
	if err := s.claim(ctx, planKind, p.Name, p.ID, s.planBears(ctx, p.Name)); err != nil {
		return nil, err
	}
	rev, err := s.plans.Insert(ctx, p.ID, d)
	if err != nil {
		return nil, err
	}
	if err := s.policyStays(ctx, &p); err != nil {
		if s.plans.Delete(ctx, p.ID, rev) == nil {
			return nil, errors.Join(err, s.unclaim(ctx, planKind, p.Name, p.ID))
		}
		return nil, err
	}
	return s.planProto(ctx, &d, nil), nil
}

// policyStays looks at the plan's policy again after the plan was stored; see DeletePolicy.
func (s *Service) policyStays(ctx context.Context, p *plan) error {
	if p.PolicyID == "" {
		return nil
	}
	policy, _, err := s.policies.Get(ctx, p.PolicyID)
	if errs.Is(err, errs.NotFound) || err == nil && policy.Deleting {
		return bad("policyId", "the policy is being deleted")
	}
	return err
}

func (s *Service) planBears(ctx context.Context, name string) func(string) (bool, error) {
	return func(id string) (bool, error) {
		p, _, err := s.plans.Get(ctx, id)
		if errs.Is(err, errs.NotFound) {
			return false, nil
		}
		return p.Plan.Name == name, err
	}
}

// planProto adds what is derived; policies, when not nil, keeps the policies read before.
func (s *Service) planProto(ctx context.Context, d *planDoc, policies map[string]*policyDoc) *dataflowpb.Plan {
	out := d.Plan.proto()
	out.LastRunTime = stamp(d.LastRun)
	if !d.Plan.PolicyEnabled {
		return out
	}
	p := policies[d.Plan.PolicyID]
	if p == nil {
		got, _, err := s.policies.Get(ctx, d.Plan.PolicyID)
		if err != nil {
			s.log.WarnContext(ctx, "a plan's policy cannot be read", "plan", d.Plan.ID, "policy", d.Plan.PolicyID, "err", err)
			return out
		}
		p = &got
		if policies != nil {
			policies[d.Plan.PolicyID] = p
		}
	}
	out.NextRunTime = stamp(p.next(d))
	return out
}

func (s *Service) plan(ctx context.Context, idOrName string) (planDoc, docstore.Rev, error) {
	id, err := s.resolve(ctx, planKind, idOrName)
	if err != nil {
		return planDoc{}, "", err
	}
	d, rev, err := s.plans.Get(ctx, id)
	if errs.Is(err, errs.NotFound) {
		return d, "", notFound(planKind, idOrName)
	}
	return d, rev, err
}

// GetPlan implements dataflowpb.DataflowServer.
func (s *Service) GetPlan(ctx context.Context, r *dataflowpb.ByName) (*dataflowpb.Plan, error) {
	d, _, err := s.plan(ctx, r.GetIdOrName())
	if err != nil {
		return nil, err
	}
	return s.planProto(ctx, &d, nil), nil
}

// ListPlans implements dataflowpb.DataflowServer.
func (s *Service) ListPlans(ctx context.Context, r *dataflowpb.Page) (*dataflowpb.Plans, error) {
	names, more, err := s.page(ctx, planKind, r.GetAfter(), int(r.GetLimit()))
	if err != nil {
		return nil, err
	}
	found, err := byNames(ctx, s.plans, names, func(d *planDoc) string { return d.Plan.Name })
	if err != nil {
		return nil, err
	}
	answer := &dataflowpb.Plans{More: more}
	policies := make(map[string]*policyDoc)
	for i := range found {
		answer.Plans = append(answer.Plans, s.planProto(ctx, &found[i], policies))
	}
	return answer, nil
}

// everyPlan goes through all plans in no promised order.
func (s *Service) everyPlan(ctx context.Context) iter.Seq2[planDoc, error] {
	return func(yield func(planDoc, error) bool) {
		for from := ""; ; {
			items, err := s.plans.List(ctx, docstore.Range{From: from, Limit: 200})
			if err != nil {
				yield(planDoc{}, err)
				return
			}
			for _, item := range items {
				if !yield(item.Value, nil) {
					return
				}
			}
			if len(items) < 200 {
				return
			}
			from = docstore.After(items[len(items)-1].Key)
		}
	}
}

// UpdatePlan implements dataflowpb.DataflowServer.
func (s *Service) UpdatePlan(ctx context.Context, r *dataflowpb.UpdatePlanRequest) (*dataflowpb.Plan, error) {
	old, _, err := s.plan(ctx, r.GetIdOrName())
	if err != nil {
		return nil, err
	}
	p := planOf(r.GetPlan())
	if err := checkName(p.Name); err != nil {
		return nil, err
	}
	if err := s.check(ctx, &p); err != nil {
		return nil, err
	}
	if err := s.claim(ctx, planKind, p.Name, old.Plan.ID, s.planBears(ctx, p.Name)); err != nil {
		return nil, err
	}
	d, _, err := s.plans.Update(ctx, old.Plan.ID, func(d *planDoc) error {
		if err := s.refuseOpen(ctx, d); err != nil {
			return err
		}
		old = *d
		p.ID, p.Created, p.Updated = d.Plan.ID, d.Plan.Created, now()
		if p.PolicyEnabled && (!d.Plan.PolicyEnabled || p.PolicyID != d.Plan.PolicyID) {
			d.Fired = p.Updated // what would have run before is not owed
		}
		d.Plan = p
		return nil
	})
	if errs.Is(err, errs.NotFound) {
		return nil, notFound(planKind, r.GetIdOrName())
	}
	if err != nil {
		if p.Name != old.Plan.Name {
			err = errors.Join(err, s.unclaim(ctx, planKind, p.Name, old.Plan.ID))
		}
		return nil, err
	}
	if old.Plan.Name != p.Name {
		if err := s.unclaim(ctx, planKind, old.Plan.Name, p.ID); err != nil {
			return nil, err
		}
	}
	if err := s.policyStays(ctx, &p); err != nil {
		_, _, undo := s.plans.Update(ctx, p.ID, func(d *planDoc) error {
			if d.Plan.PolicyID == p.PolicyID {
				d.Plan.PolicyID, d.Plan.PolicyEnabled = "", false
			}
			return nil
		})
		return nil, errors.Join(err, undo)
	}
	return s.planProto(ctx, &d, nil), nil
}

// refuseOpen fails with FailedPrecondition while the plan has an open job.
func (s *Service) refuseOpen(ctx context.Context, d *planDoc) error {
	open, err := s.hasOpenJob(ctx, d)
	if err != nil {
		return err
	}
	if open {
		return errs.Newf(errs.FailedPrecondition, "the plan has an open job").Because("OpenJob")
	}
	return nil
}

// DeletePlan implements dataflowpb.DataflowServer.
func (s *Service) DeletePlan(ctx context.Context, r *dataflowpb.ByName) (*dataflowpb.Empty, error) {
	d, rev, err := s.plan(ctx, r.GetIdOrName())
	if err != nil {
		return nil, err
	}
	if err := s.refuseOpen(ctx, &d); err != nil {
		return nil, err
	}
	if err := s.plans.Delete(ctx, d.Plan.ID, rev); err != nil {
		if errs.Is(err, errs.FailedPrecondition) {
			return nil, errs.New(errs.FailedPrecondition, "the plan changed at the same moment", err)
		}
		return nil, err
	}
	return &dataflowpb.Empty{}, s.unclaim(ctx, planKind, d.Plan.Name, d.Plan.ID)
}

// healPlans stores the jobs that plans name and that are not stored: someone died in RunPlan.
func (s *Service) healPlans(ctx context.Context) error {
	for d, err := range s.everyPlan(ctx) {
		if err != nil {
			return err
		}
		if _, err := s.hasOpenJob(ctx, &d); err != nil {
			return err
		}
	}
	return nil
}
