// Package lease lets one of many processes do a thing at a time: be the leader, read a journal shard. A lease is a document
// (owner, epoch, TTL); whoever holds it renews it by compare-and-set, so its revision changes.
//
// No clocks are compared between processes. An observer calls a lease expired when it itself saw one revision for the whole TTL, on its
// own monotonic clock; the holder counts its TTL from before it asked for the renewal and gives up a tenth earlier. Each take-over raises the epoch, which
// never falls, not even when the lease was released: what the holder writes elsewhere carries it, so that what comes
// late (after a pause of the whole process, say) can be refused. Any service may import it.
package lease

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/trouble"
)

const (
	collection = "leases"
	// Lost is the reason of the error (FailedPrecondition) that says that a lease is held no more.
	Lost = "LeaseLost"
)

// record is the document of a lease.
type record struct {
	Owner     string `bson:"owner"` // a process; the epoch tells its holdings apart
	Epoch     int64  `bson:"epoch"`
	TTLMillis int64  `bson:"ttl"`
	Free      bool   `bson:"free"` // released
}

// Lease is a lease that was acquired. Its methods are safe for concurrent use.
type Lease struct {
	docs docstore.Collection[record]
	name string
	ttl  time.Duration
	rec  record

	renewing sync.Mutex // held over a whole Renew or Release

	mu       sync.Mutex
	rev      docstore.Rev
	deadline time.Time // monotonic; zero: lost or released
}

// Acquire waits until the lease is free or expired and takes it. It goes on while the document store is away, and ends with ctx.
// A lease whose holder is gone is taken one TTL (the holder's) after Acquire first saw it, at the latest. No two holders have one owner: what
// this owner is said to hold is taken at once.
func Acquire(ctx context.Context, docs docstore.Store, name, owner string, ttl time.Duration) (*Lease, error) {
	return acquire(ctx, docs, name, Options{Owner: owner, TTL: ttl}.defaults())
}

func acquire(ctx context.Context, docs docstore.Store, name string, o Options) (*Lease, error) {
	l, err := newLease(docs, name, o.TTL)
	if err != nil {
		return nil, err
	}
	var seen watch
	problem := trouble.New(o.Logger, "a lease cannot be looked at", "lease", name)
	for {
		won, wait, err := l.try(ctx, o.Owner, &seen)
		problem.Saw(ctx, err)
		switch {
		case won:
			return l, nil
		case errs.Is(err, errs.InvalidArgument):
			return nil, fmt.Errorf("acquire lease %s: %w", name, err)
		case err != nil:
			wait = l.poll()
		}
		if !trouble.Sleep(ctx, wait) {
			return nil, fmt.Errorf("acquire lease %s: %w", name, ctx.Err())
		}
	}
}

func newLease(docs docstore.Store, name string, ttl time.Duration) (*Lease, error) {
	if ttl < time.Millisecond {
		return nil, errs.Newf(errs.InvalidArgument, "a lease of %v is too short", ttl)
	}
	return &Lease{docs: docstore.NewCollection[record](docs, collection), name: name, ttl: ttl}, nil
}

// watch is what an observer knows of a lease that another one holds.
type watch struct {
	rev   docstore.Rev
	since time.Time    // when the answer with rev first came
	tried docstore.Rev // our own last attempt, whose outcome may be unknown
}

// see notes that the lease was at rev at a time.
func (w *watch) see(rev docstore.Rev, now time.Time) {
	if rev != w.rev {
		w.rev, w.since = rev, now
	}
}

func (w *watch) expires(r record) time.Time {
	return w.since.Add(time.Duration(r.TTLMillis) * time.Millisecond)
}

// try looks at the lease once and takes it when it may. Else it says how long to wait before the next look.
func (l *Lease) try(ctx context.Context, owner string, w *watch) (won bool, wait time.Duration, err error) {
	rec, rev, err := l.docs.Get(ctx, l.name)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return false, 0, err
	}
	now := time.Now()
	w.see(rev, now)
	expires := w.expires(rec)
	// An attempt of unknown outcome succeeded, or a holding of this process ended that could not be released: take it again, for a whole TTL.
	ours := rev == w.tried || rec.Owner == owner
	if rev != "" && !rec.Free && !ours && now.Before(expires) {
		return false, min(l.poll(), expires.Sub(now)), nil
	}
	next := record{Owner: owner, Epoch: rec.Epoch + 1, TTLMillis: l.ttl.Milliseconds()}
	w.tried = docstore.NewRev(now, rev)
	if rev == "" {
		err = l.docs.InsertAs(ctx, l.name, w.tried, next)
	} else {
		err = l.docs.ReplaceAs(ctx, l.name, rev, w.tried, next)
	}
	switch {
	case err == nil:
		l.rec, l.rev, l.deadline = next, w.tried, l.end(now)
		return true, 0, nil
	case errs.Is(err, errs.AlreadyExists), errs.Is(err, errs.FailedPrecondition):
		return false, 0, nil // another one came first: look again
	}
	return false, 0, err
}

// end is when the holder stops believing in a renewal that it asked for at start.
func (l *Lease) end(start time.Time) time.Time { return start.Add(l.ttl - l.ttl/10) }

func (l *Lease) poll() time.Duration { return l.ttl / 4 }

// Epoch is the number of this holding: each one of the same name has a higher one than those before.
func (l *Lease) Epoch() int64 { return l.rec.Epoch }

// Held reports whether the lease is certainly held now. Ask right before an effect that nothing else guards.
func (l *Lease) Held() bool { return l.Remaining() > 0 }

// Remaining is how long the lease is certainly held from now on, without another renewal. It is 0 once it is lost.
func (l *Lease) Remaining() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deadline.IsZero() {
		return 0
	}
	return max(0, time.Until(l.deadline))
}

// Renew prolongs the lease to a TTL from now. FailedPrecondition with reason Lost when another one has taken it, after which it
// stays lost; any other error leaves it as it was. A lease past its time that nobody took is renewed all the same: the epoch is unbroken.
func (l *Lease) Renew(ctx context.Context) error { return l.set(ctx, l.rec) }

// Release gives the lease up, so that the next one need not wait. It is not held any more, even when an error is returned.
func (l *Lease) Release(ctx context.Context) error {
	rec := l.rec
	rec.Free = true
	defer l.lose()
	return l.set(ctx, rec)
}

func (l *Lease) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rev, l.deadline = "", time.Time{}
}

// set replaces the lease's document. Where the revision is not the one expected, an earlier renewal of ours whose
// outcome stayed unknown may be the reason: the epoch tells.
func (l *Lease) set(ctx context.Context, rec record) error {
	l.renewing.Lock()
	defer l.renewing.Unlock()
	l.mu.Lock()
	rev := l.rev
	l.mu.Unlock()
	if rev == "" {
		return l.lost()
	}
	start := time.Now()
	for {
		next := docstore.NewRev(start, rev)
		err := l.docs.ReplaceAs(ctx, l.name, rev, next, rec)
		if err == nil {
			l.mu.Lock()
			l.rev, l.deadline = next, l.end(start)
			l.mu.Unlock()
			return nil
		}
		if !errs.Is(err, errs.FailedPrecondition) {
			return fmt.Errorf("renew lease %s: %w", l.name, err)
		}
		found, foundRev, err := l.docs.Get(ctx, l.name)
		switch {
		case err != nil && !errs.Is(err, errs.NotFound):
			return fmt.Errorf("renew lease %s: %w", l.name, err)
		case err != nil || found.Epoch != l.rec.Epoch || found.Free:
			l.lose()
			return l.lost()
		}
		rev = foundRev
	}
}

func (l *Lease) lost() error {
	return errs.Newf(errs.FailedPrecondition, "the lease %s is held no more", l.name).Because(Lost)
}
