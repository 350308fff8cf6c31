package backend

import (
	"context"
	"maps"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/backendpb"
)

// Update implements backendpb.BackendsServer. The store is probed unless told not to, with the marker of this backend where it has one; a place that lost
// its marker is marked again, but for one that is in use and whose endpoint changed: there the marker proves that it is the same place.
func (s *Service) Update(ctx context.Context, r *backendpb.UpdateRequest) (*backendpb.Backend, error) {
	_, e, rec, err := s.load(ctx, r.GetIdOrName())
	if err != nil {
		return nil, err
	}
	old, err := s.config(e.ID, rec)
	if err != nil {
		return nil, err
	}
	secret, err := s.openRequest(r.GetSealedSecurity())
	if err != nil {
		return nil, err
	}
	cfg, name := merge(old, r, secret), e.Name
	if r.Name != nil {
		name = r.GetName()
	}
	if err := s.validate(name, cfg, r.GetIsDefault()); err != nil {
		return nil, err
	}
	was, where := s.placeOf(old), s.placeOf(cfg)
	x, _, err := s.loadIndex(ctx)
	if err != nil {
		return nil, err
	}
	x.expire(s.now())
	if err := x.free(e.ID, name, where); err != nil {
		return nil, err
	}
	if err := checkDefault(&x, e.ID, r.IsDefault, cfg); err != nil {
		return nil, err
	}
	if name != e.Name {
		why, err := s.planned(ctx, e)
		if err != nil {
			return nil, err
		}
		if why != "" {
			return nil, errs.Newf(errs.FailedPrecondition, "backend %q cannot be renamed: %s", e.Name, why).Because(ReasonInUse)
		}
	}
	mustBeMarked := false
	if was != where {
		why, err := s.inUse(ctx, e)
		if err != nil {
			return nil, err
		}
		if why != "" && (was.Bucket != where.Bucket || was.Prefix != where.Prefix) {
			return nil, errs.Newf(errs.FailedPrecondition, "bucketName and prefix of backend %q cannot change: %s", e.Name, why).Because(ReasonInUse)
		}
		if mustBeMarked = why != "" && e.Marked; mustBeMarked && r.GetSkipProbe() {
			return nil, errs.Newf(errs.FailedPrecondition, "the endpoint of backend %q can change only with a probe: %s", e.Name, why).Because(ReasonInUse)
		}
	}
	found := health{Detail: "not probed yet"}
	marked, fresh := e.Marked && was == where, false
	if !r.GetSkipProbe() {
		if found, _, err = s.probe(ctx, e.ID, cfg, mustBeMarked); err != nil {
			return nil, publicProbe(err)
		}
		if !cfg.ReadOnly() {
			if fresh, err = s.markPlace(ctx, e.ID, cfg); err != nil {
				return nil, err
			}
			marked = true
		}
	}
	if err := s.swap(ctx, e, rec, r, name, cfg, where, marked); err != nil {
		if was != where && fresh {
			s.unmark(ctx, e.ID, cfg)
		}
		return nil, err
	}
	if was != where && (fresh || !marked) { // else the new endpoint leads to the old place
		s.unmark(ctx, e.ID, old)
	}
	s.note(ctx, e.ID, name, found)
	if r.GetSkipProbe() {
		s.lookNow()
	}
	return s.Get(ctx, &backendpb.GetRequest{IdOrName: e.ID})
}

// merge applies the fields that are set. An empty secret keeps the stored one; an option with an empty value goes.
func merge(c adapters.Config, r *backendpb.UpdateRequest, secret string) adapters.Config {
	for _, f := range []struct{ to, from *string }{
		{&c.Region, r.Region}, {&c.Endpoint, r.Endpoint}, {&c.BucketName, r.BucketName}, {&c.Prefix, r.Prefix}, {&c.Access, r.Access},
	} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if secret != "" {
		c.Security = secret
	}
	c.Options = maps.Clone(c.Options)
	for k, v := range r.GetOptions() {
		if c.Options == nil {
			c.Options = map[string]string{}
		}
		c.Options[k] = v
		if v == "" {
			delete(c.Options, k)
		}
	}
	return c
}

// checkDefault keeps the default one that exists and takes new objects.
func checkDefault(x *index, id string, want *bool, cfg adapters.Config) error {
	isDefault := x.DefaultID == id
	if want != nil && !*want && isDefault {
		return errs.Newf(errs.FailedPrecondition, "the default cannot be unset: make another backend the default").Because("default")
	}
	if isDefault && cfg.ReadOnly() {
		return errs.Newf(errs.FailedPrecondition, "the default backend cannot become read-only, as new objects go there").Because("options.readOnly")
	}
	return nil
}

// swap writes the new record, points the index at it, and removes the old one.
func (s *Service) swap(ctx context.Context, e entry, old record, r *backendpb.UpdateRequest, name string, cfg adapters.Config, where place, marked bool) error {
	rev := docstore.NewRev(time.Now(), docstore.Rev(e.Record))
	rec := s.newRecord(e.ID, cfg)
	rec.Created, rec.Updated = old.Created, rev.Time().UTC()
	recRev, err := s.records.Insert(ctx, recordKey(e.ID, string(rev)), rec)
	if err != nil {
		return err
	}
	err = s.changeIndex(ctx, func(x *index) error {
		now, ok := x.find(e.ID)
		if !ok {
			return unknown(e.Name)
		}
		if now.Record == string(rev) { // stored by an attempt whose outcome was unknown
			return nil
		}
		if now.Record != e.Record {
			return errs.Newf(errs.FailedPrecondition, "backend %q was changed by somebody else at the same time", e.Name).Because("Changed")
		}
		if err := x.free(e.ID, name, where); err != nil {
			return err
		}
		if err := checkDefault(x, e.ID, r.IsDefault, cfg); err != nil {
			return err
		}
		now.Name, now.Place, now.Record, now.Marked = name, where, string(rev), marked
		if r.GetIsDefault() {
			x.DefaultID = e.ID
		}
		return nil
	})
	if errs.Is(err, errs.Unavailable) || errs.Is(err, errs.DeadlineExceeded) || errs.Is(err, errs.Canceled) {
		return err // the outcome is unknown: the sweep removes the record that lost
	}
	if err != nil {
		s.records.Delete(context.WithoutCancel(ctx), recordKey(e.ID, string(rev)), recRev)
		return err
	}
	s.dropRecord(ctx, recordKey(e.ID, e.Record))
	s.o.Logger.InfoContext(ctx, "backend updated", "backend", e.ID, "name", name)
	return nil
}

// unmark removes the marker of a place that the backend left. Failing, it stays as a leftover that a later registration may replace.
func (s *Service) unmark(ctx context.Context, id string, cfg adapters.Config) {
	if cfg.ReadOnly() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit)
	defer cancel()
	st, err := s.open(ctx, cfg)
	if err == nil {
		defer st.Close()
		err = s.removeMarker(ctx, id, st)
	}
	if err != nil {
		s.o.Logger.WarnContext(ctx, "a marker is left behind", "backend", id, "err", scrub(err.Error(), cfg.Security))
	}
}
