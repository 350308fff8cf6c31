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
	defer g.mu.Unlock()
	if g.bucket != b.ID || g.key != key || g.version != version {
		g.object, g.err = s.catalog.Get(r.Context(), b, key, version)
		g.bucket, g.key, g.version = b.ID, key, version
	}
	return g.object, g.err
}

// head reads an object to serve it: the one that look saw, the first time.
func (s *Service) head(ctx context.Context, r *request, b catalog.Bucket, key, version string) (catalog.Object, error) {
	g := &r.glance
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.bucket == b.ID && g.key == key && g.version == version {
		g.bucket = ""
		return g.object, g.err
	}
	return s.catalog.Get(ctx, b, key, version)
}
