package catalog

import (
	"context"
	"slices"
	"strings"

	"github.com/opensds/gelato/internal/docstore"
)

// wantQuiet checks what must be true once nobody does anything any more and everything owed was done.
func (r *run) wantQuiet() {
	used := map[string]bool{}
	tables := map[string]bool{}
	sums := map[string]Usage{} // by shard, bucket id and backend
	for key, d := range r.docs.coll(collObjects).docs {
		h := decode(d)
		bucketID, k := cutHeadKey(key)
		if !h.present() {
			if !r.leftBehind(collObjects, key) {
				r.violate("the tombstone %s is left", key)
			}
			continue
		}
		if !r.alive[bucketID] {
			r.violate("%s is left in a bucket that is gone", key)
		}
		for _, o := range r.versions(key, h) {
			l := o.Location
			used[place(l.BackendID, l.NativeKey)] = true
			if o.table != "" {
				tables[blobOfTable(o.table)] = true
			}
			s := sums[ledgerKey(shardOf(bucketID, k), bucketID)+l.BackendID]
			sums[ledgerKey(shardOf(bucketID, k), bucketID)+l.BackendID] = Usage{l.BackendID, s.Objects + 1, s.Bytes + o.Size}
			if body := r.stores[l.BackendID].objects[l.NativeKey].body; string(body) != r.ops[o.Metadata["op"]].content && l.NativeKey != foreign {
				r.violate("%s has the bytes %q at the end, want %q", key, body, r.ops[o.Metadata["op"]].content)
			}
			r.checkTable(key, o)
		}
	}
	r.checkVersions()
	open := map[string]bool{}
	for _, d := range r.docs.coll(collUploads).docs {
		u, err := decodeUpload(d)
		if err != nil || u.state != upOpen || !r.alive[u.Bucket.ID] {
			r.violate("upload %s is left in state %d, %v", d.Key, u.state, err)
		}
		open[u.NativeID] = true
		open[u.ID] = true
		tables[u.Location.BlobID] = true
	}
	for _, coll := range []string{collJournal, collGarbage} {
		for _, k := range r.docs.coll(coll).keys {
			r.violate("%s %s is left", coll, k)
		}
	}
	for _, k := range r.docs.coll(collParts).keys {
		if !open[k[:strings.IndexByte(k, '/')]] {
			r.violate("part %s is left", k)
		}
	}
	for _, k := range r.docs.coll(collManifests).keys {
		if !tables[blobOfTable(k[:strings.IndexByte(k, '/')])] && !r.leftBehind(collManifests, k) {
			r.violate("part table %s is left", k)
		}
	}
	r.checkNatives(used, open)
	r.checkLedgers(sums)
	for key, events := range r.shows {
		d, _ := r.docs.get(collObjects, key)
		var h head
		if d.Rev != "" {
			h = decode(d)
		}
		if last := events[len(events)-1].op; h.op() != last {
			r.violate("%s shows %q at the end, want %q", key, h.op(), last)
		}
	}
}

// versions are the objects of a key.
func (r *run) versions(key string, h head) []Object {
	var list []Object
	add := func(o Object) {
		if !o.DeleteMarker {
			list = append(list, o)
		}
	}
	add(h.object)
	known := docstore.Rev("")
	if h.shift != nil && h.shift.put != nil {
		add(*h.shift.put)
		known = h.shift.put.Version
	}
	for _, o := range r.documents(key) {
		if o.Version != known && (h.shift == nil || h.shift.drop != o.Version) {
			add(o)
		}
	}
	return list
}

// checkVersions checks that nothing is in the collection but versions, and at most one of each key that its head drops.
func (r *run) checkVersions() {
	for k, d := range r.docs.coll(collVersions).docs {
		p := docstore.Split(k)
		var h head
		if d, ok := r.docs.get(collObjects, headKey(p[0], p[1])); ok {
			h = decode(d)
		}
		o, err := decodeVersion(d)
		laid := h.shift != nil && h.shift.put != nil && p[2] == newestFirst(h.shift.put.Version) // for what the head will put there
		switch {
		case err != nil:
			r.violate("%v", err)
		case o.Version == "" && !laid && !r.leftBehind(collVersions, k):
			r.violate("the slot %s is left", k)
		case o.Version != "" && !h.present():
			r.violate("version %s of %s is left, and the key has none", o.Version, headKey(p[0], p[1]))
		}
	}
}

func (r *run) checkTable(key string, o Object) {
	var size int64
	c := &Catalog{docs: r.docs}
	parts, err := c.Parts(context.Background(), o, 0, maxParts)
	for _, p := range parts {
		size += p.Size
	}
	if err != nil || o.PartCount > 0 && size != o.Size {
		r.violate("the part table of %s is not whole: %v %v", key, parts, err)
	}
}

func (r *run) checkNatives(used, open map[string]bool) {
	for backend, s := range r.stores {
		for k := range s.objects {
			if !used[place(backend, k)] && !r.excused(backend, k) && k != foreign {
				r.violate("%s %s is left over", backend, k)
			}
		}
		for id, u := range s.uploads {
			if !open[id] && !r.excused(backend, u.key) {
				r.violate("native upload %s of %s %s is left over", id, backend, u.key)
			}
		}
	}
}

// excused reports whether what lies at a place was put there by an actor long after its time was over, which crashed or met a failure then. The store cannot
// be fenced: such a blob is for a scrub to find.
func (r *run) excused(backend, key string) bool {
	n := r.native(backend, key)
	return n.by != nil && (n.by.dead || n.by.hurt) && n.at.Sub(n.by.started) > modelTTL
}

func (r *run) checkLedgers(sums map[string]Usage) {
	for _, k := range r.docs.coll(collUsage).keys {
		if len(k) < 4 {
			continue
		}
		l, err := decodeLedger(r.docs.coll(collUsage).docs[k])
		if err != nil {
			r.violate("%v", err)
		}
		for backend, u := range l.sums {
			if want := sums[k+backend]; u != want {
				r.violate("ledger %s counts %v, want %v", k, u, want)
			}
			delete(sums, k+backend)
		}
	}
	keys := sortedKeys(sums)
	slices.Sort(keys)
	for _, k := range keys {
		r.violate("no ledger counts %s %v", k, sums[k])
	}
}
