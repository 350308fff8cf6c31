// Package wrap decorates stores: Retry repeats what may succeed later, Limit ends what takes too long, Measure counts.
//
// Each embeds an adapters.Store, overrides what it changes, passes the conformance suite as the store inside does, and closes it. From the
// outside in, the order is Measure(Retry(Limit(store))): each attempt has limits of its own, and what is measured is what the caller saw.
//
// What a store may offer beyond the interface goes through: a body of Get that has io.WriterTo keeps it (sendfile), a body given to Put that has
// io.Seeker keeps it (replays). Type assertions on the store itself do not see through a decorator; there are none in Gelato.
//
// Package pool and tests import it; it may import adapters and internal.
package wrap

import (
	"context"
	"io"

	"github.com/opensds/gelato/internal/errs"
)

// seekStart returns how to rewind a body to where it is now, or nil when it cannot seek.
func seekStart(body io.Reader) func() error {
	s, ok := body.(io.Seeker)
	if !ok {
		return nil
	}
	at, err := s.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil
	}
	return func() error {
		_, err := s.Seek(at, io.SeekStart)
		return err
	}
}

// codeOf names the outcome of a call for a metric.
func codeOf(err error) string {
	if err == nil {
		return "ok"
	}
	return errs.CodeOf(err).String()
}

// ended returns the error of a context that has ended, else nil.
func ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return context.Cause(ctx)
}
