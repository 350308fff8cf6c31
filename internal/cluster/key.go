package cluster

import (
	"context"
	"fmt"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/seal"
)

const (
	keyCheck   = "master-key"
	keyContext = "cluster/master-key"
)

// check is a text sealed with the master key of the process that came first: whoever opens it has the same key, and nobody learns anything from it.
type check struct {
	Sealed []byte `bson:"sealed"`
}

// CheckKey says whether the box has the master key that this cluster's secrets are sealed with: FailedPrecondition when not. The first one to
// ask decides which key that is.
func CheckKey(ctx context.Context, s docstore.Store, box *seal.Box) error {
	c := docstore.NewCollection[check](s, collection)
	found, _, err := c.Get(ctx, keyCheck)
	if errs.Is(err, errs.NotFound) {
		_, err = c.Insert(ctx, keyCheck, check{Sealed: box.Seal(keyContext, []byte("gelato"))})
		if err == nil || !errs.Is(err, errs.AlreadyExists) {
			return wrap(err)
		}
		found, _, err = c.Get(ctx, keyCheck)
	}
	if err != nil {
		return wrap(err)
	}
	if _, err := box.Open(keyContext, found.Sealed); err != nil {
		return errs.New(errs.FailedPrecondition, "the master key is not the one that the secrets in the state are sealed with: every service needs the same master key file", err)
	}
	return nil
}

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("check master key: %w", err)
}
