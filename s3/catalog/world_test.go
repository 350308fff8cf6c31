package catalog

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/errs"
)

// world is a catalog over memory, with two backends.
type world struct {
	*Catalog
	t    *testing.T
	docs *memDocs
	a, b *memStore
}

func newWorld(t *testing.T, o Options) *world {
	t.Helper()
	w := &world{t: t, docs: newMemDocs(), a: newMemStore(), b: newMemStore()}
	o.minPart = max(o.minPart, 4)
	c, err := New(w.docs, memStores{"a": w.a, "b": w.b}, blob.TagOf("test"), o)
	if err != nil {
		t.Fatal(err)
	}
	w.Catalog = c
	return w
}

func (w *world) bucket(name string) Bucket {
	w.t.Helper()
	b, err := w.CreateBucket(w.t.Context(), Bucket{Name: name, Owner: "u", BackendID: "a"}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) store(id string) *memStore {
	if id == "b" {
		return w.b
	}
	return w.a
}

// object describes content as the S3 handler would.
func object(content string) Object {
	crc := crc64nvme.Checksum([]byte(content))
	return Object{Size: int64(len(content)), ETag: fmt.Sprintf("%x", md5.Sum([]byte(content))), CRC64: &crc,
		Headers: adapters.ContentHeaders{ContentType: "text/plain"}, Metadata: map[string]string{"a.b": "c$d"}, Checksums: map[string][]byte{"SHA256": {1, 2, 3}}, ChecksumType: "FULL_OBJECT"}
}

func (w *world) begin(b Bucket, key, content string) (*Write, Object) {
	w.t.Helper()
	wr, err := w.Begin(w.t.Context(), b, key, "", int64(len(content)))
	if err != nil {
		w.t.Fatal(err)
	}
	info, err := w.store(wr.Location.BackendID).Put(w.t.Context(), wr.Location.NativeKey, strings.NewReader(content), -1, adapters.PutOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	o := object(content)
	o.Location = wr.Location
	o.Location.NativeETag = info.ETag
	return wr, o
}

func (w *world) put(b Bucket, key, content string, cond Condition) (Object, error) {
	w.t.Helper()
	wr, o := w.begin(b, key, content)
	o, err := w.Commit(w.t.Context(), wr, o, nil, cond)
	if err != nil {
		w.Abandon(w.t.Context(), wr)
	}
	return o, err
}

func (w *world) mustPut(b Bucket, key, content string) Object {
	w.t.Helper()
	o, err := w.put(b, key, content, Condition{})
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

// read returns the bytes of a key.
func (w *world) read(b Bucket, key string) (string, error) {
	o, err := w.Get(w.t.Context(), b, key, "")
	if err != nil {
		return "", err
	}
	body, _, err := w.store(o.Location.BackendID).Get(w.t.Context(), o.Location.NativeKey, adapters.Range{}, "")
	if err != nil {
		return "", err
	}
	var buf bytes.Buffer
	_, err = buf.ReadFrom(body)
	return buf.String(), err
}

// quiesce lets the readers pass until nothing is owed any more.
func (w *world) quiesce() {
	w.t.Helper()
	for range 4 {
		time.Sleep(w.opt.GarbageGrace + w.opt.TTL + 2*w.opt.Skew + time.Second)
		for shard := range shards {
			if err := w.sweep(w.t.Context(), shard); err != nil {
				w.t.Fatal(err)
			}
			if _, err := w.collect(w.t.Context(), shard); err != nil {
				w.t.Fatal(err)
			}
		}
		if err := w.sweepUploads(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) count(collection string) int { return len(w.docs.coll(collection).keys) }

// wantClean checks that nothing but live objects is left.
func (w *world) wantClean(objects int) {
	w.t.Helper()
	for coll, want := range map[string]int{collJournal: 0, collGarbage: 0, collParts: 0, collObjects: objects} {
		if got := w.count(coll); got != want {
			w.t.Errorf("%d documents in %s, want %d: %q", got, coll, want, w.docs.coll(coll).keys)
		}
	}
	if got := len(w.a.objects) + len(w.b.objects); got != objects {
		w.t.Errorf("%d native objects, want %d: %q %q", got, objects, slices.Collect(maps.Keys(w.a.objects)), slices.Collect(maps.Keys(w.b.objects)))
	}
	if n := len(w.a.uploads) + len(w.b.uploads); n != 0 {
		w.t.Errorf("%d native uploads are left", n)
	}
}

func wantReason(t *testing.T, err error, code errs.Code, reason string) {
	t.Helper()
	if errs.CodeOf(err) != code || errs.ReasonOf(err) != reason {
		t.Errorf("got %v (%s %s), want %s %s", err, errs.CodeOf(err), errs.ReasonOf(err), code, reason)
	}
}

// The garbage list is never believed blindly: what a head refers to, and what is not of our making, stays.
func TestCollectAsksTheHead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		b := w.bucket("b")
		o := w.mustPut(b, "k", "x")
		w.quiesce()
		w.a.objects["foreign"] = memObject{}
		shard := shardOf(b.ID, "k")
		foreign := Location{BackendID: "a", NativeKey: "foreign", BlobID: o.Location.BlobID}
		for _, l := range []Location{o.Location, foreign} {
			if err := w.insertGarbage(t.Context(), []garbage{{shard: shard, bucketID: b.ID, key: "k", location: l, due: time.Now()}}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.collect(t.Context(), shard); err != nil {
				t.Fatal(err)
			}
			if n := w.count(collGarbage); n != 0 {
				t.Errorf("%d entries are left", n)
			}
			if _, ok := w.a.objects[l.NativeKey]; !ok {
				t.Errorf("%s was deleted", l.NativeKey)
			}
		}
	})
}
