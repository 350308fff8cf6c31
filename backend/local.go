package backend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// LocalName is the name of the backend that EnsureDefault registers.
const LocalName = "local"

var errLocalMade = errors.New("the local backend was registered before")

// EnsureDefault registers the directory dir as backend "local" of type posix, the default, once in the life of the state: one that was
// removed or renamed later does not come back. It makes the directory.
func (s *Service) EnsureDefault(ctx context.Context, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("find directory of backend %s: %w", LocalName, err)
	}
	x, _, err := s.loadIndex(ctx)
	if err != nil || x.LocalMade {
		return err
	}
	// The claim of a start that was killed would stand in the way for a minute. Should its owner live after all, it fails to settle.
	err = s.changeIndex(ctx, func(x *index) error {
		for _, e := range x.Entries {
			if e.Pending && e.Name == LocalName {
				x.remove(e.ID)
				return nil
			}
		}
		return errNothing
	})
	if err != nil && err != errNothing {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return errs.New(errs.FailedPrecondition, "the directory of backend "+LocalName+" cannot be made", err)
	}
	_, err = s.register(ctx, registration{
		id: "be_" + randomHex(8), name: LocalName, makeDefault: x.DefaultID == "", local: true,
		cfg: adapters.Config{Type: "posix", BucketName: dir},
	})
	if errors.Is(err, errLocalMade) {
		return nil
	}
	return err
}
