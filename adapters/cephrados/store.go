//go:build ceph && cgo

package cephrados

import (
	"context"
	"hash/fnv"
	"log/slog"
	"sync"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

const missing = ""

const (
	proof      = "rados-osd-crc32c"
	proofParts = "rados-osd-crc32c-of-parts"
)

// Store is a namespace of a pool. It implements adapters.Store.
type Store struct {
	*cluster
	settings
	log     *slog.Logger
	buffers buffers

	layoutMu sync.Mutex
	known    *layout // nil as long as nothing was ever written

	spares  spares
	sweeper sweeper
}

var _ adapters.Store = (*Store)(nil)

func open(ctx context.Context, c adapters.Config, d adapters.Deps) (adapters.Store, error) {
	s, err := Open(ctx, c, d)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Open connects to the cluster and looks at the pool. A monitor that does not answer is Unavailable within options.timeout.
func Open(ctx context.Context, c adapters.Config, d adapters.Deps) (*Store, error) {
	set, err := parse(c)
	if err != nil {
		return nil, err
	}
	cl, err := connect(ctx, set)
	if err != nil {
		return nil, err
	}
	s := &Store{cluster: cl, settings: set, log: d.Logger()}
	if _, err := s.layout(ctx, false); err != nil {
		cl.close()
		return nil, err
	}
	s.startSweeping()
	return s, nil
}

// Capabilities implements adapters.Store.
func (s *Store) Capabilities() adapters.Capabilities { return capabilities(s.prefix) }

// Close implements adapters.Store. It waits for calls that were left alone, options.timeout at most.
func (s *Store) Close() error {
	s.stopSweeping()
	s.dropSpares()
	s.close()
	return nil
}

// Copy implements adapters.Store: librados has no call that copies inside the cluster.
func (s *Store) Copy(context.Context, string, string, string, adapters.PutOptions) (adapters.Info, error) {
	return adapters.Info{}, errs.New(errs.Unimplemented, "a pool has no server-side copy", nil)
}

// place is where the index keeps a key.
type place struct {
	key   string // as the caller knows it
	full  string // with the prefix
	shard string
	// inline is the largest object whose bytes are a row here.
	inline int
}

func (p place) entryKey() string { return entryRow + p.full }
func (p place) bytesKey() string { return bytesRow + p.full }

// find checks what all calls check and finds the place of a key. It is nil, with NotFound, when nothing was ever written and make is not set.
func (s *Store) find(ctx context.Context, key string, make bool) (place, error) {
	if err := alive(ctx); err != nil {
		return place{}, err
	}
	if err := adapters.CheckKey(key, maxKeyBytes-len(s.prefix)); err != nil {
		return place{}, err
	}
	l, err := s.layout(ctx, make)
	if err != nil {
		return place{}, err
	}
	if l == nil {
		return place{}, notFound(key)
	}
	full := s.prefix + key
	at := place{key: key, full: full, shard: l.shardOf(full)}
	if l.Format >= formatInline {
		at.inline = inlineMost
	}
	return at, nil
}

// checkOptions refuses what cannot be kept.
func checkOptions(o adapters.PutOptions) error {
	if o.StorageClass != "" {
		return errs.New(errs.InvalidArgument, "a pool has no storage classes", nil).Because("StorageClass")
	}
	size := len(o.Headers.ContentType) + len(o.Headers.ContentEncoding) + len(o.Headers.ContentLanguage) + len(o.Headers.ContentDisposition) +
		len(o.Headers.CacheControl) + len(o.Headers.Expires)
	for name, value := range o.Metadata {
		size += len(name) + len(value)
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return errs.New(errs.InvalidArgument, "metadata is not valid UTF-8", nil).Because("Metadata")
		}
	}
	if size > maxRowBytes {
		return errs.Newf(errs.InvalidArgument, "headers and metadata have %d bytes, %d are allowed", size, maxRowBytes).Because("Metadata")
	}
	return nil
}

// checkCRC compares a checksum that is known beforehand.
func checkCRC(want *uint64, got uint64) error {
	if want != nil && *want != got {
		return errs.Newf(errs.DataLoss, "the bytes have the CRC-64 %016x, not %016x", got, *want).Because("BadDigest")
	}
	return nil
}

// Formats of a namespace. Nobody changes that of one which is there.
const (
	formatFirst  = 1
	formatInline = 2 // small objects are rows
)

// layout is what gelato.root says.
type layout struct {
	Format int `json:"format"`
	Shards int `json:"indexShards"`
}

func (l *layout) shardOf(full string) string {
	h := fnv.New64a()
	h.Write([]byte(full))
	return shardObject(int(h.Sum64() % uint64(l.Shards)))
}

// layout reads the root object, and makes it and the shards when there is none and make is set; else it is nil then.
func (s *Store) layout(ctx context.Context, make bool) (*layout, error) {
	s.layoutMu.Lock()
	known := s.known
	s.layoutMu.Unlock()
	if known != nil {
		return known, nil
	}
	l, err := s.readLayout(ctx)
	if l == nil && err == nil && make {
		if err = s.makeLayout(ctx); err == nil {
			l, err = s.readLayout(ctx)
		}
	}
	if err != nil || l == nil {
		return nil, err
	}
	s.layoutMu.Lock()
	defer s.layoutMu.Unlock()
	s.known = l
	return l, nil
}

func (s *Store) readLayout(ctx context.Context) (*layout, error) {
	b, err := s.readObject(ctx, rootObject, 4096)
	if err == errAbsent {
		return nil, nil
	}
	if err != nil {
		return nil, fail("read root", err)
	}
	l, err := decode[layout](b)
	switch {
	case err != nil:
		return nil, err
	case l.Format < formatFirst || l.Format > formatInline || l.Shards < 1 || l.Shards > maxShards:
		return nil, errs.Newf(errs.FailedPrecondition, "the pool was written in format %d, which this version does not know", l.Format).Because("bucketName")
	case s.shards != 0 && s.shards != l.Shards:
		return nil, errs.Newf(errs.FailedPrecondition, "the index has %d shards, and that cannot be changed", l.Shards).Because("options.indexShards")
	}
	return &l, nil
}

// makeLayout makes the shards first, so that whoever finds the root finds them too.
func (s *Store) makeLayout(ctx context.Context) error {
	shards := s.shards
	if shards == 0 {
		shards = defaultShards
	}
	var g errgroup.Group
	g.SetLimit(16)
	for n := range shards {
		g.Go(func() error {
			if err := s.create(ctx, shardObject(n), nil); err != nil && err != errTaken {
				return err
			}
			return s.tryOmap(ctx, shardObject(n))
		})
	}
	if err := g.Wait(); err != nil {
		return fail("make index", err)
	}
	if err := s.create(ctx, rootObject, encode(layout{Format: formatInline, Shards: shards})); err != nil && err != errTaken {
		return fail("make root", err)
	}
	return nil
}

// tryOmap makes sure that a pool takes rows and compares them, before anything rests on it.
func (s *Store) tryOmap(ctx context.Context, shard string) error {
	id := newID()
	return s.apply(ctx, shard, change{same: map[string][]byte{intentRow + id: nil}, remove: []string{intentRow + id}})
}
