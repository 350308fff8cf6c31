// Package pebble is the embedded driver of docstore, on cockroachdb/pebble.
//
// A document lies under <collection> NUL <key> as 12 bytes of revision and its BSON body. A write holds the lock of its key's
// stripe while it reads the stored revision and commits; commits of different stripes share fsyncs, so throughput grows with the number of
// writers. A Batch is one commit. Only cmd and tests make one; everything else sees docstore.Store.
package pebble

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"os"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// Memory: at most the cache and memTables * memTableBytes, about 96 MiB.
const (
	cacheBytes    = 48 << 20
	memTableBytes = 16 << 20
	memTables     = 3
)

// Options of Open. The zero value is a durable store on disk.
type Options struct {
	NoSync     bool                  // do not wait for the disk: a crash loses the newest writes. For scratch use
	FS         vfs.FS                // nil: the disk. Tests give vfs.NewMem() or vfs.NewCrashableMem()
	Logger     *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: no metrics
}

// Store implements docstore.Store.
type Store struct {
	db      *pebble.DB
	lock    *pebble.Lock
	cache   *pebble.Cache
	write   *pebble.WriteOptions
	stripes stripes
	metrics *collector

	closing sync.RWMutex // read-locked by every call, written by Close
	closed  bool
}

var _ docstore.Store = (*Store)(nil)

// Open opens the store in a directory, which is made when absent. FailedPrecondition when another process has it open.
func Open(dir string, o Options) (*Store, error) {
	fs := o.FS
	if fs == nil {
		fs = vfs.Default
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	lock, err := pebble.LockDirectory(dir, fs)
	if err != nil {
		return nil, lockError(dir, err)
	}
	s := &Store{lock: lock, cache: pebble.NewCache(cacheBytes), write: pebble.Sync}
	s.stripes.seed = maphash.MakeSeed()
	if o.NoSync {
		s.write = pebble.NoSync
	}
	opts := &pebble.Options{
		FS:                          fs,
		Lock:                        lock,
		Cache:                       s.cache,
		MemTableSize:                memTableBytes,
		MemTableStopWritesThreshold: memTables,
		FormatMajorVersion:          pebble.FormatNewest,
		MaxOpenFiles:                500,
		Logger:                      logger{o.Logger},
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	if s.db, err = pebble.Open(dir, opts); err != nil {
		s.cache.Unref()
		return nil, errors.Join(fmt.Errorf("open state: %w", err), lock.Close())
	}
	if o.Registerer != nil {
		s.metrics = newCollector(s, o.Registerer)
		if err := o.Registerer.Register(s.metrics); err != nil {
			s.metrics = nil
			return nil, errors.Join(fmt.Errorf("register metrics: %w", err), s.Close())
		}
	}
	return s, nil
}

// OpenMemory opens an empty store in memory, for tests and scratch use.
func OpenMemory() (*Store, error) { return Open("state", Options{FS: vfs.NewMem(), NoSync: true}) }

// Close implements docstore.Store. It waits for the calls that run.
func (s *Store) Close() error {
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.metrics != nil {
		s.metrics.unregister()
	}
	err := s.db.Close()
	s.cache.Unref()
	return errors.Join(err, s.lock.Close())
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

// lockError tells a directory that another process uses from one that cannot be used.
func lockError(dir string, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) && errno != syscall.EAGAIN && errno != syscall.EACCES || errors.Is(err, os.ErrPermission) && !errors.Is(err, syscall.EAGAIN) {
		return fmt.Errorf("lock state directory: %w", err)
	}
	return errs.New(errs.FailedPrecondition, "another process uses this data directory: "+dir, err)
}

// logger passes pebble's log on. Pebble calls Fatalf when it cannot write its log any more (a full or broken disk): no later commit can work, so
// the process ends, even from under a handler that recovers from panics; a restart finds all that was acknowledged.
type logger struct{ l *slog.Logger }

func (l logger) Infof(format string, args ...any) {
	l.l.Debug("state store", "text", fmt.Sprintf(format, args...))
}

func (l logger) Errorf(format string, args ...any) {
	l.l.Error("state store", "text", fmt.Sprintf(format, args...))
}

func (l logger) Fatalf(format string, args ...any) {
	l.l.Error("state store cannot go on", "text", fmt.Sprintf(format, args...))
	os.Exit(1)
}
