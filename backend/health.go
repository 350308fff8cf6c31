package backend

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/trouble"
	"github.com/opensds/gelato/proto/backendpb"
)

// health is what the last look at a backend found.
type health struct {
	Ready  bool      `bson:"ready"`
	Detail string    `bson:"detail,omitempty"` // public reason when not ready
	Probed time.Time `bson:"probed,omitempty"` // zero: never
	// Capabilities are those of the store when it was opened last; nil until then.
	Capabilities *adapters.Capabilities `bson:"capabilities,omitempty"`
}

func (h health) state() string {
	if h.Ready {
		return stateReady
	}
	return stateUnreachable
}

// orphanAge is how old a record must be to be swept when the index does not name it.
const orphanAge = time.Hour

// Run looks after the backends until ctx ends: health of each at every interval, and the leftovers of crashes.
func (s *Service) Run(ctx context.Context) error {
	looking, sweeping := trouble.New(s.o.Logger, "health is not checked"), trouble.New(s.o.Logger, "leftovers are not swept")
	var swept time.Time
	for {
		looking.Saw(ctx, s.lookAtAll(ctx))
		if time.Since(swept) > orphanAge {
			now := time.Now()
			err := s.sweep(ctx, now)
			if err == nil {
				swept = now
			}
			sweeping.Saw(ctx, err)
		}
		wait := time.NewTimer(s.o.HealthInterval)
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case <-wait.C:
		case <-s.kick:
			wait.Stop()
		}
	}
}

// lookNow has Run look before its interval is over.
func (s *Service) lookNow() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// lookAtAll looks at every backend; an error says that the state is away.
func (s *Service) lookAtAll(ctx context.Context) error {
	x, _, err := s.loadIndex(ctx)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(s.o.HealthParallel)
	for _, e := range x.sorted() {
		g.Go(func() error {
			s.look(ctx, e)
			return nil
		})
	}
	return g.Wait()
}

// look tests whether a backend answers and is still the place that was registered; one that was registered unprobed gets its marker.
func (s *Service) look(ctx context.Context, e entry) {
	_, e, rec, err := s.load(ctx, e.ID)
	if err != nil {
		return // removed meanwhile, or the state is away: the next look tells
	}
	found := health{Ready: true, Probed: time.Now().UTC()}
	cfg, err := s.config(e.ID, rec)
	if err == nil {
		found.Capabilities, err = s.touch(ctx, e, cfg)
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		found.Ready, found.Detail = false, publicText(err, cfg.Security)
	}
	s.note(ctx, e.ID, e.Name, found)
}

var errHealthLimit = errors.New("health time limit")

// touch is the light test of health: one small read.
func (s *Service) touch(ctx context.Context, e entry, cfg adapters.Config) (can *adapters.Capabilities, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.o.HealthTimeout, errHealthLimit)
	defer cancel()
	err = func() error {
		st, err := s.open(ctx, cfg)
		if err != nil {
			return err
		}
		defer st.Close()
		c := st.Capabilities()
		can = &c
		if cfg.ReadOnly() {
			_, err := st.List(ctx, "", "", 1)
			return err
		}
		m, _, err := readMarker(ctx, st)
		if err != nil {
			return err
		}
		if err := s.judgeMarker(ctx, e.ID, m); err != nil {
			return err
		}
		switch {
		case m != nil && m.Backend == e.ID:
			return nil
		case e.Marked:
			return errs.Newf(errs.FailedPrecondition, "its %s is gone: another store may be there now; updating the backend marks it again", MarkerKey)
		}
		if _, err := s.leaveMarker(ctx, e.ID, st); err != nil {
			return err
		}
		return s.changeIndex(ctx, func(x *index) error {
			now, ok := x.find(e.ID)
			if !ok || now.Record != e.Record {
				return errs.Newf(errs.FailedPrecondition, "the backend changed meanwhile")
			}
			now.Marked = true
			return nil
		})
	}()
	if err != nil && errors.Is(context.Cause(ctx), errHealthLimit) {
		err = errs.New(errs.DeadlineExceeded, fmt.Sprintf("the store did not answer within %s", s.o.HealthTimeout), err)
	}
	return can, err
}

// note stores what was found and logs when it differs from what was known.
func (s *Service) note(ctx context.Context, id, name string, found health) {
	was, rev, err := s.health.Get(ctx, id)
	switch {
	case errs.Is(err, errs.NotFound):
		_, err = s.health.Insert(ctx, id, found)
	case err == nil:
		if found.Capabilities == nil {
			found.Capabilities = was.Capabilities
		}
		_, err = s.health.Replace(ctx, id, rev, found)
	}
	if err != nil {
		if ctx.Err() == nil && !errs.Is(err, errs.FailedPrecondition) && !errs.Is(err, errs.AlreadyExists) {
			s.o.Logger.WarnContext(ctx, "health not stored", "backend", id, "err", err)
		}
		return
	}
	switch {
	case found.Ready && !was.Ready && rev != "":
		s.o.Logger.InfoContext(ctx, "backend is ready", "backend", id, "name", name)
	case !found.Ready && (was.Ready || rev == ""):
		s.o.Logger.WarnContext(ctx, "backend is unreachable", "backend", id, "name", name, "detail", found.Detail)
	}
}

func (s *Service) healthOf(ctx context.Context, id string) (health, error) {
	h, _, err := s.health.Get(ctx, id)
	if errs.Is(err, errs.NotFound) {
		return health{}, nil
	}
	return h, err
}

// Probe implements backendpb.BackendsServer. A failed step is an answer, not an error.
func (s *Service) Probe(ctx context.Context, r *backendpb.ProbeRequest) (*backendpb.ProbeResponse, error) {
	_, e, rec, err := s.load(ctx, r.GetIdOrName())
	if err != nil {
		return nil, err
	}
	cfg, err := s.config(e.ID, rec)
	if err != nil {
		return nil, err
	}
	found, steps, err := s.probe(ctx, e.ID, cfg, e.Marked)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	out := &backendpb.ProbeResponse{Ok: err == nil}
	for _, st := range steps {
		out.Steps = append(out.Steps, &backendpb.ProbeResponse_Step{Name: st.name, Micros: st.took.Microseconds()})
	}
	if p, ok := err.(*probeError); ok {
		out.FailedStep, out.Detail = p.step, p.detail
	} else if err != nil { // the place is somebody else's
		out.FailedStep, out.Detail = stepOpen, errs.Public(err)
	}
	found.Ready, found.Detail, found.Probed = out.Ok, out.Detail, time.Now().UTC()
	s.note(ctx, e.ID, e.Name, found)
	return out, nil
}

// sweep removes what crashes left: expired claims, and records and healths that the index does not name.
func (s *Service) sweep(ctx context.Context, now time.Time) error {
	err := s.changeIndex(ctx, func(*index) error { return nil }) // drops expired claims
	if err != nil {
		return err
	}
	x, _, err := s.loadIndex(ctx)
	if err != nil {
		return err
	}
	live := map[string]bool{}
	for _, e := range x.Entries {
		live[recordKey(e.ID, e.Record)], live[e.ID] = true, true
	}
	for from := ""; ; {
		page, err := s.records.List(ctx, docstore.Range{From: from, Limit: maxPage})
		if err != nil {
			return err
		}
		for _, d := range page {
			if !live[d.Key] && now.Sub(d.Rev.Time()) > orphanAge {
				s.records.Delete(ctx, d.Key, d.Rev)
			}
			from = docstore.After(d.Key)
		}
		if len(page) < maxPage {
			break
		}
	}
	healths, err := s.health.List(ctx, docstore.Range{Limit: 2 * MaxBackends})
	for _, d := range healths {
		if !live[d.Key] && now.Sub(d.Rev.Time()) > orphanAge {
			s.health.Delete(ctx, d.Key, d.Rev)
		}
	}
	return err
}
