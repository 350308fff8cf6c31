package catalog

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// What the model knows of the versions of a key: after every write it reads them from the head and the collection, the way doc.go says that they are to be read, and compares
// them with those before. So only a change of the head can change them, and each such change must be one that somebody asked for.

// layer is one version of a key.
type layer struct {
	version docstore.Rev
	rev     docstore.Rev
	id      string
	marker  bool
	op      string // that put it
	tag     string // the operation that amended it last
	at      Location
}

func layerOf(o Object) layer {
	return layer{o.Version, o.Rev, o.VersionID, o.DeleteMarker, o.Metadata["op"], o.Tags["op"], o.Location}
}

// layersEvent says what versions a key has from a step on, newest first.
type layersEvent struct {
	step   int
	layers []layer
}

// stateEvent says how the versioning of a bucket is from a step on.
type stateEvent struct {
	step  int
	at    time.Time
	state string
}

// layers reads the versions of a key.
func (r *run) layers(key string) []layer {
	var h head
	if d, ok := r.docs.get(collObjects, key); ok {
		h = decode(d)
	}
	var list []layer
	known := map[docstore.Rev]bool{}
	if h.present() {
		list, known[h.object.Version] = append(list, layerOf(h.object)), true
	}
	if h.shift != nil && h.shift.put != nil {
		list, known[h.shift.put.Version] = append(list, layerOf(*h.shift.put)), true
	}
	if h.shift != nil {
		known[h.shift.drop] = true
	}
	for _, o := range r.documents(key) {
		if !known[o.Version] {
			list = append(list, layerOf(o))
		}
	}
	if h.present() {
		slices.SortFunc(list[1:], func(a, b layer) int { return -strings.Compare(string(a.version), string(b.version)) })
	}
	return list
}

// documents are the versions of a key in the collection, less slots.
func (r *run) documents(key string) []Object {
	bucketID, k := cutHeadKey(key)
	from, to := docstore.Under(bucketID, k)
	docs, _ := r.docs.List(context.Background(), collVersions, docstore.Range{From: from, To: to, Limit: 1000})
	var list []Object
	for _, d := range docs {
		o, err := decodeVersion(d)
		if err != nil {
			r.violate("%v", err)
		}
		if o.Version != "" {
			list = append(list, o)
		}
	}
	return list
}

// had is the versions of a key as of the last write.
func (r *run) had(key string) []layer {
	if all := r.history[key]; len(all) > 0 {
		return all[len(all)-1].layers
	}
	return nil
}

// compare reads the versions of a key after a write. o is who asked for a change; nil where none may be.
func (r *run) compare(key string, o *operation, undo bool) {
	was, is := r.had(key), r.layers(key)
	if slices.Equal(was, is) {
		return
	}
	r.history[key] = append(r.history[key], layersEvent{r.step, is})
	r.checkOrder(key, is)
	var added, removed, changed []layer
	for _, l := range is {
		if i := slices.IndexFunc(was, func(x layer) bool { return x.version == l.version }); i < 0 {
			added = append(added, l)
		} else if was[i] != l {
			changed = append(changed, l)
		}
	}
	for _, l := range was {
		if !slices.ContainsFunc(is, func(x layer) bool { return x.version == l.version }) {
			removed = append(removed, l)
		}
	}
	r.bookBlobs(key, was, is)
	bad := func(text string) { r.violate("%s of %s: %s: %v, before %v", o.describe(), key, text, is, was) }
	switch {
	case undo:
		if len(added)+len(changed) > 0 || len(removed) != 1 {
			bad("taking back does more")
		}
	case o == nil:
		bad("nobody asked for that")
	case o.kind == "relocate":
		if len(added)+len(removed) > 0 || len(changed) != 1 || changed[0].op != r.byVersion(was, changed[0].version).op {
			bad("a relocation does more")
		}
	case o.kind == "amend":
		if len(added)+len(removed) > 0 || len(changed) != 1 || changed[0].tag != o.id || changed[0].at != r.byVersion(was, changed[0].version).at {
			bad("an amendment does more")
		}
	case o.kind == "delete version":
		if len(added)+len(changed) > 0 || len(removed) != 1 || removed[0].id != o.version && (o.version != NullVersion || removed[0].id != "") {
			bad("it does something else")
		}
	case o.kind == "delete" && len(is) == 0:
		if len(was) != 1 || was[0].id != "" || was[0].marker || !r.everState(o, "") {
			bad("it must lay a marker")
		}
	default:
		switch {
		case len(added) != 1 || len(changed) > 0 || is[0] != added[0]:
			bad("it does not lay one version on top")
		case (o.kind == "delete") != added[0].marker:
			bad("a delete marker?")
		case added[0].id != "" && (len(removed) > 0 || !r.everState(o, Enabled)):
			bad("a version with an id takes away others, or has none to get")
		case added[0].id == "" && !r.everState(o, "") && !r.everState(o, Suspended):
			bad("a null version while versioning is enabled")
		case len(removed) > 1 || len(removed) == 1 && removed[0].id != "":
			bad("it takes away a version that has an id")
		}
	}
}

func (o *operation) describe() string {
	if o == nil {
		return "nothing"
	}
	return o.id + " " + o.kind
}

func (r *run) byVersion(list []layer, v docstore.Rev) layer {
	for _, l := range list {
		if l.version == v {
			return l
		}
	}
	return layer{}
}

// checkOrder checks that the current version is the newest, and that there is at most one null version.
func (r *run) checkOrder(key string, list []layer) {
	null := 0
	for i, l := range list {
		if i > 0 && l.version >= list[i-1].version {
			r.violate("the versions of %s are not in order: %v", key, list)
		}
		if l.id == "" {
			null++
		}
	}
	if null > 1 {
		r.violate("%s has %d null versions: %v", key, null, list)
	}
}

// bookBlobs notes which blobs a key has left, and checks those that are new to it.
func (r *run) bookBlobs(key string, was, is []layer) {
	keeps := func(list []layer, l layer) bool {
		return slices.ContainsFunc(list, func(x layer) bool { return !x.marker && x.at == l.at })
	}
	for _, l := range was {
		if !l.marker && !keeps(is, l) {
			n := r.native(l.at.BackendID, l.at.NativeKey)
			n.head, n.dropped = "", time.Now()
		}
	}
	for _, l := range is {
		if !l.marker && !keeps(was, l) {
			r.checkBlob(key, l)
		}
	}
}

// everState reports whether the versioning of a bucket was in a state at some moment of an operation, or so shortly before that whoever changed it was not answered.
func (r *run) everState(o *operation, state string) bool {
	if !r.alive[o.bucketID] {
		return true // what is put there is taken back
	}
	at := ""
	for _, e := range r.states[o.bucketID] {
		if at == state && (e.step >= o.start || o.began.Sub(e.at) <= cacheTTL) {
			return true
		}
		at = e.state
	}
	return at == state
}

// everHad reports whether the versions of a key were at some moment since a step as good wants them.
func (r *run) everHad(bucketID, key string, since int, good func(list []layer) bool) bool {
	var at []layer
	for _, e := range r.history[headKey(bucketID, key)] {
		if e.step >= since && good(at) {
			return true
		}
		at = e.layers
	}
	return good(at)
}

// version picks one of the versions that a key has.
func (cl *client) version(b Bucket, key string) (versionID string, ok bool) {
	list := cl.r.had(headKey(b.ID, key))
	if len(list) == 0 {
		return "", false
	}
	l := list[cl.r.rng.IntN(len(list))]
	if l.id == "" {
		return NullVersion, true
	}
	return l.id, true
}

// setVersioning switches the versions of a bucket on or off.
func (cl *client) setVersioning(ctx context.Context, bucket, state string) {
	_, err := cl.c.SetVersioning(ctx, Bucket{Name: bucket}, state)
	cl.r.log("%s sets versioning of %s to %s: %v", cl.a.name, bucket, state, err)
}

// removeVersion deletes one version for good.
func (cl *client) removeVersion(ctx context.Context, bucket, key string) {
	b, err := cl.c.Bucket(ctx, bucket)
	if err != nil {
		return
	}
	id, ok := cl.version(b, key)
	if !ok {
		return
	}
	o := cl.ask("delete version", b, key)
	o.version = id
	d, err := cl.c.Delete(ctx, b, key, id, Condition{})
	if d.Existed || err != nil {
		cl.answer(o, err)
		return
	}
	o.applied = max(o.applied, 1) // as in remove
	cl.answer(o, nil)
	if !cl.a.dead && !cl.r.everHad(b.ID, key, o.start, func(list []layer) bool { return !hasID(list, id) }) {
		cl.r.violate("%s found no version %s of %s to delete", o.id, id, key)
	}
}

func hasID(list []layer, id string) bool {
	return slices.ContainsFunc(list, func(l layer) bool { return l.id == id || id == NullVersion && l.id == "" })
}

// amend changes the tags of a version, or of the current object.
func (cl *client) amend(ctx context.Context, bucket, key string) {
	b, err := cl.c.Bucket(ctx, bucket)
	if err != nil {
		return
	}
	id, ok := cl.version(b, key)
	if !ok || cl.n%3 == 0 {
		id = ""
	}
	o := cl.ask("amend", b, key)
	_, err = cl.c.Amend(ctx, b, key, id, func(ob *Object) error {
		ob.Tags = map[string]string{"op": o.id}
		return nil
	})
	cl.answer(o, err)
	if errs.ReasonOf(err) == "NoSuchVersion" && !cl.a.dead && !cl.r.everHad(b.ID, key, o.start, func(list []layer) bool { return !hasID(list, id) }) {
		cl.r.violate("%s found no version %s of %s to amend", o.id, id, key)
	}
}

// getVersion reads a version as the S3 handler does.
func (cl *client) getVersion(ctx context.Context, bucket, key string) {
	b, err := cl.c.Bucket(ctx, bucket)
	if err != nil {
		return
	}
	id, ok := cl.version(b, key)
	if !ok {
		return
	}
	start := cl.r.step
	for range 3 {
		from := time.Now()
		o, err := cl.c.Get(ctx, b, key, id)
		switch {
		case cl.a.dead:
			return
		case errs.ReasonOf(err) == "NoSuchVersion":
			if !cl.r.everHad(b.ID, key, start, func(list []layer) bool { return !hasID(list, id) }) {
				cl.r.violate("%s found no version %s of %s, which was there", cl.a.name, id, key)
			}
			return
		case errs.ReasonOf(err) == "MethodNotAllowed":
			if !cl.r.everHad(b.ID, key, start, func(list []layer) bool {
				return slices.ContainsFunc(list, func(l layer) bool { return l.marker && (l.id == id || id == NullVersion && l.id == "") })
			}) {
				cl.r.violate("%s found a delete marker at version %s of %s", cl.a.name, id, key)
			}
			return
		case err != nil:
			return
		}
		if !cl.r.everHad(b.ID, key, start, func(list []layer) bool { return slices.Contains(list, layerOf(o)) }) {
			cl.r.violate("%s read %v as version %s of %s, which never was", cl.a.name, layerOf(o), id, key)
		}
		body, _, err := cl.store(o.Location.BackendID).Get(ctx, o.Location.NativeKey, adapters.Range{}, "")
		if errs.Is(err, errs.NotFound) {
			if time.Since(from) < cl.r.grace {
				cl.r.violate("%s lost the bytes of version %s of %s while reading", cl.a.name, id, key)
			}
			continue
		}
		if err != nil {
			return
		}
		if text, _ := io.ReadAll(body); string(text) != cl.r.ops[o.Metadata["op"]].content {
			cl.r.violate("%s read %q of version %s of %s", cl.a.name, text, id, key)
		}
		return
	}
}
