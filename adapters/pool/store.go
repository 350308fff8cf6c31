package pool

import (
	"context"
	"io"
	"sync"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// store counts who uses it, so that it is closed neither under them nor never. A body that is being read counts as a use.
type store struct {
	adapters.Store
	rev string

	mu      sync.Mutex
	users   int
	retired bool
}

var _ adapters.Store = (*store)(nil)

// enter begins a use; every nil error is paired with leave.
func (s *store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.retired {
		return errs.Newf(errs.Unavailable, "the backend was changed or removed").Because("BackendChanged")
	}
	s.users++
	return nil
}

func (s *store) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users--
	if s.retired && s.users == 0 {
		_ = s.Store.Close() // nobody is left to tell
	}
}

// retire closes the store as soon as nobody uses it, and lets nobody enter any more.
func (s *store) retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.retired && s.users == 0 {
		_ = s.Store.Close()
	}
	s.retired = true
}

// Close does nothing: the store is shared and the pool closes it.
func (s *store) Close() error { return nil }

func (s *store) Put(ctx context.Context, key string, body io.Reader, size int64, o adapters.PutOptions) (adapters.Info, error) {
	if err := s.enter(); err != nil {
		return adapters.Info{}, err
	}
	defer s.leave()
	return s.Store.Put(ctx, key, body, size, o)
}

func (s *store) Get(ctx context.Context, key string, r adapters.Range, ifMatch string) (io.ReadCloser, adapters.Info, error) {
	if err := s.enter(); err != nil {
		return nil, adapters.Info{}, err
	}
	body, info, err := s.Store.Get(ctx, key, r, ifMatch)
	if err != nil {
		s.leave()
		return nil, info, err
	}
	return &reading{ReadCloser: body, leave: sync.OnceFunc(s.leave)}, info, nil
}

// reading is a body in use.
type reading struct {
	io.ReadCloser
	leave func()
}

func (r *reading) Close() error {
	defer r.leave()
	return r.ReadCloser.Close()
}

// WriteTo lets the body copy itself in its own way, if it has one.
func (r *reading) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, r.ReadCloser) }

func (s *store) Head(ctx context.Context, key string) (adapters.Info, error) {
	if err := s.enter(); err != nil {
		return adapters.Info{}, err
	}
	defer s.leave()
	return s.Store.Head(ctx, key)
}

func (s *store) Delete(ctx context.Context, key, ifMatch string) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.Store.Delete(ctx, key, ifMatch)
}

func (s *store) Copy(ctx context.Context, key, from, ifMatch string, o adapters.PutOptions) (adapters.Info, error) {
	if err := s.enter(); err != nil {
		return adapters.Info{}, err
	}
	defer s.leave()
	return s.Store.Copy(ctx, key, from, ifMatch, o)
}

func (s *store) List(ctx context.Context, prefix, after string, limit int) (adapters.Page, error) {
	if err := s.enter(); err != nil {
		return adapters.Page{}, err
	}
	defer s.leave()
	return s.Store.List(ctx, prefix, after, limit)
}

func (s *store) CreateUpload(ctx context.Context, key string, o adapters.PutOptions) (string, error) {
	if err := s.enter(); err != nil {
		return "", err
	}
	defer s.leave()
	return s.Store.CreateUpload(ctx, key, o)
}

func (s *store) PutPart(ctx context.Context, key, uploadID string, n int, body io.Reader, size int64, sums adapters.Sums) (adapters.Part, error) {
	if err := s.enter(); err != nil {
		return adapters.Part{}, err
	}
	defer s.leave()
	return s.Store.PutPart(ctx, key, uploadID, n, body, size, sums)
}

func (s *store) CompleteUpload(ctx context.Context, key, uploadID string, parts []adapters.Part, o adapters.PutOptions) (adapters.Info, error) {
	if err := s.enter(); err != nil {
		return adapters.Info{}, err
	}
	defer s.leave()
	return s.Store.CompleteUpload(ctx, key, uploadID, parts, o)
}

func (s *store) AbortUpload(ctx context.Context, key, uploadID string) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.Store.AbortUpload(ctx, key, uploadID)
}

func (s *store) ListUploads(ctx context.Context, prefix string, limit int) ([]adapters.Upload, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	return s.Store.ListUploads(ctx, prefix, limit)
}
