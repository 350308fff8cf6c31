package backend

import (
	"context"
	"io"

	"github.com/opensds/gelato/adapters"
)

// faultyStore forwards to a posix store unless the operation is to fail, and counts writes.
type faultyStore struct {
	adapters.Store
	f *faults
}

func (s *faultyStore) wrote() {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	s.f.writes++
}

func (s *faultyStore) Put(ctx context.Context, key string, body io.Reader, size int64, o adapters.PutOptions) (adapters.Info, error) {
	if err := s.f.hit(ctx, "put"); err != nil {
		return adapters.Info{}, err
	}
	if key == MarkerKey {
		if err := s.f.hit(ctx, "mark"); err != nil {
			return adapters.Info{}, err
		}
	}
	s.wrote()
	return s.Store.Put(ctx, key, body, size, o)
}

func (s *faultyStore) Get(ctx context.Context, key string, r adapters.Range, ifMatch string) (io.ReadCloser, adapters.Info, error) {
	op := "get"
	switch {
	case key == MarkerKey:
		op = "marker"
	case r != adapters.Range{}:
		op = "range"
	}
	if err := s.f.hit(ctx, op); err != nil {
		return nil, adapters.Info{}, err
	}
	return s.Store.Get(ctx, key, r, ifMatch)
}

func (s *faultyStore) Delete(ctx context.Context, key, ifMatch string) error {
	if err := s.f.hit(ctx, "delete"); err != nil {
		return err
	}
	s.wrote()
	return s.Store.Delete(ctx, key, ifMatch)
}

func (s *faultyStore) List(ctx context.Context, prefix, after string, limit int) (adapters.Page, error) {
	if err := s.f.hit(ctx, "list"); err != nil {
		return adapters.Page{}, err
	}
	return s.Store.List(ctx, prefix, after, limit)
}

func (s *faultyStore) CompleteUpload(ctx context.Context, key, id string, parts []adapters.Part, o adapters.PutOptions) (adapters.Info, error) {
	if err := s.f.hit(ctx, "complete"); err != nil {
		return adapters.Info{}, err
	}
	s.wrote()
	return s.Store.CompleteUpload(ctx, key, id, parts, o)
}
