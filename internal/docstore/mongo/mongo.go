// Package mongo is the driver of docstore on a MongoDB server, with mongo-driver v2. Only cmd and tests make one; everything else sees
// docstore.Store.
//
// # Layout
//
// A docstore collection is a collection of the same name in the database that the URL names. A document is
//
//	{_id: <key, a string>, r: <revision, a string>, b: <body, a document>}
//
// or has x: <body, binary> in place of b where the body holds names or values that some server would refuse or alter (see plain). Both forms
// give back the same bytes. The collection "gelato.schema" (no docstore collection has a dot) holds one document with the version of this layout.
//
// # Query shapes
//
// These are all; each is served by the index on _id that every collection has, and each is one round trip:
//
//	Get      find   {_id: key}                        limit 1
//	GetMany  find   {_id: {$in: [keys]}}              no sort; the driver puts them in order
//	List     find   {_id: {$gte: from, $lt: to}}      sort {_id: 1}, limit; projection {r: 1, x: 1, "b.<field>": 1} when Range.Fields is set
//	Insert   insert {_id, r, b}
//	Replace  update {_id: key, r: old} -> {_id, r, b} whole-document replacement of one
//	Delete   delete {_id: key, r: old}                of one
//	Batch    one insert, update and delete command per collection, unordered, side by side, each of at most 1,000 operations or 15 MiB
//	         (a batch that mixes hits and misses of replaces reads {_id: {$in}} with projection {r: 1} afterwards)
//
// The first use of a collection in a process costs listCollections and, where it is absent, create. Nothing else is used: no transactions, change
// streams, secondary indexes, TTL, server-side scripts.
//
// # Consistency
//
// Writes have write concern {w: "majority", j: true}: what was acknowledged survives the loss of a minority. Reads go to the primary with read concern
// "majority": they never see what a failover could take back, and a majority write is acknowledged only once the primary's majority view
// holds it, so they see every write acknowledged before. What "linearizable" would add is the case of a primary that was deposed and does not know it
// yet (at most the election timeout, 10 s): it may answer with an older majority-committed state. It would cost a majority round trip for each
// read, holds for one document at a time only, and fails while no majority is there. Gelato does without it: every decision to write is a compare-and-set,
// which the new primary judges, and what is deleted without one (blobs) has waited for a grace time far longer than an election. Key
// order is bytewise, as the simple collation compares UTF-8 by memcmp; a collection with another collation is refused.
//
// # Unknown outcomes
//
// A write that has begun is not given up when the caller is cancelled: Canceled means that nothing was sent. On a replica set the driver
// sends a write again after a lost connection or an election, and the server does it once (retryable writes). When an insert or
// replace still ends without an answer, the document is read again: the own revision there is success. Anything else proves nothing, as the write
// may still be on its way, and the caller gets Unavailable or DeadlineExceeded. A delete cannot be told from another's delete and is not resolved.
//
// A batch learns from the server only how many of its updates matched. All and none are clear. In between the revisions are read: a replace
// whose own revision is there happened. If exactly as many are left as did not match, those did not happen. If more are left, another writer
// has changed a document between the write and the read, and nobody can tell which: these get Unavailable. For deletes the
// documents tell nothing (one that is absent may be another's doing, one that is there may have been made again), so if some but not all
// matched, each gets Unavailable. Answering FailedPrecondition there could call a write that happened lost.
//
// Op.Relaxed is ignored: a write that no majority has yet would not be visible to majority reads, which Relaxed promises.
//
// # Time
//
// Every call has a time limit (Options.Timeout), and so has finding a server (a third of it): while the database is away calls fail with
// Unavailable after that time. Meanwhile mongo-driver looks for the server at most twice a second, whatever the number of callers, and calls work again as
// soon as it is back.
//
// # Checked and not checked
//
// The tests run against mongo-java-server and FerretDB. Neither is a replica set. Only a real mongod can show: that explain reports IDHACK or IXSCAN
// on _id for the shapes above; majority acknowledgement and reads during an election; retryable writes; write concern errors of a real
// set; TLS and SCRAM. On a single server that is no replica set (a warning is logged), a document that was read again after an unknown outcome may
// not be in its journal yet for up to 100 ms.
package mongo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// Defaults of Options.
const (
	DefaultTimeout  = 15 * time.Second
	DefaultPatience = time.Minute
)

// Options of Open. The zero value is good.
type Options struct {
	Timeout    time.Duration         // of one call, where the caller's context allows as much; default DefaultTimeout
	Patience   time.Duration         // how long Open waits for a database that is away; default DefaultPatience
	Logger     *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: no metrics

	monitor *event.CommandMonitor // of the tests
}

// Store implements docstore.Store.
type Store struct {
	client  *mongo.Client
	db      *mongo.Database
	timeout time.Duration
	log     *slog.Logger
	metrics *metrics
	known   sync.Map // names of collections that were looked at

	closing sync.RWMutex // read-locked by every call, written by Close
	closed  bool
	leaving atomic.Bool // Close has begun: that the server is not heard of any more is no news
}

var _ docstore.Store = (*Store)(nil)

// Open connects to the database that a URL mongodb://[user:password@]host[:port][,host...]/database[?option=value&...] names, waits until it answers, and makes
// or checks the schema document. The options are MongoDB's own; those that would weaken the guarantees of docstore are refused.
//
// InvalidArgument for a URL that cannot be meant, Unauthenticated or PermissionDenied when the credentials do not do, FailedPrecondition when the
// database was written by a newer Gelato or its server is too old, Unavailable when it is away for longer than Options.Patience. No error and no log line
// holds the credentials.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Patience <= 0 {
		o.Patience = DefaultPatience
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	target, err := parse(url)
	if err != nil {
		return nil, err
	}
	s := &Store{timeout: o.Timeout, log: o.Logger, metrics: newMetrics()}
	client := options.Client().ApplyURI(url).
		SetAppName("gelato").
		SetWriteConcern(writeconcern.Majority()).
		SetReadConcern(readconcern.Majority()).
		SetReadPreference(readpref.Primary()).
		SetServerSelectionTimeout(o.Timeout / 3).
		SetConnectTimeout(o.Timeout / 3).
		SetPoolMonitor(s.metrics.pool()).
		SetServerMonitor(s.watch()).
		SetMonitor(o.monitor)
	journal := true
	client.WriteConcern.Journal = &journal
	if client.MaxConnecting == nil {
		client.SetMaxConnecting(8)
	}
	if err := client.Validate(); err != nil {
		return nil, errs.New(errs.InvalidArgument, "the URL of the state server is not valid: "+target.hide(err.Error()), nil)
	}
	if s.client, err = mongo.Connect(client); err != nil {
		return nil, errs.New(errs.InvalidArgument, "the URL of the state server is not valid: "+target.hide(err.Error()), nil)
	}
	s.db = s.client.Database(target.database)
	if err := s.start(ctx, target, o.Patience); err != nil {
		return nil, errors.Join(target.hidden(err), s.Close())
	}
	if o.Registerer != nil {
		if err := s.metrics.register(o.Registerer); err != nil {
			return nil, errors.Join(fmt.Errorf("register metrics: %w", err), s.Close())
		}
	}
	return s, nil
}

// start waits until the server answers and checks the schema, with growing pauses while it is away.
func (s *Store) start(ctx context.Context, t target, patience time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errPatience)
	defer cancel()
	var last error
	var said time.Time
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := s.checkSchema(ctx)
		if err == nil || !errs.Is(err, errs.Unavailable) && !errs.Is(err, errs.DeadlineExceeded) {
			return err
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		if time.Since(said) > time.Minute {
			s.log.WarnContext(ctx, "waiting for the state server", "error", t.hidden(err))
			said = time.Now()
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errPatience) {
				return errs.New(errs.Unavailable, fmt.Sprintf("the state server did not answer within %v", patience), last)
			}
			return errors.Join(ctx.Err(), last)
		}
	}
}

var errPatience = errors.New("the patience of Open ended")

// Close implements docstore.Store. It waits for the calls that run.
func (s *Store) Close() error {
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.leaving.Store(true)
	s.metrics.unregister()
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	if err := s.client.Disconnect(ctx); err != nil {
		return fmt.Errorf("disconnect from the state server: %w", err)
	}
	return nil
}

// enter lets a call in; leave must follow when it returns nil.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.closing.RLock()
	if s.closed {
		s.closing.RUnlock()
		return errs.Newf(errs.Unavailable, "the state store is closed")
	}
	return nil
}

func (s *Store) leave() { s.closing.RUnlock() }

// watch logs when the server goes away and comes back.
func (s *Store) watch() *event.ServerMonitor {
	var mu sync.Mutex
	was := false
	return &event.ServerMonitor{TopologyDescriptionChanged: func(e *event.TopologyDescriptionChangedEvent) {
		mu.Lock()
		defer mu.Unlock()
		kind, is := writable(e.NewDescription)
		switch {
		case is && !was:
			s.log.Info("the state server is there", "kind", kind)
			if kind == "Standalone" {
				s.log.Warn("the state server is no replica set: what it acknowledged does not survive its loss")
			}
		case was && !is && !s.leaving.Load():
			s.log.Warn("the state server is away")
		}
		was = is
		s.metrics.setUp(is)
	}}
}

// writable tells whether a server that takes writes is known, and its kind in mongo-driver's words.
func writable(t event.TopologyDescription) (kind string, ok bool) {
	for _, server := range t.Servers {
		switch server.Kind {
		case "RSPrimary", "Standalone", "Mongos", "LoadBalancer":
			return server.Kind, true
		}
	}
	return "", false
}
