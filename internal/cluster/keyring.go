package cluster

import (
	"context"
	"fmt"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

const keyringCheck = "keyring"

// CheckKeyring says whether a keyring is the one that this cluster's objects are encrypted with, by its id: FailedPrecondition when not. The first one to ask decides which
// that is.
func CheckKeyring(ctx context.Context, s docstore.Store, id string) error {
	c := docstore.NewCollection[identity](s, collection)
	found, _, err := c.Get(ctx, keyringCheck)
	if errs.Is(err, errs.NotFound) {
		if _, err = c.Insert(ctx, keyringCheck, identity{ID: id}); err == nil {
			return nil
		}
		if errs.Is(err, errs.AlreadyExists) {
			found, _, err = c.Get(ctx, keyringCheck)
		}
	}
	if err != nil {
		return fmt.Errorf("check keyring: %w", err)
	}
	if found.ID != id {
		return errs.Newf(errs.FailedPrecondition, "the keyring is not the one that this cluster's objects are encrypted with: every s3 process needs the same keyring file, or a copy of it")
	}
	return nil
}
