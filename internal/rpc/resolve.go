package rpc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"google.golang.org/grpc/resolver"
)

const (
	scheme       = "gelato"
	lookupPause  = time.Second      // at least, between two look-ups of a name
	lookupPeriod = 30 * time.Second // how soon a server that joined under a known name is found
	lookupLimit  = 5 * time.Second
)

// addresses implements resolver.Builder for a fixed list of HOST:PORT. A name stands for everything that it resolves to: gRPC's own DNS resolver
// takes one name only, and asks again no sooner than after 30 s, when a container restarted under a new address should be back.
type addresses struct {
	list   []string
	lookup func(ctx context.Context, host string) ([]string, error)
}

var (
	_ resolver.Builder  = (*addresses)(nil)
	_ resolver.Resolver = (*lookups)(nil)
)

// Scheme implements resolver.Builder.
func (a *addresses) Scheme() string { return scheme }

// Build implements resolver.Builder.
func (a *addresses) Build(_ resolver.Target, cc resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	ctx, stop := context.WithCancel(context.Background())
	l := &lookups{addresses: a, cc: cc, known: map[string][]string{}, again: make(chan struct{}, 1), stop: stop, done: make(chan struct{})}
	go l.run(ctx)
	return l, nil
}

// lookups is one connection's resolver.
type lookups struct {
	*addresses
	cc    resolver.ClientConn
	known map[string][]string // the last answer for each name
	again chan struct{}
	stop  context.CancelFunc
	done  chan struct{}
}

// ResolveNow implements resolver.Resolver: gRPC calls it when a connection is lost.
func (l *lookups) ResolveNow(resolver.ResolveNowOptions) {
	select {
	case l.again <- struct{}{}:
	default:
	}
}

// Close implements resolver.Resolver.
func (l *lookups) Close() {
	l.stop()
	<-l.done
}

func (l *lookups) run(ctx context.Context) {
	defer close(l.done)
	for {
		named, failed := l.update(ctx)
		if !named {
			<-ctx.Done()
			return
		}
		pause := time.NewTimer(lookupPause)
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
		if failed {
			continue
		}
		period := time.NewTimer(lookupPeriod - lookupPause)
		select {
		case <-ctx.Done():
			period.Stop()
			return
		case <-l.again:
			period.Stop()
		case <-period.C:
		}
	}
}

// update tells gRPC the addresses of the moment. named: there are names among them; failed: one has no answer.
func (l *lookups) update(ctx context.Context) (named, failed bool) {
	var all []string
	var problems []error
	for _, addr := range l.list {
		host, port, _ := net.SplitHostPort(addr) // Dial checked it
		if net.ParseIP(host) != nil {
			all = append(all, addr)
			continue
		}
		named = true
		limited, cancel := context.WithTimeout(ctx, lookupLimit)
		found, err := l.lookup(limited, host)
		cancel()
		if err != nil || len(found) == 0 {
			problems = append(problems, fmt.Errorf("look up %s: %w", host, err))
		} else {
			l.known[host] = found
		}
		for _, ip := range l.known[host] {
			all = append(all, net.JoinHostPort(ip, port))
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if ctx.Err() != nil {
		return named, false
	}
	if len(all) == 0 {
		l.cc.ReportError(errors.Join(problems...))
		return named, true
	}
	var state resolver.State
	for _, addr := range all {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: addr}}})
	}
	// A refusal means that no address is up: gRPC asks for ResolveNow then.
	_ = l.cc.UpdateState(state)
	return named, len(problems) > 0
}
