package moving

import (
	"context"
	"io"
	"sync"

	"github.com/opensds/gelato/adapters"
)

// faults makes real stores fail where a test says so.
type faults struct {
	mu   sync.Mutex
	hook func(ctx context.Context, op, key string) error           // before an operation: get, put, part, complete, delete
	body func(key string, at int64, r io.ReadCloser) io.ReadCloser // around what Get returns
	past func(op, key string)                                      // after a successful operation
	caps func(adapters.Capabilities) adapters.Capabilities         // what stores declare
	mute func(op string, info *adapters.Info)                      // what they answer
}

func (f *faults) set(change func(*faults)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *faults) before(ctx context.Context, op, key string) error {
	f.mu.Lock()
	hook := f.hook
	f.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(ctx, op, key)
}

func (f *faults) after(op, key string, info *adapters.Info) {
	f.mu.Lock()
	past, mute := f.past, f.mute
	f.mu.Unlock()
	if past != nil {
		past(op, key)
	}
	if mute != nil {
		mute(op, info)
	}
}

func (f *faults) descriptor(d adapters.Descriptor) adapters.Descriptor {
	open := d.Open
	d.Open = func(ctx context.Context, c adapters.Config, deps adapters.Deps) (adapters.Store, error) {
		s, err := open(ctx, c, deps)
		if err != nil {
			return nil, err
		}
		return &faulty{s, f}, nil
	}
	return d
}

type faulty struct {
	adapters.Store
	f *faults
}

// Capabilities implements adapters.Store.
func (s *faulty) Capabilities() adapters.Capabilities {
	c := s.Store.Capabilities()
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	if s.f.caps != nil {
		return s.f.caps(c)
	}
	return c
}

// Put implements adapters.Store.
func (s *faulty) Put(ctx context.Context, key string, body io.Reader, size int64, o adapters.PutOptions) (adapters.Info, error) {
	if err := s.f.before(ctx, "put", key); err != nil {
		return adapters.Info{}, err
	}
	info, err := s.Store.Put(ctx, key, body, size, o)
	if err == nil {
		s.f.after("put", key, &info)
	}
	return info, err
}

// Get implements adapters.Store.
func (s *faulty) Get(ctx context.Context, key string, r adapters.Range, ifMatch string) (io.ReadCloser, adapters.Info, error) {
	if err := s.f.before(ctx, "get", key); err != nil {
		return nil, adapters.Info{}, err
	}
	body, info, err := s.Store.Get(ctx, key, r, ifMatch)
	if err != nil {
		return nil, info, err
	}
	s.f.after("get", key, &info)
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	if s.f.body != nil {
		body = s.f.body(key, r.Offset, body)
	}
	return body, info, nil
}

// PutPart implements adapters.Store.
func (s *faulty) PutPart(ctx context.Context, key, id string, n int, body io.Reader, size int64, crc *uint64) (adapters.Part, error) {
	if err := s.f.before(ctx, "part", key); err != nil {
		return adapters.Part{}, err
	}
	return s.Store.PutPart(ctx, key, id, n, body, size, crc)
}

// CompleteUpload implements adapters.Store.
func (s *faulty) CompleteUpload(ctx context.Context, key, id string, parts []adapters.Part, o adapters.PutOptions) (adapters.Info, error) {
	if err := s.f.before(ctx, "complete", key); err != nil {
		return adapters.Info{}, err
	}
	info, err := s.Store.CompleteUpload(ctx, key, id, parts, o)
	if err == nil {
		s.f.after("complete", key, &info)
	}
	return info, err
}

// Delete implements adapters.Store.
func (s *faulty) Delete(ctx context.Context, key, ifMatch string) error {
	if err := s.f.before(ctx, "delete", key); err != nil {
		return err
	}
	return s.Store.Delete(ctx, key, ifMatch)
}
