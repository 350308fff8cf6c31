package datamover

import (
	"context"
	"errors"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/trouble"
)

// awayLimit bounds the wait of one object for services that do not answer.
const awayLimit = 5 * time.Minute

// serviceError says that a service of ours, or its state, did not answer. That is no failure of the object: it is waited for, as long as the lease
// lasts and awayLimit allows.
type serviceError struct{ error }

// Unwrap gives the error of the service.
func (e serviceError) Unwrap() error { return e.error }

// ofService marks what a service of ours answered, if waiting can help. A write that was given up is begun anew at once.
func ofService(err error) error {
	if errs.Retryable(err) && errs.ReasonOf(err) != writeExpired {
		return serviceError{err}
	}
	return err
}

// store opens a backend.
func (a *attempt) store(ctx context.Context, id string) (adapters.Store, error) {
	s, err := a.Stores.Store(ctx, id)
	return s, ofService(err)
}

// absence is how long, and how many times in a row, services did not answer to one object.
type absence struct {
	since time.Time
	n     int
}

// wait reports whether err is a serviceError, and another attempt is due after the pause that it made.
func (w *absence) wait(ctx context.Context, err error) bool {
	if _, away := errors.AsType[serviceError](err); !away {
		*w = absence{}
		return false
	}
	if w.n++; w.n == 1 {
		w.since = time.Now()
	}
	return time.Since(w.since) < awayLimit && trouble.Sleep(ctx, pause(w.n))
}
