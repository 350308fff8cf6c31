package catalog

import (
	"context"
	"slices"
	"strings"
)

// wantQuiet checks what must be true once nobody does anything any more and everything owed was done.
func (r *run) wantQuiet() {
	used := map[string]bool{}
	tables := map[string]bool{}
	sums := map[string]Usage{} // by shard, bucket id and backend
	for key, d := range r.docs.coll(collObjects).docs {
		h := decode(d)
		bucketID, k := cutHeadKey(key)
		if !h.live {
			if !r.leftBehind(collObjects, key) {
				r.violate("the tombstone %s is left", key)
			}
			continue
		}
		l := h.object.Location
		used[place(l.BackendID, l.NativeKey)] = true
		if h.table != "" {
			tables[blobOfTable(h.table)] = true
		}
		if !r.alive[bucketID] {
			r.violate("%s is left in a bucket that is gone", key)
		}
		s := sums[ledgerKey(shardOf(bucketID, k), bucketID)+l.BackendID]
		sums[ledgerKey(shardOf(bucketID, k), bucketID)+l.BackendID] = Usage{l.BackendID, s.Objects + 1, s.Bytes + h.object.Size}
		if body := r.stores[l.BackendID].objects[l.NativeKey].body; string(body) != r.ops[h.op()].content && l.NativeKey != foreign {
			r.violate("%s has the bytes %q at the end, want %q", key, body, r.ops[h.op()].content)
		}
		r.checkTable(key, h)
	}
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

func (r *run) checkTable(key string, h head) {
	var size int64
	c := &Catalog{docs: r.docs}
	parts, err := c.Parts(context.Background(), h.object, 0, maxParts)
	for _, p := range parts {
		size += p.Size
	}
	if err != nil || h.object.PartCount > 0 && size != h.object.Size {
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
