package s3

import (
	"context"
	"fmt"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/proto/backendpb"
)

// Places opens and describes the backends by id; adapters/pool implements it.
type Places interface {
	Store(ctx context.Context, backendID string) (adapters.Store, error)
	Backend(ctx context.Context, backendID string) (*backendpb.Backend, error)
}

// backendName is the name of a backend for people. When it cannot be asked for, the id has to do.
func (s *Service) backendName(ctx context.Context, id string) string {
	b, err := s.places.Backend(ctx, id)
	if err != nil {
		return id
	}
	return b.Name
}

// placement is the id of the backend that a location constraint names; of the default backend when it is empty.
func (s *Service) placement(ctx context.Context, constraint string) (string, error) {
	if constraint == "" {
		return s.defaultBackend(ctx)
	}
	b, err := s.backends.Get(ctx, &backendpb.GetRequest{IdOrName: constraint})
	switch {
	case errs.Is(err, errs.NotFound) || errs.Is(err, errs.InvalidArgument) || err == nil && b.Name != constraint:
		return "", fail("InvalidLocationConstraint", "The specified location-constraint is not valid: it names no backend")
	case err != nil:
		return "", fmt.Errorf("find backend: %w", err)
	case !takesBuckets(b):
		return "", fail("InvalidLocationConstraint", "The specified location-constraint is not valid: the backend takes no new buckets")
	}
	return b.Id, nil
}

func takesBuckets(b *backendpb.Backend) bool { return b.State != "draining" && b.State != "drained" }

// stays looks again at the backend of a bucket that was just made: whoever removes a backend marks it and then looks for buckets, whoever makes a
// bucket looks at the backend afterwards, so that one of the two sees the other.
func (s *Service) stays(ctx context.Context, backendID string) error {
	b, err := s.backends.Get(ctx, &backendpb.GetRequest{IdOrName: backendID})
	if errs.Is(err, errs.NotFound) || err == nil && !takesBuckets(b) {
		return errs.New(errs.Unavailable, "The backend of this location is being removed. Please try again.", err).Because("ServiceUnavailable")
	}
	return err
}

func (s *Service) defaultBackend(ctx context.Context) (string, error) {
	for after := ""; ; {
		page, err := s.backends.List(ctx, &backendpb.ListRequest{After: after, Limit: 1000})
		if err != nil {
			return "", fmt.Errorf("list backends: %w", err)
		}
		for _, b := range page.Backends {
			if b.IsDefault && takesBuckets(b) {
				return b.Id, nil
			}
			after = b.Name
		}
		if !page.More || len(page.Backends) == 0 {
			return "", fail("InvalidLocationConstraint", "There is no default backend: name one as the location constraint")
		}
	}
}
