package rpc

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/resolver"
)

// zone is a DNS that a test changes.
type zone struct {
	mu      sync.Mutex
	names   map[string][]string
	lookups atomic.Int32
}

func (z *zone) set(name string, ips ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.names[name] = ips
}

func (z *zone) lookup(_ context.Context, host string) ([]string, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.lookups.Add(1)
	if ips := z.names[host]; len(ips) > 0 {
		return ips, nil
	}
	return nil, errors.New("no such host")
}

// told is a resolver.ClientConn that keeps the last thing it was told.
type told struct {
	resolver.ClientConn
	mu    sync.Mutex
	addrs []string
	err   error
}

func (c *told) UpdateState(s resolver.State) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addrs, c.err = nil, nil
	for _, e := range s.Endpoints {
		c.addrs = append(c.addrs, e.Addresses[0].Addr)
	}
	return nil
}

func (c *told) ReportError(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

func (c *told) want(t *testing.T, when string, addrs ...string) {
	t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.addrs, addrs) || c.err != nil {
		t.Errorf("%s: got %v, %v; want %v", when, c.addrs, c.err, addrs)
	}
}

func TestNamesAreLookedUpAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		z, cc := &zone{names: map[string][]string{}}, &told{}
		a := &addresses{list: []string{"10.0.0.9:1", "[::1]:2", "mover:3", "other:4"}, lookup: z.lookup}
		z.set("mover", "10.0.0.2", "10.0.0.1")
		z.set("other", "10.0.0.1")
		r, err := a.Build(resolver.Target{URL: url.URL{}}, cc, resolver.BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		cc.want(t, "at first", "10.0.0.1:3", "10.0.0.1:4", "10.0.0.2:3", "10.0.0.9:1", "[::1]:2")

		z.set("mover", "10.0.0.3")
		r.ResolveNow(resolver.ResolveNowOptions{})
		synctest.Wait()
		if n := z.lookups.Load(); n != 2 {
			t.Errorf("%d look-ups at once, want a pause first", n)
		}
		time.Sleep(lookupPause)
		cc.want(t, "after a lost connection", "10.0.0.1:4", "10.0.0.3:3", "10.0.0.9:1", "[::1]:2")

		z.set("mover", "10.0.0.3", "10.0.0.4")
		time.Sleep(lookupPeriod)
		cc.want(t, "after a while", "10.0.0.1:4", "10.0.0.3:3", "10.0.0.4:3", "10.0.0.9:1", "[::1]:2")

		z.set("mover")
		time.Sleep(lookupPeriod)
		cc.want(t, "while DNS fails", "10.0.0.1:4", "10.0.0.3:3", "10.0.0.4:3", "10.0.0.9:1", "[::1]:2")
		z.set("mover", "10.0.0.5")
		time.Sleep(lookupPause)
		cc.want(t, "when it answers again", "10.0.0.1:4", "10.0.0.5:3", "10.0.0.9:1", "[::1]:2")
		r.Close()
	})
}

func TestNamesWithoutAnAddressAreAnErrorUntilTheyHaveOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		z, cc := &zone{names: map[string][]string{}}, &told{}
		r, err := (&addresses{list: []string{"backend:1"}, lookup: z.lookup}).Build(resolver.Target{}, cc, resolver.BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		cc.mu.Lock()
		if cc.err == nil {
			t.Error("no error is reported")
		}
		cc.mu.Unlock()
		z.set("backend", "10.0.0.1")
		time.Sleep(lookupPause)
		cc.want(t, "in the end", "10.0.0.1:1")
		r.Close()
	})
}

func TestAddressesAreNotLookedUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		z, cc := &zone{}, &told{}
		r, err := (&addresses{list: []string{"10.0.0.1:1"}, lookup: z.lookup}).Build(resolver.Target{}, cc, resolver.BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			r.ResolveNow(resolver.ResolveNowOptions{})
			time.Sleep(lookupPeriod)
		}
		cc.want(t, "an address", "10.0.0.1:1")
		if n := z.lookups.Load(); n != 0 {
			t.Errorf("%d look-ups, want none", n)
		}
		r.Close()
	})
}
