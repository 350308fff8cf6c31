package assemble

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/queue"
	"github.com/opensds/gelato/internal/rpc"
	"github.com/opensds/gelato/internal/run"
	"github.com/opensds/gelato/internal/telemetry"
)

// Process is assembled services and what they listen on. NewProcess makes one.
type Process struct {
	Deps     Deps
	Services []*Service
	GRPC     []GRPC
	HTTP     []*HTTP
	Ops      *HTTP  // drained last of all; nil when one of HTTP does its work
	Ready    func() // called once everything serves

	ready context.CancelFunc
}

// NewProcess makes a process that is not ready until Run has called Ready, nor any more once ctx ends.
func NewProcess(ctx context.Context, tel *telemetry.Telemetry) *Process {
	starting, ready := context.WithCancel(context.WithoutCancel(ctx))
	tel.Check("process", func(context.Context) error {
		switch {
		case ctx.Err() != nil:
			return errs.Newf(errs.Unavailable, "draining")
		case starting.Err() == nil:
			return errs.Newf(errs.Unavailable, "still starting")
		}
		return nil
	})
	return &Process{Deps: Deps{Telemetry: tel}, ready: ready}
}

// GRPC is a server with its services registered, and its listener.
type GRPC struct {
	Name     string
	Server   *rpc.Server
	Listener net.Listener
}

// Run serves until ctx, which NewProcess had, ends, and then drains: readiness and health go first, then requests finish, then loops end and give back their leases, then
// queue and gRPC servers. nil when all of that went well, also when ctx ended during the start.
func (p *Process) Run(ctx context.Context) error {
	tel := p.Deps.Telemetry
	defer p.ready()
	notServing := context.AfterFunc(ctx, func() {
		for _, g := range p.GRPC {
			g.Server.SetServing(false)
		}
	})
	defer notServing()
	var parts []run.Part
	if p.Ops != nil {
		parts = append(parts, run.Part{Name: "ops", Run: p.Ops.run, Drain: Drain})
	}
	for _, g := range p.GRPC {
		parts = append(parts, run.Part{Name: g.Name + " rpc", Run: g.run, Drain: Drain})
	}
	if p.Deps.Queue != nil {
		parts = append(parts, run.Part{Name: "queue", Run: closing(p.Deps.Queue)})
	}
	for _, s := range p.Services {
		parts = append(parts, s.Loops...)
	}
	for _, h := range p.HTTP {
		parts = append(parts, run.Part{Name: h.Name, Run: h.run, Drain: Drain})
	}
	for _, s := range p.Services {
		parts = append(parts, s.Streams...)
	}
	parts = append(parts, run.Part{Name: "first start", Run: func(ctx context.Context) error {
		if err := p.first(ctx); err != nil {
			return Stopped(ctx, err)
		}
		p.Ready()
		p.ready()
		<-ctx.Done()
		return nil
	}})
	return run.All(ctx, tel.Log, parts...)
}

func (p *Process) first(ctx context.Context) error {
	for _, s := range p.Services {
		if s.First == nil {
			continue
		}
		if err := retry(ctx, p.Deps.Telemetry.Log, "the first steps of "+s.Name+" wait", s.First); err != nil {
			return fmt.Errorf("first steps of %s: %w", s.Name, err)
		}
	}
	return nil
}

func closing(q queue.Queue) func(context.Context) error {
	return func(ctx context.Context) error { <-ctx.Done(); return q.Close() }
}

func (g GRPC) run(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- g.Server.Serve(g.Listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		rpc.Stop(g.Server, Drain-time.Second)
		return <-failed
	}
}
