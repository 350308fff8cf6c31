package catalog

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

const collEvents = "events"

// NotificationSetting is the name of the setting by which a bucket wants others to be told of changes. What is in it is the Notifier's.
const NotificationSetting = "notification"

// Cause says why something is changed: what the change is called when others are told of it, and who asked for it. It travels in the context.
type Cause struct {
	Event     string // ObjectCreated:Put; empty: nobody is told. ObjectRemoved: the catalog says how
	Principal string // canonical id; empty: anonymous
	SourceIP  string
	RequestID string
}

// The names of events that the catalog gives itself.
const (
	EventCopy    = "ObjectCreated:Copy" // also of what jobs write
	EventRemoved = "ObjectRemoved"
	eventDelete  = "ObjectRemoved:Delete"
	eventMarker  = "ObjectRemoved:DeleteMarkerCreated"
)

type causeKey struct{}

// WithCause says why what is done under the context is done.
func WithCause(ctx context.Context, c Cause) context.Context {
	return context.WithValue(ctx, causeKey{}, c)
}

func causeOf(ctx context.Context) Cause {
	c, _ := ctx.Value(causeKey{}).(Cause)
	return c
}

// ofJobs is the cause of what jobs do.
func ofJobs(event string) Cause { return Cause{Event: event, Principal: "gelato"} }

// Event is a change that was committed, as others are told of it.
type Event struct {
	ID string // orders the events of a target
	Cause
	Time      time.Time // of the change's note
	Bucket    string
	BucketID  string
	Key       string
	Size      int64
	ETag      string
	VersionID string       // empty in a bucket without versions
	Rev       docstore.Rev // of the head; of two events of a key the later one has the larger
	Rule      string       // as Route said
}

// Notifier is told of events.
type Notifier interface {
	// Route names the target of an event, and the rule that says so; empty for none. A name has letters, digits, '_' and '-' only.
	Route(ctx context.Context, e Event) (target, rule string, err error)
	// Deliver delivers what Events has of a shard, and forgets it, until ctx ends. One process at a time does so, but for moments.
	Deliver(ctx context.Context, shard int)
}

// SetNotifier has changes told to others. It must be called before Run, and before anything is changed.
func (c *Catalog) SetNotifier(n Notifier) { c.notifier = n }

// told is what a note says of its event. The zero told is no event.
type told struct {
	Cause
	size            int64
	etag, versionID string
}

// tell writes into a note what is to be told of its change, if the bucket wants that.
func (ch *change) tell(n *note) {
	if ch.tells == nil {
		return
	}
	if o, event, ok := ch.tells(n, ch.base); ok {
		n.told = told{ch.cause, o.Size, o.ETag, o.VersionID}
		n.told.Event = event
	}
}

// silent reports that nobody is told of the change.
func (ch *change) silent(cause Cause) bool {
	_, wanted := ch.bucket.Settings[NotificationSetting]
	return !wanted || cause.Event == ""
}

// tellsPut tells of the object that make makes the current one.
func (ch *change) tellsPut(cause Cause) {
	if ch.silent(cause) {
		return
	}
	ch.cause = cause
	ch.tells = func(n *note, base head) (Object, string, bool) {
		h, err := ch.make(base)
		h.stamp(n.rev, n.id)
		return h.object, cause.Event, err == nil
	}
}

// tellsDelete tells of the version that make deletes, or of the delete marker that it lays.
func (ch *change) tellsDelete(cause Cause, versionID string) {
	if ch.silent(cause) {
		return
	}
	ch.cause = cause
	ch.tells = func(n *note, base head) (Object, string, bool) {
		h, err := ch.make(base)
		h.stamp(n.rev, n.id)
		switch {
		case err != nil:
			return Object{}, "", false
		case versionID != "":
			return Object{VersionID: ch.gone.VersionID}, eventDelete, true
		case h.object.DeleteMarker:
			return Object{VersionID: h.object.VersionID}, eventMarker, true
		}
		return Object{}, eventDelete, true
	}
}

// tellsAmend tells of the version that make amended last.
func (ch *change) tellsAmend(cause Cause, amended *Object) {
	if ch.silent(cause) {
		return
	}
	ch.cause = cause
	ch.tells = func(_ *note, base head) (Object, string, bool) {
		_, err := ch.make(base)
		return *amended, cause.Event, err == nil
	}
}

// tellsUpload tells of the object that an upload becomes.
func (ch *change) tellsUpload(u uploadDoc) {
	if ch.silent(u.cause) {
		return
	}
	ch.cause = u.cause
	ch.tells = func(n *note, _ head) (Object, string, bool) {
		o := u.object()
		if ch.named() {
			o.VersionID = string(n.rev)
		}
		return o, u.cause.Event, true
	}
}

func (w *writer) told(t told) {
	if t.Event == "" {
		return
	}
	w.doc("e")
	w.cause(t.Cause)
	w.int("s", t.size)
	w.str("t", t.etag)
	w.str("v", t.versionID)
	w.end()
}

func (w *writer) cause(c Cause) {
	w.str("e", c.Event)
	w.str("p", c.Principal)
	w.str("a", c.SourceIP)
	w.str("q", c.RequestID)
}

// field reads one field of a Cause; others it leaves alone.
func (c *Cause) field(e elem) {
	switch e.key {
	case "e":
		c.Event = e.str()
	case "p":
		c.Principal = e.str()
	case "a":
		c.SourceIP = e.str()
	case "q":
		c.RequestID = e.str()
	}
}

func (t *told) read(doc string) (good bool) {
	r := nested(doc)
	for e, ok := r.next(); ok; e, ok = r.next() {
		t.field(e)
	}
	return !r.bad
}

func (t *told) field(e elem) {
	switch e.key {
	case "s":
		t.size = e.int()
	case "t":
		t.etag = e.str()
	case "v":
		t.versionID = e.str()
	default:
		t.Cause.field(e)
	}
}

// event is what others are told of a committed note.
func (n note) event() Event {
	return Event{ID: string(n.rev), Cause: n.told.Cause, Time: n.rev.Time(), Bucket: n.bucket, BucketID: n.bucketID, Key: n.key,
		Size: n.told.size, ETag: n.told.etag, VersionID: n.told.versionID, Rev: n.rev}
}

func eventPrefix(shard int, target string) string { return shardPrefix(shard) + target + "/" }

func (e Event) doc(shard int, target string) (docstore.Doc, error) {
	w := newWriter(512)
	w.told(told{e.Cause, e.Size, e.ETag, e.VersionID})
	w.str("bn", e.Bucket)
	w.str("bi", e.BucketID)
	w.str("k", e.Key)
	w.str("r", e.Rule)
	body, err := w.finish()
	return docstore.Doc{Key: eventPrefix(shard, target) + e.ID, Rev: newRev(""), Body: body}, err
}

func decodeEvent(d docstore.Doc) (Event, error) {
	var t told
	e := Event{ID: d.Key[strings.LastIndexByte(d.Key, '/')+1:]}
	e.Rev = docstore.Rev(e.ID)
	e.Time = e.Rev.Time()
	r := newReader(d.Body)
	for f, ok := r.next(); ok; f, ok = r.next() {
		switch f.key {
		case "e":
			r.bad = !t.read(f.val) || r.bad
		case "bn":
			e.Bucket = f.str()
		case "bi":
			e.BucketID = f.str()
		case "k":
			e.Key = f.str()
		case "r":
			e.Rule = f.str()
		}
	}
	e.Cause, e.Size, e.ETag, e.VersionID = t.Cause, t.size, t.etag, t.versionID
	if r.bad || docstore.CheckRev(e.Rev) != nil {
		return Event{}, malformed(collEvents, d.Key)
	}
	return e, nil
}

// publish stores the events of committed notes for their targets. It may happen again until the notes are settled, even when an event was delivered and
// forgotten meanwhile: so each is delivered once at least.
func (c *Catalog) publish(ctx context.Context, shard int, committed []note) error {
	if c.notifier == nil || c.opt.fault.skipEvents {
		return nil
	}
	var ops []docstore.Op
	for _, n := range committed {
		if n.told.Event == "" {
			continue
		}
		e := n.event()
		target, rule, err := c.notifier.Route(ctx, e)
		if err != nil {
			return fmt.Errorf("route event: %w", err)
		}
		if target == "" {
			continue
		}
		e.Rule = rule
		d, err := e.doc(shard, target)
		if err != nil {
			return err
		}
		ops = append(ops, insertOp(collEvents, d))
	}
	for _, err := range c.apply(ctx, ops) {
		if err != nil && !errs.Is(err, errs.AlreadyExists) {
			return fmt.Errorf("store events: %w", err)
		}
	}
	return nil
}

// EventTargets names the targets for which events of a shard are stored.
func (c *Catalog) EventTargets(ctx context.Context, shard int) (targets []string, err error) {
	from := shardPrefix(shard)
	to := docstore.PrefixEnd(from)
	for {
		docs, err := c.docs.List(ctx, collEvents, docstore.Range{From: from, To: to, Limit: 1})
		if err != nil {
			return nil, fmt.Errorf("list events: %w", err)
		}
		if len(docs) == 0 {
			return targets, nil
		}
		target, _, _ := strings.Cut(strings.TrimPrefix(docs[0].Key, shardPrefix(shard)), "/")
		targets = append(targets, target)
		from = docstore.PrefixEnd(eventPrefix(shard, target))
	}
}

// Events returns events of a shard for a target behind the id after, in order.
func (c *Catalog) Events(ctx context.Context, shard int, target, after string, limit int) ([]Event, error) {
	from := eventPrefix(shard, target)
	r := docstore.Range{From: from, To: docstore.PrefixEnd(from), Limit: limit}
	if after != "" {
		r.From = docstore.After(from + after)
	}
	docs, err := c.docs.List(ctx, collEvents, r)
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	list := make([]Event, len(docs))
	for i, d := range docs {
		if list[i], err = decodeEvent(d); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// ForgetEvents deletes events of a shard for a target. Those that are gone already are no error.
func (c *Catalog) ForgetEvents(ctx context.Context, shard int, target string, ids []string) error {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = eventPrefix(shard, target) + id
	}
	docs, err := c.getMany(ctx, collEvents, keys)
	if err != nil {
		return err
	}
	var ops []docstore.Op
	for _, d := range docs {
		if d.Rev != "" {
			ops = append(ops, deleteOp(collEvents, d.Key, d.Rev))
		}
	}
	for _, err := range c.apply(ctx, ops) {
		if err != nil && !errs.Is(err, errs.FailedPrecondition) {
			return fmt.Errorf("delete events: %w", err)
		}
	}
	return nil
}
