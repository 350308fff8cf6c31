package backend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/backendpb"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// errNothing ends a change of the index that has nothing to do.
var errNothing = errors.New("nothing to change")

// Delete implements backendpb.BackendsServer. The default goes only when it is the last backend: then the next one registered becomes it.
//
// The backend is marked first, and shown as draining, so that nobody places a bucket on it any more. Only when all who may not have heard of it
// yet are done is it asked for the last time whether it is in use. A bucket that is placed all the same, by a process that stood still in between, looks
// at the backend again and is taken back.
func (s *Service) Delete(ctx context.Context, r *backendpb.DeleteRequest) (*backendpb.DeleteResponse, error) {
	x, e, rec, err := s.load(ctx, r.GetIdOrName())
	if err != nil {
		return nil, err
	}
	if err := checkDelete(&x, e); err != nil {
		return nil, err
	}
	if err := s.refuseInUse(ctx, e); err != nil { // before anything changes
		return nil, err
	}
	token := randomHex(8)
	err = s.changeLeaving(ctx, e, "", func(x *index, now *entry) {
		now.Leaving, now.Since = token, s.now().UTC()
	})
	if err != nil {
		return nil, err
	}
	gone := false
	defer func() {
		if !gone {
			s.unleave(ctx, e, token)
		}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(s.o.Notice):
	}
	if err := s.refuseInUse(ctx, e); err != nil {
		return nil, err
	}
	if err := s.changeLeaving(ctx, e, token, func(x *index, _ *entry) { x.remove(e.ID) }); err != nil {
		return nil, err
	}
	gone = true
	s.o.Logger.InfoContext(ctx, "backend removed", "backend", e.ID, "name", e.Name)
	if cfg, err := s.config(e.ID, rec); err == nil && e.Marked {
		s.unmark(ctx, e.ID, cfg)
	}
	s.dropRecord(ctx, recordKey(e.ID, e.Record))
	s.dropHealth(ctx, e.ID)
	return &backendpb.DeleteResponse{}, nil
}

// changeLeaving changes the entry of a backend whose removal is named token, "" for none.
func (s *Service) changeLeaving(ctx context.Context, e entry, token string, change func(x *index, now *entry)) error {
	return s.changeIndex(ctx, func(x *index) error {
		now, ok := x.find(e.ID)
		if !ok {
			return unknown(e.Name)
		}
		if now.Leaving != token {
			return errs.Newf(errs.FailedPrecondition, "backend %q is being removed by somebody else, or that took too long: try again", e.Name).Because("Leaving")
		}
		if err := checkDelete(x, *now); err != nil {
			return err
		}
		change(x, now)
		return nil
	})
}

// unleave takes the mark off again. Should that fail, it expires.
func (s *Service) unleave(ctx context.Context, e entry, token string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit)
	defer cancel()
	err := s.changeIndex(ctx, func(x *index) error {
		now, ok := x.find(e.ID)
		if !ok || now.Leaving != token {
			return errNothing
		}
		now.stay()
		return nil
	})
	if err != nil && err != errNothing {
		s.o.Logger.WarnContext(ctx, "a backend that stays is marked as being removed for a while", "backend", e.ID, "err", err)
	}
}

func (s *Service) refuseInUse(ctx context.Context, e entry) error {
	why, err := s.inUse(ctx, e)
	if err != nil {
		return err
	}
	if why != "" {
		return errs.Newf(errs.FailedPrecondition, "backend %q is in use: %s", e.Name, why).Because(ReasonInUse)
	}
	return nil
}

func checkDelete(x *index, e entry) error {
	if x.DefaultID == e.ID && len(x.Entries) > 1 {
		return errs.Newf(errs.FailedPrecondition, "backend %q is the default: make another one the default first", e.Name).Because("Default")
	}
	return nil
}

// inUse says, publicly, what refers to a backend: bytes and placements of the catalog, plans, open jobs; "" when nothing does.
func (s *Service) inUse(ctx context.Context, e entry) (string, error) {
	use, err := s.peers.Catalog.BackendInUse(ctx, &catalogpb.BackendInUseRequest{BackendId: e.ID})
	if err != nil {
		return "", fmt.Errorf("ask catalog: %w", err)
	}
	if use.GetInUse() {
		return use.GetWhy(), nil
	}
	return s.planned(ctx, e)
}

// planned says which plan or open job names a backend.
func (s *Service) planned(ctx context.Context, e entry) (string, error) {
	refers := func(p *dataflowpb.Plan) bool {
		return p.GetSource().GetBackend() == e.Name || p.GetDestination().GetBackend() == e.Name
	}
	for after := ""; ; {
		page, err := s.peers.Dataflow.ListPlans(ctx, &dataflowpb.Page{After: after, Limit: maxPage})
		if err != nil {
			return "", fmt.Errorf("ask dataflow: %w", err)
		}
		for _, p := range page.GetPlans() {
			if refers(p) {
				return fmt.Sprintf("plan %q names it", p.GetName()), nil
			}
			after = p.GetName()
		}
		if !page.GetMore() {
			break
		}
	}
	jobs, err := s.peers.Dataflow.OpenJobs(ctx, &dataflowpb.Empty{})
	if err != nil {
		return "", fmt.Errorf("ask dataflow: %w", err)
	}
	for _, j := range jobs.GetJobs() {
		if refers(j.GetPlan()) {
			return fmt.Sprintf("job %s is at work on it", j.GetId()), nil
		}
	}
	return "", nil
}

// dropRecord removes a record that the index does not name any more; the sweep does what fails here.
func (s *Service) dropRecord(ctx context.Context, key string) {
	ctx = context.WithoutCancel(ctx)
	if _, rev, err := s.records.Get(ctx, key); err == nil {
		s.records.Delete(ctx, key, rev)
	}
}

func (s *Service) dropHealth(ctx context.Context, id string) {
	if _, rev, err := s.health.Get(ctx, id); err == nil {
		s.health.Delete(ctx, id, rev)
	}
}
