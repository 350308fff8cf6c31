package catalog

import (
	"log/slog"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/lease"
)

// Options of New. The zero value has the defaults.
type Options struct {
	TTL           time.Duration // how long a write may go on without Renew; 30 s
	SweepInterval time.Duration // between two passes of the journal's reader; 1 m, and never more than GarbageGrace (but 1 s at least)
	GarbageGrace  time.Duration // how long replaced bytes stay for those who still read them; 1 h
	Skew          time.Duration // how far the clocks of two processes may differ; 2 s. Safety does not rest on it, only patience
	UploadKeep    time.Duration // how long a completed upload repeats its answer; 24 h
	LeaseTTL      time.Duration // of a shard's reader; 10 s
	Owner         string        // names this process in leases; must differ between processes; one that tells host and process
	Log           *slog.Logger  // nil: silent

	minPart int64         // smallest part of a multipart upload but the last; tests make it small
	page    int           // notes and garbage read at once; tests make it small
	fault   fault         // planted bugs, for the model checker
	skew    time.Duration // how wrong the clock is, for tests
}

// Catalog implements API over a document store, and runs the journal's reader.
type Catalog struct {
	docs   docstore.Store
	stores StoreOpener
	tag    blob.Tag
	opt    Options
	log    *slog.Logger

	notifier Notifier // nil: nobody is told of changes

	cache bucketCache
	wake  chan struct{}

	mu    sync.Mutex
	retry map[string]backoff // by backend id: those that did not answer a garbage pass
}

var _ API = (*Catalog)(nil)

// New makes a Catalog. tag is that of the cluster whose blobs it makes and collects. Nothing runs in the background until Run.
func New(docs docstore.Store, stores StoreOpener, tag blob.Tag, o Options) (*Catalog, error) {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.TTL, 30*time.Second)
	def(&o.SweepInterval, time.Minute)
	def(&o.GarbageGrace, time.Hour)
	def(&o.Skew, 2*time.Second)
	def(&o.UploadKeep, 24*time.Hour)
	def(&o.LeaseTTL, lease.DefaultTTL)
	if o.minPart == 0 {
		o.minPart = 5 << 20
	}
	if o.page == 0 {
		o.page = notePage
	}
	if o.Owner == "" {
		o.Owner = lease.NewOwner("s3")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Catalog{docs: docs, stores: stores, tag: tag, opt: o, log: o.Log,
		cache: bucketCache{entries: map[string]Bucket{}}, wake: make(chan struct{}), retry: map[string]backoff{}}, nil
}

// fault plants a bug, so that the model checker can show that it would notice. All false in the product.
type fault struct {
	skipNote      bool // commit without waiting for the note
	skipRecheck   bool // put into absence without reading the note again
	skipFence     bool // settle an uncommitted note without changing the head
	skipBucket    bool // do not read the bucket again after an insert
	skipGrace     bool // collect garbage at once
	skipClose     bool // settle a note before the one that it builds on
	skipResolve   bool // take a commit of unknown outcome for failed
	doubleUsage   bool // do not remember which notes were applied
	skipAnchor    bool // collect an upload's blob when one of its attempts was not committed
	skipFinish    bool // overwrite without finishing the upload that made the head
	ignoreClosed  bool // start again from another head although the note was closed
	deleteUndone  bool // delete the original of an adoption that is taken back
	trustRefusal  bool // take the refusal of a repeated write for an answer about the first one
	skipSlot      bool // insert a version that left the head, rather than replace a slot
	skipSlotCheck bool // replace a slot without reading the head again
	skipVersions  bool // collect what the head does not refer to
	skipSecond    bool // do not read the head again when a version is missed
	skipShift     bool // replace a head without finishing its shift
	skipEvents    bool // settle notes without storing their events
	noDeadline    bool // do not look at the clock before a commit: no bug, as safety does not rest on it
}
