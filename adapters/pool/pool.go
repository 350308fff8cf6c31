// Package pool opens the stores of registered backends for the services, and keeps them open.
//
// The backend service owns the backends; a Pool asks it at most every two seconds for each, opens what it describes with the
// sealed secret, and opens it anew when the description has changed. So every process uses new credentials, and uses a removed backend no more, two seconds
// after the change was answered. While the backend service is away, what is open goes on working as it was.
//
// Services that touch object bytes import it; it may import adapters, internal and proto.
package pool

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/singleflight"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/wrap"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/internal/trouble"
	"github.com/opensds/gelato/proto/backendpb"
)

const (
	fresh   = 2 * time.Second        // how long a description is taken for granted
	patient = 500 * time.Millisecond // how long somebody who could use an older description waits for a fresh one
	limit   = 10 * time.Second       // of one request to the backend service
	grace   = time.Minute            // how long a store that was replaced still takes new calls of those who hold it
)

// Options changes how a Pool works. The zero value is good.
type Options struct {
	Metrics prometheus.Registerer // nil: stores are not measured
	Logger  *slog.Logger          // nil: nothing is logged
}

// Pool holds one open store per backend. It is safe for concurrent use.
type Pool struct {
	backends backendpb.BackendsClient
	box      *seal.Box
	types    adapters.Registry
	deps     adapters.Deps
	metrics  *wrap.Metrics // nil: stores are not measured
	flights  singleflight.Group
	problem  *trouble.Log // of asking the backend service

	mu      sync.Mutex
	entries map[string]*entry // by backend id
	names   map[string]string // to ids, as last seen
	closed  bool
	retired map[*store]*time.Timer
}

// entry is what is known of one backend.
type entry struct {
	backend *backendpb.Backend
	checked time.Time // when the backend service was last asked, whatever it said
	store   *store    // of backend.Rev; nil until somebody wants it
}

// New makes a Pool that reaches the backend service through backends, opens secrets with box and knows the given types of stores.
func New(backends backendpb.BackendsClient, box *seal.Box, types adapters.Registry, o Options) *Pool {
	p := &Pool{backends: backends, box: box, types: types, deps: adapters.Deps{Log: o.Logger},
		entries: map[string]*entry{}, names: map[string]string{}, retired: map[*store]*time.Timer{},
		problem: trouble.New(o.Logger, "backends cannot be asked for; going on with what is known")}
	if o.Metrics != nil {
		var err error
		if p.metrics, err = wrap.NewMetrics(o.Metrics); err != nil {
			p.deps.Logger().Error("stores are not measured", "error", err)
		}
	}
	return p
}

// Store returns the store of a backend. NotFound for an unknown one. The result is shared: do not close it. Hold it for one piece of
// work, not for ever: when the backend is changed it goes on for a minute, or as long as calls and bodies are open, and then answers Unavailable.
func (p *Pool) Store(ctx context.Context, backendID string) (adapters.Store, error) {
	b, err := p.Backend(ctx, backendID)
	if err != nil {
		return nil, err
	}
	return p.open(ctx, b)
}

// ByName returns a backend by its name, and its store, as Store does.
func (p *Pool) ByName(ctx context.Context, name string) (*backendpb.Backend, adapters.Store, error) {
	b, err := p.named(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	s, err := p.open(ctx, b)
	return b, s, err
}

// Backend describes a backend by its id, at most two seconds old unless the backend service is away. The message is shared: do not change it.
func (p *Pool) Backend(ctx context.Context, backendID string) (*backendpb.Backend, error) {
	b, err := p.lookUp(ctx, backendID, p.known(backendID))
	if err == nil && b.Id != backendID { // the service finds by name too
		return nil, errs.Newf(errs.NotFound, "there is no backend with the id %q", backendID)
	}
	return b, err
}

// named finds a backend by name; one that was renamed since it was last seen is not found under its old name.
func (p *Pool) named(ctx context.Context, name string) (*backendpb.Backend, error) {
	p.mu.Lock()
	id := p.names[name]
	p.mu.Unlock()
	if id != "" {
		if b, err := p.Backend(ctx, id); err == nil && b.Name == name {
			return b, nil
		}
	}
	b, err := p.lookUp(ctx, name, known{})
	if err == nil && b.Name != name {
		return nil, errs.Newf(errs.NotFound, "there is no backend with the name %q", name)
	}
	return b, err
}

// known is an older description, if there is one.
type known struct {
	backend *backendpb.Backend
	fresh   bool
}

func (p *Pool) known(id string) known {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.entries[id]
	if e == nil {
		return known{}
	}
	return known{e.backend, time.Since(e.checked) < fresh}
}

// lookUp asks the backend service, once for all who ask at the same time. An older description serves when the
// service does not answer soon, or not at all.
func (p *Pool) lookUp(ctx context.Context, idOrName string, k known) (*backendpb.Backend, error) {
	if k.fresh {
		return k.backend, nil
	}
	answer := p.flights.DoChan("look up "+idOrName, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()
		b, err := p.backends.Get(ctx, &backendpb.GetRequest{IdOrName: idOrName})
		if errs.Retryable(err) {
			p.problem.Saw(context.WithoutCancel(ctx), err) // also when it was our limit that passed
		} else {
			p.problem.Saw(ctx, nil)
		}
		return b, p.learn(idOrName, b, err)
	})
	var soon <-chan time.Time
	if k.backend != nil {
		timer := time.NewTimer(patient)
		defer timer.Stop()
		soon = timer.C
	}
	select {
	case r := <-answer:
		if r.Err == nil {
			return r.Val.(*backendpb.Backend), nil
		}
		if k.backend != nil && !errs.Is(r.Err, errs.NotFound) {
			return k.backend, nil
		}
		return nil, fmt.Errorf("look up backend: %w", r.Err)
	case <-soon:
		return k.backend, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("look up backend: %w", context.Cause(ctx))
	}
}

// learn keeps what the backend service said about idOrName. An error is returned as it came.
func (p *Pool) learn(idOrName string, b *backendpb.Backend, err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case errs.Is(err, errs.NotFound):
		if e := p.entries[idOrName]; e != nil {
			p.retire(e.store)
			delete(p.entries, idOrName)
			delete(p.names, e.backend.Name)
		}
		return err
	case err != nil:
		if e := p.entries[idOrName]; e != nil {
			e.checked = time.Now() // do not ask again at once
		}
		return err
	}
	e := p.entries[b.Id]
	if e == nil {
		e = &entry{}
		p.entries[b.Id] = e
	} else if e.backend.Name != b.Name && p.names[e.backend.Name] == b.Id {
		delete(p.names, e.backend.Name)
	}
	e.backend, e.checked = b, time.Now()
	p.names[b.Name] = b.Id
	return nil
}

// open returns the store of a description, opened once.
func (p *Pool) open(ctx context.Context, b *backendpb.Backend) (adapters.Store, error) {
	if s := p.opened(b); s != nil {
		return s, nil
	}
	answer := p.flights.DoChan("open "+b.Id+" "+b.Rev, func() (any, error) {
		if s := p.opened(b); s != nil {
			return s, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()
		inner, err := p.connect(ctx, b)
		if err != nil {
			return nil, err
		}
		return p.adopt(b, &store{Store: inner})
	})
	select {
	case r := <-answer:
		if r.Err != nil {
			return nil, fmt.Errorf("open backend %s: %w", b.Name, r.Err)
		}
		return r.Val.(*store), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("open backend %s: %w", b.Name, context.Cause(ctx))
	}
}

func (p *Pool) opened(b *backendpb.Backend) *store {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.entries[b.Id]; e != nil && e.store != nil && e.store.rev == b.Rev {
		return e.store
	}
	return nil
}

// connect opens what a description says, and decorates it: each attempt is limited, what may succeed later is repeated, and what callers see is measured.
func (p *Pool) connect(ctx context.Context, b *backendpb.Backend) (adapters.Store, error) {
	c := adapters.Config{Type: adapters.Type(b.Type), Region: b.Region, Endpoint: b.Endpoint, BucketName: b.BucketName, Prefix: b.Prefix, Access: b.Access, Options: b.Options}
	if len(b.SealedSecurity) > 0 {
		secret, err := p.box.Open("backend/"+b.Id, b.SealedSecurity)
		if err != nil {
			return nil, err
		}
		c.Security = string(secret)
	}
	s, err := p.types.Open(ctx, c, p.deps)
	if err != nil {
		return nil, err
	}
	s = wrap.Retry(wrap.Limit(s, wrap.Limits{}), wrap.RetryOptions{})
	if p.metrics != nil {
		s = wrap.Measure(s, p.metrics, b.Name)
	}
	return s, nil
}

// adopt makes s the store of its backend, and retires the one before.
func (p *Pool) adopt(b *backendpb.Backend, s *store) (*store, error) {
	s.rev = b.Rev
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.entries[b.Id]
	switch {
	case p.closed:
		s.retire()
		return nil, errs.Newf(errs.Unavailable, "the process is stopping")
	case e == nil || e.backend.Rev != b.Rev: // changed or deleted while it was opened: good for this one caller's piece of work
		p.retire(s)
		return s, nil
	}
	p.retire(e.store)
	e.store = s
	return s, nil
}

// retire closes a store after the grace time, as soon as nobody uses it. p.mu is held.
func (p *Pool) retire(s *store) {
	if s == nil || p.closed {
		return
	}
	p.retired[s] = time.AfterFunc(grace, func() {
		p.mu.Lock()
		delete(p.retired, s)
		p.mu.Unlock()
		s.retire()
	})
}

// Close closes every store; one that is in use closes when its last call and body end.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for s, timer := range p.retired {
		timer.Stop()
		s.retire()
	}
	for _, e := range p.entries {
		if e.store != nil {
			e.store.retire()
		}
	}
	p.entries, p.names, p.retired = map[string]*entry{}, map[string]string{}, map[*store]*time.Timer{}
}
