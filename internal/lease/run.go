package lease

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/trouble"
)

// Options of Run and Share; the zero value works.
type Options struct {
	Owner  string        // names this process, and no other; default NewOwner("gelato")
	TTL    time.Duration // default DefaultTTL
	Logger *slog.Logger  // told of every change of hands; nil: silent
}

// DefaultTTL makes sure that the work of a dead process goes on within 15 s: its lease has expired a TTL after an observer saw its last
// renewal, and observers look every quarter of a TTL.
const DefaultTTL = 10 * time.Second

func (o Options) defaults() Options {
	if o.Owner == "" {
		o.Owner = NewOwner("gelato")
	}
	if o.TTL == 0 {
		o.TTL = DefaultTTL
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// NewOwner names this process, and one service in it: service@host/pid/nonce. No two are alike.
func NewOwner(service string) string {
	host, err := os.Hostname()
	if err != nil || len(host) > 255 {
		host = "unknown"
	}
	var nonce [4]byte
	rand.Read(nonce[:]) // never fails
	return fmt.Sprintf("%s@%s/%d/%x", service, strings.ToValidUTF8(host, "?"), os.Getpid(), nonce)
}

// ErrLost is the cause with which Run cancels the context of its function when the lease is lost.
var ErrLost = errors.New("lease lost")

// Run acquires the lease and calls f while it is held, renewing it meanwhile. When the lease is lost, f's context is cancelled; once f
// has returned, Run acquires again, with a higher epoch. When f returns by itself, Run releases the lease and returns what f returned. When
// ctx ends, Run waits for f, releases and returns nil. That the document store is away never ends it.
func Run(ctx context.Context, docs docstore.Store, name string, o Options, f func(ctx context.Context, epoch int64) error) error {
	o = o.defaults()
	log := o.Logger.With("lease", name, "owner", o.Owner)
	for {
		l, err := acquire(ctx, docs, name, o)
		if ctx.Err() != nil {
			if err == nil {
				l.giveUp(ctx)
			}
			return nil
		}
		if err != nil {
			return err
		}
		log.InfoContext(ctx, "lease taken", "epoch", l.Epoch())
		held, err := l.hold(ctx, f)
		switch {
		case ctx.Err() != nil:
			log.InfoContext(ctx, "lease handed back", "epoch", l.Epoch())
			return nil
		case held:
			return err
		}
		log.WarnContext(ctx, "lease lost", "epoch", l.Epoch())
	}
}

// hold calls f while the lease is held. held is false when f was ended by the loss of the lease.
func (l *Lease) hold(ctx context.Context, f func(ctx context.Context, epoch int64) error) (held bool, err error) {
	inner, cancel := context.WithCancelCause(ctx)
	var keeper sync.WaitGroup
	keeper.Go(func() { l.keep(inner, cancel) })
	err = f(inner, l.Epoch())
	held = !errors.Is(context.Cause(inner), ErrLost)
	cancel(nil)
	keeper.Wait()
	l.giveUp(ctx)
	return held, err
}

// keep renews until ctx ends, which it brings about itself when the lease is lost. A timer of its own watches the
// deadline, in case a renewal hangs.
func (l *Lease) keep(ctx context.Context, cancel context.CancelCauseFunc) {
	deadline := time.AfterFunc(l.Remaining(), func() { cancel(ErrLost) })
	defer deadline.Stop()
	wait := l.ttl / 3
	for trouble.Sleep(ctx, wait) {
		limited, stop := context.WithTimeout(ctx, l.Remaining())
		err := l.Renew(limited)
		stop()
		switch {
		case err == nil:
			deadline.Reset(l.Remaining())
			wait = l.ttl / 3
		case errs.ReasonOf(err) == Lost:
			cancel(fmt.Errorf("%w: %s", ErrLost, l.name))
			return
		default:
			wait = l.ttl / 20
		}
	}
}

// giveUp releases the lease even though ctx may have ended. An error only means that the next holder waits for the TTL.
func (l *Lease) giveUp(ctx context.Context) {
	if !l.Held() {
		return
	}
	limited, stop := context.WithTimeout(context.WithoutCancel(ctx), min(l.Remaining(), 2*time.Second))
	defer stop()
	_ = l.Release(limited)
}
