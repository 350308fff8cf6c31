package backend

import (
	"context"
	"fmt"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/backendpb"
)

// Create implements backendpb.BackendsServer.
func (s *Service) Create(ctx context.Context, r *backendpb.CreateRequest) (*backendpb.Backend, error) {
	secret, err := s.openRequest(r.GetSealedSecurity())
	if err != nil {
		return nil, err
	}
	in := r.GetBackend()
	cfg := adapters.Config{
		Type: adapters.Type(in.GetType()), Region: in.GetRegion(), Endpoint: in.GetEndpoint(), BucketName: in.GetBucketName(), Prefix: in.GetPrefix(),
		Access: in.GetAccess(), Security: secret, Options: in.GetOptions(),
	}
	return s.register(ctx, registration{id: "be_" + randomHex(8), name: in.GetName(), cfg: cfg, makeDefault: in.GetIsDefault(), skipProbe: r.GetSkipProbe()})
}

// registration is what is needed to make a backend.
type registration struct {
	id, name    string
	cfg         adapters.Config
	makeDefault bool
	skipProbe   bool
	local       bool // EnsureDefault's: noted in the index
}

// register makes a backend: it validates, probes, claims name and place in the index, leaves the marker and becomes visible, in this order.
// When a step fails those before it are undone; after a crash the claim expires by itself.
func (s *Service) register(ctx context.Context, g registration) (_ *backendpb.Backend, err error) {
	if err := s.validate(g.name, g.cfg, g.makeDefault); err != nil {
		return nil, err
	}
	where := s.placeOf(g.cfg)
	x, _, err := s.loadIndex(ctx)
	if err != nil {
		return nil, err
	}
	x.expire(s.now())
	if err := x.free(g.id, g.name, where); err != nil {
		return nil, err
	}
	found := health{Detail: "not probed yet"}
	if !g.skipProbe {
		if found, _, err = s.probe(ctx, g.id, g.cfg, false); err != nil {
			return nil, publicProbe(err)
		}
	}

	rev := docstore.NewRev(time.Now(), "")
	rec := s.newRecord(g.id, g.cfg)
	rec.Created = rev.Time().UTC()
	rec.Updated = rec.Created
	recRev, err := s.records.Insert(ctx, recordKey(g.id, string(rev)), rec)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.unregister(ctx, g.id, string(rev), recRev)
		}
	}()
	if err := s.claim(ctx, g, entry{ID: g.id, Name: g.name, Place: where, Record: string(rev), Pending: true, Since: s.now().UTC()}); err != nil {
		return nil, err
	}
	mark := !g.skipProbe && !g.cfg.ReadOnly()
	if mark {
		if _, err := s.markPlace(ctx, g.id, g.cfg); err != nil {
			return nil, err
		}
	}
	if _, err := s.health.Insert(ctx, g.id, found); err != nil {
		return nil, err
	}
	if err := s.settle(ctx, g, mark); err != nil {
		return nil, err
	}
	if g.skipProbe {
		s.lookNow()
	}
	s.o.Logger.InfoContext(ctx, "backend registered", "backend", g.id, "name", g.name, "type", rec.Type)
	return s.Get(ctx, &backendpb.GetRequest{IdOrName: g.id})
}

// claim enters a pending entry into the index, if name and place are still free.
func (s *Service) claim(ctx context.Context, g registration, e entry) error {
	return s.changeIndex(ctx, func(x *index) error {
		if g.local && x.LocalMade {
			return errLocalMade
		}
		if err := x.free(e.ID, e.Name, e.Place); err != nil {
			return err
		}
		if len(x.Entries) >= MaxBackends {
			return errs.Newf(errs.ResourceExhausted, "there are %d backends already, the most there can be", MaxBackends)
		}
		if _, mine := x.byID(e.ID); !mine { // an attempt of unknown outcome may have stored it
			x.Entries = append(x.Entries, e)
		}
		return nil
	})
}

// settle makes a pending backend visible. The first one that can take new objects becomes the default.
func (s *Service) settle(ctx context.Context, g registration, marked bool) error {
	return s.changeIndex(ctx, func(x *index) error {
		e, ok := x.byID(g.id)
		if !ok {
			return errs.Newf(errs.FailedPrecondition, "the registration took too long and its claim expired").Because("Expired")
		}
		e.Pending, e.Since, e.Marked = false, time.Time{}, marked
		if g.makeDefault || x.DefaultID == "" && !g.cfg.ReadOnly() {
			x.DefaultID = g.id
		}
		x.LocalMade = x.LocalMade || g.local
		return nil
	})
}

// unregister undoes what register did so far, as well as it can: the claim expires anyway, a marker without a backend may be replaced, and
// records that the index does not name are swept.
func (s *Service) unregister(ctx context.Context, id, rev string, recRev docstore.Rev) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit)
	defer cancel()
	err := s.changeIndex(ctx, func(x *index) error {
		if e, ok := x.byID(id); !ok || !e.Pending {
			return errNothing
		}
		x.remove(id)
		return nil
	})
	if err != nil && err != errNothing {
		s.o.Logger.WarnContext(ctx, "a failed registration expires later", "backend", id, "err", err)
		return
	}
	if x, _, err := s.loadIndex(ctx); err != nil {
		return
	} else if _, there := x.byID(id); there { // it was settled after all, the answer was lost
		return
	}
	s.records.Delete(ctx, recordKey(id, rev), recRev)
	s.dropHealth(ctx, id)
}

// markPlace opens the store and leaves the marker; fresh is as leaveMarker says.
func (s *Service) markPlace(ctx context.Context, id string, cfg adapters.Config) (fresh bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.o.ProbeTimeout)
	defer cancel()
	st, err := s.open(ctx, cfg)
	if err == nil {
		defer st.Close()
		fresh, err = s.leaveMarker(ctx, id, st)
	}
	if err == nil || errs.Is(err, errs.AlreadyExists) || errs.ReasonOf(err) == ReasonPlaceTaken {
		return fresh, err
	}
	return false, (&probeError{"marker", publicText(err, cfg.Security), fmt.Errorf("leave marker: %s", scrub(err.Error(), cfg.Security))}).public()
}

// validate refuses what can be known to be wrong without asking the store.
func (s *Service) validate(name string, cfg adapters.Config, makeDefault bool) error {
	if err := s.checkName(name); err != nil {
		return err
	}
	if cfg.Type == "" {
		return invalid("type", "type is required")
	}
	for _, f := range []struct {
		name, value string
		limit       int
	}{{"region", cfg.Region, maxValue}, {"endpoint", cfg.Endpoint, maxValue}, {"bucketName", cfg.BucketName, maxValue},
		{"prefix", cfg.Prefix, maxPrefix}, {"access", cfg.Access, maxValue}, {"security", cfg.Security, maxValue}} {
		if err := checkText(f.name, f.value, f.limit); err != nil {
			return err
		}
	}
	if len(cfg.Options) > maxOptions {
		return errs.Newf(errs.InvalidArgument, "there are more than %d options", maxOptions).Because("options")
	}
	for k, v := range cfg.Options {
		if err := checkText("options."+k, v, maxValue); err != nil {
			return err
		}
	}
	if err := s.types.Validate(cfg); err != nil {
		return err
	}
	if makeDefault && cfg.ReadOnly() {
		return invalid("default", "a read-only backend cannot be the default, as new objects go there")
	}
	return nil
}

// publicProbe turns a failed step into the error that callers see.
func publicProbe(err error) error {
	if p, ok := err.(*probeError); ok {
		return p.public()
	}
	return err
}
