package s3

import (
	"context"
	"sync"

	"github.com/opensds/gelato/s3/catalog"
)

// glance keeps the object that was read last to decide about access, for the handler that reads it next: so the one that was judged is the one that is
// served, and its head is read once.
type glance struct {
	mu           sync.Mutex
	bucket       string // its id; empty: nothing was read
	key, version string
	object       catalog.Object
	err          error
}

// look reads an object to decide about access.
func (s *Service) look(r *request, b catalog.Bucket, key, version string) (catalog.Object, error) {
	g := &r.glance
	g.mu.Lock()
	if g.bucket == b.ID && g.key == key && g.version == version {
		defer g.mu.Unlock()
		return g.object, g.err
	}
	g.mu.Unlock() // several keys of DeleteObjects are judged at once
	o, err := s.catalog.Get(r.Context(), b, key, version)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bucket, g.key, g.version, g.object, g.err = b.ID, key, version, o, err
	return o, err
}

// head reads an object to serve it: the one that look saw, the first time.
func (s *Service) head(ctx context.Context, r *request, b catalog.Bucket, key, version string) (catalog.Object, error) {
	g := &r.glance
	g.mu.Lock()
	seen := g.bucket == b.ID && g.key == key && g.version == version
	o, err := g.object, g.err
	if seen {
		g.bucket = ""
	}
	g.mu.Unlock()
	if seen {
		return o, err
	}
	return s.catalog.Get(ctx, b, key, version)
}
