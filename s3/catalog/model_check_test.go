package catalog

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/docstore"
)

// opState is what the outside knows of an operation.
type opState int

const (
	opPending opState = iota + 1
	opOK
	opFailed  // refused for good: it has not happened and will not
	opUnknown // no answer, or one that says nothing
)

// operation is one thing that a client asked for, with what the model saw of it.
type operation struct {
	id       string
	kind     string // put, upload, delete, delete version, amend, relocate, adopt
	version  string // the version id that it names
	bucketID string
	key      string
	content  string
	start    int
	began    time.Time
	state    opState
	applied  int
	undone   bool // in a bucket that is gone: it must not be acknowledged
}

// event says which operation's content a key shows from a step on; "" is none.
type event struct {
	step int
	op   string
}

// native is what the model knows of the bytes at one place.
type native struct {
	by      *actor // who put them there
	at      time.Time
	head    string    // the key of the head that refers to them
	dropped time.Time // when a head last ceased to
}

// run is one interleaving: the state, and the model beside it.
type run struct {
	sched
	seed         uint64
	world        sync.Mutex // held over an effect and what the model makes of it: in the final phase gates stand open
	docs         *memDocs
	stores       map[string]*memStore
	grace        time.Duration
	ops          map[string]*operation
	owner        map[docstore.Rev]*operation // of notes
	shows        map[string][]event          // by head key
	history      map[string][]layersEvent    // by head key
	states       map[string][]stateEvent     // by bucket id
	natives      map[string]*native          // by backend and native key
	alive        map[string]bool             // bucket ids
	buckets      []string                    // every bucket id so far
	late         map[string]*actor           // documents that were inserted by actors whose time was long over
	versioned    bool                        // versions are in play
	onlyVersions bool                        // and little else: for bugs that show there
	reads        bool                        // versions are mostly read and deleted
	given        bool                        // a client deleted, overwrote or relocated the adopted object
	told         toldEvents
	broken       []string // violations
}

// violate records what must never happen.
func (r *run) violate(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if r.verbose {
		buf := make([]byte, 8<<10)
		text += "\n" + string(buf[:runtime.Stack(buf, false)])
	}
	r.log("VIOLATION: %s", text)
	r.broken = append(r.broken, text)
}

// foreign is the native key of the object to adopt.
const foreign = "foreign"

func place(backend, key string) string { return backend + ":" + key }

func (r *run) native(backend, key string) *native {
	p := place(backend, key)
	if r.natives[p] == nil {
		r.natives[p] = &native{}
	}
	return r.natives[p]
}

func (r *run) putNative(ctx context.Context, backend, key string) {
	n := r.native(backend, key)
	n.by, n.at = actorOf(ctx), time.Now()
}

func (r *run) deleteNative(backend, key string) {
	n := r.native(backend, key)
	if _, there := r.stores[backend].objects[key]; !there {
		return
	}
	if key == foreign && !r.given {
		r.violate("the foreign object was deleted, and no client asked for it")
	}
	if n.head != "" {
		r.violate("%s %s was deleted while %s refers to it", backend, key, n.head)
	}
	if !n.dropped.IsZero() && time.Since(n.dropped) < r.grace-2*modelSkew {
		r.violate("%s %s was deleted %v after it was replaced", backend, key, time.Since(n.dropped))
	}
	for _, d := range r.docs.all(collUploads) {
		if u, err := decodeUpload(d); err == nil && u.Location.BackendID == backend && u.Location.NativeKey == key && u.state != upAborting && u.state != upDone {
			r.violate("%s %s was deleted while upload %s needs it", backend, key, u.ID)
		}
	}
}

// observe sees every write of the code under test that took effect.
func (r *run) observe(ctx context.Context, op docstore.Op, before docstore.Doc) {
	// No note looks after a slot: one that came too late stays when its actor dies right then.
	if a := actorOf(ctx); op.Kind == docstore.OpInsert && a != nil && (time.Since(a.started) > modelTTL || op.Collection == collVersions || op.Collection == collObjects && !r.noted(op.Doc.Key)) {
		r.late[op.Collection+op.Doc.Key] = a
	}
	switch op.Collection {
	case collJournal:
		if _, rev, ok := cutNoteKey(op.Doc.Key); ok && op.Kind == docstore.OpInsert {
			r.owner[rev] = r.current(ctx, op.Doc)
		}
	case collBuckets:
		r.observeBucket(op, before)
	case collObjects:
		r.observeHead(op, before)
	case collVersions:
		if p := docstore.Split(op.Doc.Key); len(p) == 3 {
			r.compare(headKey(p[0], p[1]), nil, false)
		}
	}
}

// noted reports whether there is a note of a key. A reader whose clock is far ahead may have settled it within the writer's time.
func (r *run) noted(key string) bool {
	for _, d := range r.docs.all(collJournal) {
		if n, err := decodeNote(d); err == nil && headKey(n.bucketID, n.key) == key {
			return true
		}
	}
	return false
}

// leftBehind reports whether a document may be left over: its actor inserted it when the time was long over, and
// crashed or met a failure when it was to take it back.
func (r *run) leftBehind(collection, key string) bool {
	a := r.late[collection+key]
	return a != nil && (a.dead || a.hurt)
}

func (r *run) observeBucket(op docstore.Op, before docstore.Doc) {
	switch op.Kind {
	case docstore.OpInsert:
		b, err := decodeBucket(op.Doc)
		if err != nil {
			r.violate("%v", err)
		}
		r.alive[b.ID] = true
		r.buckets = append(r.buckets, b.ID)
	case docstore.OpReplace:
		b, _ := decodeBucket(op.Doc)
		r.states[b.ID] = append(r.states[b.ID], stateEvent{r.step, time.Now(), b.Versioning})
	case docstore.OpDelete:
		b, _ := decodeBucket(before)
		r.alive[b.ID] = false
		for key, events := range r.shows {
			id, _ := cutHeadKey(key)
			if last := events[len(events)-1].op; id == b.ID && last != "" {
				r.orphaned(r.ops[last])
			}
		}
	}
}

// orphaned marks an operation whose object is in a bucket that is gone.
func (r *run) orphaned(o *operation) {
	o.undone = true
	if o.state == opOK {
		r.violate("%s was acknowledged, and its bucket is gone", o.id)
	}
}

func decode(d docstore.Doc) head {
	h, err := decodeHead(d)
	if err != nil {
		panic(err)
	}
	return h
}

func (h head) op() string {
	if !h.live {
		return ""
	}
	return h.object.Metadata["op"]
}

func (r *run) observeHead(op docstore.Op, before docstore.Doc) {
	var old, now head
	if before.Rev != "" {
		old = decode(before)
	}
	key := op.Doc.Key
	if op.Kind != docstore.OpDelete {
		now = decode(op.Doc)
	} else if old.present() {
		r.violate("the live head %s was deleted", key)
	}
	if op.Kind == docstore.OpInsert && (now.present() || now.note != "") {
		r.violate("%s was inserted as a head", key)
	}
	if now.note == old.note || now.note == "" {
		if now.op() != old.op() && !(op.Kind == docstore.OpDelete) {
			r.violate("%s changed from %q to %q without a note", key, old.op(), now.op())
		}
		r.compare(key, nil, false)
		return
	}
	o, undo := r.attribute(key, old, now)
	if bucketID, _ := cutHeadKey(key); undo || !r.alive[bucketID] {
		r.told.owes(now.rev, nil)
	} else {
		r.told.owes(now.rev, o)
	}
	r.compare(key, o, undo)
	if now.op() != old.op() {
		r.shows[key] = append(r.shows[key], event{r.step, now.op()})
	}
}

// checkBlob checks that a version refers to the bytes that its operation brought, and that its key is the only one to do so.
func (r *run) checkBlob(key string, l layer) {
	n := r.native(l.at.BackendID, l.at.NativeKey)
	if n.head != "" && n.head != key {
		r.violate("%s and %s share a blob", n.head, key)
	}
	n.head = key
	o, known := r.ops[l.op]
	body, there := r.stores[l.at.BackendID].objects[l.at.NativeKey]
	switch {
	case !known:
		r.violate("%s shows %q, which nobody put", key, l.op)
	case !there && o.kind == "adopt": // the importer's listing was old
	case !there:
		r.violate("%s refers to a blob that is not there", key)
	case string(body.body) != o.content:
		r.violate("%s has the bytes %q of %s, want %q", key, body.body, l.op, o.content)
	}
}

// attribute finds the operation that changed a head, which must be one that may still happen, and happens once. What is taken back nobody asked for.
func (r *run) attribute(key string, old, now head) (o *operation, undo bool) {
	bucketID, _ := cutHeadKey(key)
	o = r.owner[now.note]
	if now.live && now.op() != old.op() && r.byVersion(r.had(key), now.object.Version).version == "" {
		o = r.ops[now.op()]
	}
	if !r.alive[bucketID] && (o == nil || o.applied > 0 || o.kind != "delete" && o.kind != "delete version") && len(r.layers(key)) < len(r.had(key)) {
		return nil, true
	}
	if o == nil {
		r.violate("%s changed from %q to %q, and nobody asked for it", key, old.op(), now.op())
		return nil, false
	}
	if o.kind != "adopt" && o.kind != "amend" {
		for _, l := range r.had(key) {
			if from := r.ops[l.op]; from != nil && from.kind == "adopt" {
				r.given = true
			}
		}
	}
	o.applied++
	if o.applied > 1 {
		r.violate("%s happened twice", o.id)
	}
	if o.state == opFailed || o.state == opOK {
		r.violate("%s happened after it was answered", o.id)
	}
	if now.present() && !r.alive[bucketID] {
		r.orphaned(o)
	}
	return o, false
}

// current is what the author of a note is doing at its key.
func (r *run) current(ctx context.Context, d docstore.Doc) *operation {
	n, err := decodeNote(d)
	if err != nil {
		panic(err)
	}
	var o *operation
	if a := actorOf(ctx); a != nil {
		for _, x := range a.ops {
			if x.bucketID == n.bucketID && x.key == n.key {
				o = x // the last one
			}
		}
	}
	return o
}

// everShown reports whether a key showed something since a step that good accepts.
func (r *run) everShown(bucketID, key string, since int, good func(op string) bool) bool {
	at := ""
	for _, e := range r.shows[headKey(bucketID, key)] {
		if e.step >= since && good(at) {
			return true
		}
		at = e.op
	}
	return good(at)
}
