// Package cluster names this installation of Gelato. All its processes share one state store and so one id, which is drawn on
// first use and never changes. Markers on backends and the tag inside blob ids tell clusters apart by it. Any service may import it.
package cluster

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

const (
	collection = "cluster"
	key        = "identity"
)

type identity struct {
	ID string `bson:"id"`
}

// ID returns the id of the cluster that keeps its state in s: 26 characters of a-z and 2-7. Of several first users one draws it.
func ID(ctx context.Context, s docstore.Store) (string, error) {
	c := docstore.NewCollection[identity](s, collection)
	found, _, err := c.Get(ctx, key)
	if err == nil {
		return found.ID, nil
	}
	if !errs.Is(err, errs.NotFound) {
		return "", fmt.Errorf("read cluster id: %w", err)
	}
	fresh := identity{ID: strings.ToLower(rand.Text())}
	switch _, err := c.Insert(ctx, key, fresh); {
	case err == nil:
		return fresh.ID, nil
	case !errs.Is(err, errs.AlreadyExists):
		return "", fmt.Errorf("store cluster id: %w", err)
	}
	if found, _, err = c.Get(ctx, key); err != nil {
		return "", fmt.Errorf("read cluster id: %w", err)
	}
	return found.ID, nil
}
