package moving

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"

	"github.com/opensds/gelato/adapters"
)

// op is one operation on one store. Place is the directory of the backend.
type op struct {
	name, place, key string // name: get, put, part, complete, delete
}

// faults makes real stores fail where a test says so. Its fields are set through set.
type faults struct {
	mu   sync.Mutex
	hook func(ctx context.Context, o op) error               // before an operation
	past func(o op)                                          // after a successful one
	body func(o op, at int64, r io.ReadCloser) io.ReadCloser // around what Get returns
	mute func(o op, info *adapters.Info)                     // what the store answers
	caps func(*adapters.Capabilities)                        // what it declares
}

func (f *faults) set(change func(*faults)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *faults) before(ctx context.Context, o op) error {
	f.mu.Lock()
	hook := f.hook
	f.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook(ctx, o)
}

func (f *faults) after(o op, info *adapters.Info) {
	f.mu.Lock()
	past, mute := f.past, f.mute
	f.mu.Unlock()
	if past != nil {
		past(o)
	}
	if mute != nil {
		mute(o, info)
	}
}

func (f *faults) descriptor(d adapters.Descriptor) adapters.Descriptor {
	open := d.Open
	d.Open = func(ctx context.Context, c adapters.Config, deps adapters.Deps) (adapters.Store, error) {
		s, err := open(ctx, c, deps)
		if err != nil {
			return nil, err
		}
		return &faulty{s, c.BucketName, f}, nil
	}
	return d
}

type faulty struct {
	adapters.Store
	place string
	f     *faults
}

// Capabilities implements adapters.Store.
func (s *faulty) Capabilities() adapters.Capabilities {
	c := s.Store.Capabilities()
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	if s.f.caps != nil {
		s.f.caps(&c)
	}
	return c
}

// Put implements adapters.Store.
func (s *faulty) Put(ctx context.Context, key string, body io.Reader, size int64, o adapters.PutOptions) (adapters.Info, error) {
	this := op{"put", s.place, key}
	if err := s.f.before(ctx, this); err != nil {
		return adapters.Info{}, err
	}
	info, err := s.Store.Put(ctx, key, body, size, o)
	if err == nil {
		s.f.after(this, &info)
	}
	return info, err
}

// Get implements adapters.Store.
func (s *faulty) Get(ctx context.Context, key string, r adapters.Range, ifMatch string) (io.ReadCloser, adapters.Info, error) {
	this := op{"get", s.place, key}
	if err := s.f.before(ctx, this); err != nil {
		return nil, adapters.Info{}, err
	}
	body, info, err := s.Store.Get(ctx, key, r, ifMatch)
	if err != nil {
		return nil, info, err
	}
	s.f.after(this, &info)
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	if s.f.body != nil {
		body = s.f.body(this, r.Offset, body)
	}
	return body, info, nil
}

// PutPart implements adapters.Store.
func (s *faulty) PutPart(ctx context.Context, key, id string, n int, body io.Reader, size int64, sums adapters.Sums) (adapters.Part, error) {
	this := op{"part", s.place, key}
	if err := s.f.before(ctx, this); err != nil {
		return adapters.Part{}, err
	}
	p, err := s.Store.PutPart(ctx, key, id, n, body, size, sums)
	if err == nil {
		info := adapters.Info{Verified: p.Verified, Proof: p.Proof}
		s.f.after(this, &info)
		p.Verified, p.Proof = info.Verified, info.Proof
	}
	return p, err
}

// CompleteUpload implements adapters.Store.
func (s *faulty) CompleteUpload(ctx context.Context, key, id string, parts []adapters.Part, o adapters.PutOptions) (adapters.Info, error) {
	this := op{"complete", s.place, key}
	if err := s.f.before(ctx, this); err != nil {
		return adapters.Info{}, err
	}
	info, err := s.Store.CompleteUpload(ctx, key, id, parts, o)
	if err == nil {
		s.f.after(this, &info)
	}
	return info, err
}

// Delete implements adapters.Store.
func (s *faulty) Delete(ctx context.Context, key, ifMatch string) error {
	if err := s.f.before(ctx, op{"delete", s.place, key}); err != nil {
		return err
	}
	return s.Store.Delete(ctx, key, ifMatch)
}

// rotten flips one bit of the first bytes read.
type rotten struct {
	io.ReadCloser
	done bool
}

// Read implements io.Reader.
func (r *rotten) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if n > 0 && !r.done {
		p[0] ^= 1
		r.done = true
	}
	return n, err
}

// swapConn is a client connection whose other end can be replaced, or cut.
type swapConn struct {
	to atomic.Pointer[grpc.ClientConnInterface]
}

func newSwapConn(c grpc.ClientConnInterface) *swapConn {
	s := &swapConn{}
	s.to.Store(&c)
	return s
}

func (s *swapConn) swap(c grpc.ClientConnInterface) { s.to.Store(&c) }

// Invoke implements grpc.ClientConnInterface.
func (s *swapConn) Invoke(ctx context.Context, method string, in, out any, o ...grpc.CallOption) error {
	return (*s.to.Load()).Invoke(ctx, method, in, out, o...)
}

// NewStream implements grpc.ClientConnInterface.
func (s *swapConn) NewStream(ctx context.Context, d *grpc.StreamDesc, method string, o ...grpc.CallOption) (grpc.ClientStream, error) {
	return (*s.to.Load()).NewStream(ctx, d, method, o...)
}
