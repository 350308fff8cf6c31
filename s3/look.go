package s3

import (
	"context"
	"sync"

	"github.com/opensds/gelato/internal/docstore"
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

// amend changes the attributes of the object that was looked at to decide about access, the one of the request's key and version. OperationAborted when another one has taken
// its place: the caller may not be allowed to change that.
func (s *Service) amend(r *request, version string, alter func(o *catalog.Object) error) (catalog.Object, error) {
	g := &r.glance
	g.mu.Lock()
	var judged docstore.Rev
	if g.bucket == r.b.ID && g.key == r.key && g.version == version && g.err == nil {
		judged = g.object.Version
	}
	g.mu.Unlock()
	return s.catalog.Amend(r.Context(), r.b, r.key, version, func(o *catalog.Object) error {
		if judged != "" && o.Version != judged {
			return fail("OperationAborted", "A conflicting conditional operation is currently in progress against this resource. Try again.")
		}
		return alter(o)
	})
}
