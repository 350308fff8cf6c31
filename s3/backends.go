package s3

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/backendpb"
)

const (
	nameAge  = 2 * time.Second // how old a cached backend name may be
	maxNames = 10_000
)

// backends knows the backends by name and id; names are remembered for nameAge.
type backends struct {
	client backendpb.BackendsClient
	now    func() time.Time

	mu    sync.RWMutex
	names map[string]knownName // by id
}

type knownName struct {
	name  string
	until time.Time
}

func newBackends(client backendpb.BackendsClient, now func() time.Time) *backends {
	return &backends{client: client, now: now, names: map[string]knownName{}}
}

// name is the name of a backend. When it cannot be asked for, an old name or the id has to do: it is a hint for people only.
func (b *backends) name(ctx context.Context, id string) string {
	now := b.now()
	b.mu.RLock()
	known, ok := b.names[id]
	b.mu.RUnlock()
	if ok && now.Before(known.until) {
		return known.name
	}
	switch got, err := b.client.Get(ctx, &backendpb.GetRequest{IdOrName: id}); {
	case err == nil:
		known.name = got.Name
	case !ok:
		known.name = id
	}
	known.until = now.Add(nameAge)
	b.mu.Lock()
	if len(b.names) >= maxNames {
		clear(b.names)
	}
	b.names[id] = known
	b.mu.Unlock()
	return known.name
}

// placement is the id of the backend that a location constraint names; the default backend when it is empty.
func (b *backends) placement(ctx context.Context, constraint string) (string, error) {
	if constraint == "" {
		return b.standard(ctx)
	}
	got, err := b.client.Get(ctx, &backendpb.GetRequest{IdOrName: constraint})
	switch {
	case errs.Is(err, errs.NotFound) || errs.Is(err, errs.InvalidArgument) || err == nil && got.Name != constraint:
		return "", fail("InvalidLocationConstraint", "The specified location-constraint is not valid: it names no backend")
	case err != nil:
		return "", fmt.Errorf("find backend: %w", err)
	case got.State == "draining" || got.State == "drained":
		return "", fail("InvalidLocationConstraint", "The specified location-constraint is not valid: the backend takes no new buckets")
	}
	return got.Id, nil
}

func (b *backends) standard(ctx context.Context) (string, error) {
	for after := ""; ; {
		page, err := b.client.List(ctx, &backendpb.ListRequest{After: after, Limit: 1000})
		if err != nil {
			return "", fmt.Errorf("list backends: %w", err)
		}
		for _, candidate := range page.Backends {
			if candidate.IsDefault {
				return candidate.Id, nil
			}
			after = candidate.Name
		}
		if !page.More || len(page.Backends) == 0 {
			return "", fail("InvalidLocationConstraint", "There is no default backend: name one as the location constraint")
		}
	}
}
