package pool_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/pool"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/proto/backendpb"
)

// service is a backend service with a handful of backends in memory.
type service struct {
	backendpb.BackendsClient
	mu       sync.Mutex
	backends []*backendpb.Backend
	asked    int
	down     error         // what it answers instead
	hangs    chan struct{} // closed to let an answer go
}

func (s *service) Get(ctx context.Context, r *backendpb.GetRequest, _ ...grpc.CallOption) (*backendpb.Backend, error) {
	s.mu.Lock()
	hangs := s.hangs
	s.mu.Unlock()
	if hangs != nil {
		select {
		case <-hangs:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.down != nil {
		return nil, s.down
	}
	for _, b := range s.backends {
		if b.Id == r.IdOrName || b.Name == r.IdOrName {
			return proto.CloneOf(b), nil
		}
	}
	return nil, errs.Newf(errs.NotFound, "no such backend")
}

// change runs f under the service's lock.
func (s *service) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *service) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// memory is a store of one object that notes its configuration and whether it is closed.
type memory struct {
	adapters.Store
	config adapters.Config
	mu     sync.Mutex
	closed bool
}

func (m *memory) Head(context.Context, string) (adapters.Info, error) {
	if m.isClosed() {
		return adapters.Info{}, errors.New("used after Close")
	}
	return adapters.Info{ETag: m.config.BucketName + "/" + m.config.Security}, nil
}

func (m *memory) Get(context.Context, string, adapters.Range, string) (io.ReadCloser, adapters.Info, error) {
	return io.NopCloser(strings.NewReader("body")), adapters.Info{}, nil
}

func (m *memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return errors.New("closed twice")
	}
	m.closed = true
	return nil
}

func (m *memory) isClosed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed
}

// setUp makes a pool over a service with one backend, and the list of the stores that it opens.
func setUp(t *testing.T) (*pool.Pool, *service, func() []*memory) {
	t.Helper()
	box, err := seal.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	svc := &service{backends: []*backendpb.Backend{{Id: "id-1", Name: "one", Type: "memory", BucketName: "b1", Rev: "1", SealedSecurity: box.Seal("backend/id-1", []byte("s3cret"))}}}
	var mu sync.Mutex
	var opened []*memory
	types := adapters.Registry{"memory": {Fields: []adapters.Field{{Name: "bucketName"}, {Name: "security"}},
		Open: func(_ context.Context, c adapters.Config, _ adapters.Deps) (adapters.Store, error) {
			mu.Lock()
			defer mu.Unlock()
			opened = append(opened, &memory{config: c})
			return opened[len(opened)-1], nil
		}}}
	p := pool.New(svc, box, types, pool.Options{})
	return p, svc, func() []*memory {
		mu.Lock()
		defer mu.Unlock()
		return opened
	}
}

func etag(t *testing.T, s adapters.Store) string {
	t.Helper()
	info, err := s.Head(t.Context(), "k")
	if err != nil {
		t.Fatalf("Head: %v", err)
	}
	return info.ETag
}

func mustStore(t *testing.T, p *pool.Pool) adapters.Store {
	t.Helper()
	s, err := p.Store(t.Context(), "id-1")
	if err != nil {
		t.Fatalf("Store: %v", err)
	}
	return s
}

func TestOpensOnceAndAsksEveryTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, svc, opened := setUp(t)
		defer p.Close()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				s, err := p.Store(t.Context(), "id-1")
				if err != nil {
					t.Errorf("Store: %v", err)
					return
				}
				if info, err := s.Head(t.Context(), "k"); err != nil || info.ETag != "b1/s3cret" {
					t.Errorf("got %q, %v", info.ETag, err)
				}
			})
		}
		wg.Wait()
		if _, _, err := p.ByName(t.Context(), "one"); err != nil {
			t.Errorf("ByName: %v", err)
		}
		if got := len(opened()); got != 1 {
			t.Errorf("opened %d stores, want 1", got)
		}
		if got := svc.count(); got != 1 {
			t.Errorf("asked %d times, want 1", got)
		}
		time.Sleep(2 * time.Second)
		mustStore(t, p)
		if got := svc.count(); got != 2 {
			t.Errorf("asked %d times after two seconds, want 2", got)
		}
		if got := len(opened()); got != 1 {
			t.Errorf("opened %d stores of an unchanged backend, want 1", got)
		}
	})
}

func TestChangedBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, svc, opened := setUp(t)
		defer p.Close()
		old := mustStore(t, p)
		body, _, err := old.Get(t.Context(), "k", adapters.Range{}, "")
		if err != nil {
			t.Fatal(err)
		}
		svc.change(func() { svc.backends[0].BucketName, svc.backends[0].Rev = "b2", "2" })
		time.Sleep(2 * time.Second)
		if got := etag(t, mustStore(t, p)); got != "b2/s3cret" {
			t.Errorf("got the store %q, want that of the new description", got)
		}
		if got := etag(t, old); got != "b1/s3cret" {
			t.Errorf("the old store answers as %q", got)
		}
		time.Sleep(2 * time.Minute)
		if opened()[0].isClosed() {
			t.Error("the old store was closed under a body that is being read")
		}
		if _, err := old.Head(t.Context(), "k"); !errs.Is(err, errs.Unavailable) {
			t.Errorf("the old store after its grace: %v, want Unavailable", err)
		}
		body.Close()
		body.Close()
		if !opened()[0].isClosed() {
			t.Error("the old store was not closed after its last use")
		}
		if opened()[1].isClosed() {
			t.Error("the new store was closed")
		}
	})
}

func TestServiceAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, svc, _ := setUp(t)
		defer p.Close()
		if _, err := p.Store(t.Context(), "id-2"); !errs.Is(err, errs.NotFound) {
			t.Errorf("unknown backend: %v, want NotFound", err)
		}
		mustStore(t, p)
		svc.change(func() { svc.down = errs.Newf(errs.Unavailable, "away") })
		for range 5 {
			time.Sleep(3 * time.Second)
			if got := etag(t, mustStore(t, p)); got != "b1/s3cret" {
				t.Errorf("got %q", got)
			}
		}
		if _, _, err := p.ByName(t.Context(), "one"); err != nil {
			t.Errorf("ByName of a known backend: %v", err)
		}
		if _, err := p.Store(t.Context(), "id-3"); !errs.Is(err, errs.Unavailable) {
			t.Errorf("a backend never seen: %v, want Unavailable", err)
		}

		hangs := make(chan struct{})
		svc.change(func() { svc.down, svc.hangs = nil, hangs })
		time.Sleep(3 * time.Second)
		start := time.Now()
		mustStore(t, p)
		if took := time.Since(start); took > time.Second {
			t.Errorf("a hanging service held a known store up for %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Store(ctx, "id-3"); !errs.Is(err, errs.DeadlineExceeded) {
			t.Errorf("hanging service: %v, want the caller's deadline", err)
		}
		close(hangs)
	})
}

func TestRenamedAndDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, svc, opened := setUp(t)
		defer p.Close()
		if _, _, err := p.ByName(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
		svc.change(func() {
			svc.backends[0].Name, svc.backends[0].Rev = "uno", "2"
			svc.backends = append(svc.backends, &backendpb.Backend{Id: "id-9", Name: "one", Type: "memory", BucketName: "b9", Rev: "1"})
		})
		time.Sleep(2 * time.Second)
		b, s, err := p.ByName(t.Context(), "one")
		if err != nil || b.Id != "id-9" || etag(t, s) != "b9/" {
			t.Errorf("ByName = %v, %v, want the new bearer of the name", b, err)
		}
		if b, _, err := p.ByName(t.Context(), "uno"); err != nil || b.Id != "id-1" {
			t.Errorf("ByName of the new name = %v, %v", b, err)
		}
		if _, err := p.Backend(t.Context(), "one"); !errs.Is(err, errs.NotFound) {
			t.Errorf("Backend with a name for an id: %v, want NotFound", err)
		}
		svc.change(func() { svc.backends = svc.backends[1:] })
		time.Sleep(2 * time.Second)
		if _, err := p.Store(t.Context(), "id-1"); !errs.Is(err, errs.NotFound) {
			t.Errorf("deleted backend: %v, want NotFound", err)
		}
		time.Sleep(2 * time.Minute)
		for _, m := range opened() {
			if m.config.BucketName == "b1" && !m.isClosed() {
				t.Error("the store of a deleted backend stays open")
			}
		}
	})
}

func TestSecretOfAnotherBackend(t *testing.T) {
	p, svc, _ := setUp(t)
	defer p.Close()
	svc.backends = append(svc.backends, &backendpb.Backend{Id: "id-2", Name: "two", Type: "memory", Rev: "1", SealedSecurity: svc.backends[0].SealedSecurity})
	if _, err := p.Store(t.Context(), "id-2"); !errs.Is(err, errs.DataLoss) {
		t.Errorf("got %v, want DataLoss", err)
	}
}

func TestClose(t *testing.T) {
	p, _, opened := setUp(t)
	s := mustStore(t, p)
	s.Close()
	if opened()[0].isClosed() {
		t.Error("a user closed the shared store")
	}
	p.Close()
	p.Close()
	if !opened()[0].isClosed() {
		t.Error("the store is open after the pool was closed")
	}
	if _, err := p.Store(t.Context(), "id-1"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("Store after Close: %v, want Unavailable", err)
	}
}
