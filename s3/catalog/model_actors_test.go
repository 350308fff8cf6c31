package catalog

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// What the actors of the model do. Each is a client, a mover or a reader with a life of its own; clients record what they asked for and what they were told.

var (
	modelBuckets = []string{"x", "y"}
	modelKeys    = []string{"k", "l"}
)

// client is an actor that talks to one of the catalogs.
type client struct {
	r *run
	a *actor
	c *Catalog
	n int
}

func (cl *client) store(backend string) adapters.Store {
	return gatedStore{cl.r.stores[backend], cl.r, backend}
}

// ask records an operation that begins.
func (cl *client) ask(kind string, b Bucket, key string) *operation {
	cl.n++
	o := &operation{id: fmt.Sprintf("%s/%d", cl.a.name, cl.n), kind: kind, bucketID: b.ID, key: key, start: cl.r.step, began: time.Now(), state: opPending}
	o.content = "content of " + o.id
	cl.r.ops[o.id] = o
	cl.a.ops = append(cl.a.ops, o)
	return o
}

// answer records how an operation ended, and checks that this can be.
func (cl *client) answer(o *operation, err error) {
	r := cl.r
	r.log("%s %s %s: %v", o.id, o.kind, o.key, err)
	switch {
	case cl.a.dead:
		o.state = opUnknown
	case err == nil:
		o.state = opOK
		if o.applied != 1 {
			r.violate("%s was acknowledged and happened %d times", o.id, o.applied)
		}
		if o.undone {
			r.orphaned(o)
		}
	case errs.ReasonOf(err) == "NoSuchBucket" && !r.alive[o.bucketID]:
		o.state = opUnknown // perhaps it is still to be taken back
		o.undone = true
	case errs.Is(err, errs.NotFound), errs.Is(err, errs.FailedPrecondition), errs.Is(err, errs.InvalidArgument), errs.Is(err, errs.AlreadyExists), errs.Is(err, errs.DataLoss):
		o.state = opFailed
		if o.applied != 0 {
			r.violate("%s was refused (%v) and happened", o.id, err)
		}
	default:
		o.state = opUnknown
	}
}

// refused checks that a condition could have failed, and an object been absent, at some moment of the operation.
func (cl *client) refused(o *operation, err error, cond Condition) {
	r := cl.r
	switch {
	case cl.a.dead || err == nil:
	case errs.ReasonOf(err) == "PreconditionFailed" && cond.IfAbsent:
		if !r.everShown(o.bucketID, o.key, o.start, func(op string) bool { return op != "" }) {
			r.violate("%s found something at %s, where nothing was", o.id, o.key)
		}
	case errs.ReasonOf(err) == "NoSuchKey":
		if !r.everShown(o.bucketID, o.key, o.start, func(op string) bool { return op == "" }) {
			r.violate("%s found nothing at %s, where something was", o.id, o.key)
		}
	}
}

func (cl *client) described(o *operation) Object {
	ob := object(o.content)
	ob.Checksums = nil
	ob.Metadata = map[string]string{"op": o.id}
	return ob
}

func (cl *client) put(ctx context.Context, bucket, key string, cond Condition, content string) {
	b, err := cl.c.Bucket(ctx, bucket)
	if err != nil {
		return
	}
	o := cl.ask("put", b, key)
	if content != "" {
		o.content = content
	}
	err = cl.write(ctx, b, o, cond)
	cl.answer(o, err)
	cl.refused(o, err, cond)
}

func (cl *client) write(ctx context.Context, b Bucket, o *operation, cond Condition) error {
	w, err := cl.c.Begin(ctx, b, o.key, "", int64(len(o.content))-int64(cl.n%2)) // half of them do not know their size
	if err != nil {
		return err
	}
	err = cl.upload(ctx, w, b, o, cond)
	if err != nil && !cl.a.dead {
		cl.c.Abandon(ctx, w)
	}
	return err
}

func (cl *client) upload(ctx context.Context, w *Write, _ Bucket, o *operation, cond Condition) error {
	if err := w.Stored(ctx); err != nil && !cl.c.opt.fault.skipNote {
		return err
	}
	info, err := cl.store(w.Location.BackendID).Put(ctx, w.Location.NativeKey, strings.NewReader(o.content), -1, adapters.PutOptions{})
	if err != nil {
		return err
	}
	if cl.n%3 == 0 {
		_ = cl.c.Renew(ctx, w)
	}
	ob := cl.described(o)
	ob.Location = w.Location
	ob.Location.NativeETag = info.ETag
	_, err = cl.c.Commit(ctx, w, ob, nil, cond)
	return err
}

// get reads an object as the S3 handler does, and returns its bytes.
func (cl *client) get(ctx context.Context, bucket, key string) (string, error) {
	b, err := cl.c.Bucket(ctx, bucket)
	if err != nil {
		return "", err
	}
	start := cl.r.step
	seen := func(op string) bool { return cl.r.everShown(b.ID, key, start, func(s string) bool { return s == op }) }
	for tries := 0; ; tries++ {
		from := time.Now()
		ob, err := cl.c.Get(ctx, b, key, "")
		if errs.ReasonOf(err) == "NoSuchKey" && !cl.a.dead && !seen("") {
			cl.r.violate("%s found nothing at %s, where something was", cl.a.name, key)
		}
		if err != nil {
			return "", err
		}
		if !seen(ob.Metadata["op"]) {
			cl.r.violate("%s read %s at %s, which it did not show", cl.a.name, ob.Metadata["op"], key)
		}
		body, _, err := cl.store(ob.Location.BackendID).Get(ctx, ob.Location.NativeKey, adapters.Range{}, "")
		if errs.Is(err, errs.NotFound) {
			if time.Since(from) < cl.r.grace {
				cl.r.violate("%s lost the bytes of %s while reading", cl.a.name, key)
			}
			continue
		}
		if err != nil {
			return "", err
		}
		text, err := io.ReadAll(body)
		if want := cl.r.ops[ob.Metadata["op"]].content; string(text) != want {
			cl.r.violate("%s read %q, want %q", cl.a.name, text, want)
		}
		return string(text), err
	}
}

func (cl *client) remove(ctx context.Context, bucket, key string, batch bool) {
	b, err := cl.c.Bucket(ctx, bucket)
	if err != nil {
		return
	}
	o := cl.ask("delete", b, key)
	existed := true
	if batch {
		err = cl.c.DeleteMany(ctx, b, []DeleteItem{{Key: key}})[0]
		existed = o.applied > 0
	} else {
		var d Deleted
		d, err = cl.c.Delete(ctx, b, key, "", Condition{})
		existed = d.Existed
	}
	if existed || err != nil {
		cl.answer(o, err)
		return
	}
	o.applied = max(o.applied, 1) // it counts as done; perhaps it was, and is settled since
	cl.answer(o, nil)
	if !cl.a.dead && !cl.r.everShown(b.ID, key, o.start, func(op string) bool { return op == "" }) {
		cl.r.violate("%s found nothing to delete at %s, where something was", o.id, key)
	}
}

// relocate moves an object to the other backend, as a mover does.
func (cl *client) relocate(ctx context.Context, bucket, key string) {
	b, err := cl.c.Bucket(ctx, bucket)
	if err != nil {
		return
	}
	id := ""
	if cl.n%2 == 0 {
		id, _ = cl.version(b, key)
	}
	src, err := cl.c.Get(ctx, b, key, id)
	if err != nil {
		return
	}
	body, _, err := cl.store(src.Location.BackendID).Get(ctx, src.Location.NativeKey, adapters.Range{}, src.Location.NativeETag)
	if err != nil {
		return
	}
	text, _ := io.ReadAll(body)
	to := map[string]string{"a": "b", "b": "a"}[src.Location.BackendID]
	o := cl.ask("relocate", b, key)
	g := cl.c.BeginMany(ctx, []Intent{{Bucket: b, Key: key, BackendID: to, Size: src.Size}})[0]
	if g.Err != nil {
		cl.answer(o, g.Err)
		return
	}
	info, err := cl.store(to).Put(ctx, g.Location.NativeKey, strings.NewReader(string(text)), -1, adapters.PutOptions{})
	if err == nil {
		g.Location.NativeETag = info.ETag
		it := CommitItem{WriteID: g.WriteID, Location: g.Location, Relocate: &Relocate{Version: src.Version, From: src.Location, CRC64: *info.CRC64, ReleaseSource: cl.n%2 == 0}}
		err = cl.c.CommitMany(ctx, []CommitItem{it})[0].Err
		if errs.Retryable(err) && !cl.a.dead { // movers ask again
			err = cl.c.CommitMany(ctx, []CommitItem{it})[0].Err
			if err != nil && o.applied > 0 { // SourceChanged by a later change: the first call had done it
				err = errs.Newf(errs.Unavailable, "%v", err)
			}
		}
	}
	if err != nil {
		cl.c.AbandonMany(ctx, []string{g.WriteID})
	}
	cl.answer(o, err)
}

// putMany writes both keys in one batch, as a mover of small objects does.
func (cl *client) putMany(ctx context.Context, bucket string) {
	b, err := cl.c.Bucket(ctx, bucket)
	if err != nil {
		return
	}
	var ops []*operation
	var intents []Intent
	for _, key := range modelKeys {
		ops = append(ops, cl.ask("put", b, key))
		intents = append(intents, Intent{Bucket: b, Key: key, Size: int64(len(ops[len(ops)-1].content))})
	}
	var items []CommitItem
	var began []*operation
	for i, g := range cl.c.BeginMany(ctx, intents) {
		err := g.Err
		var info adapters.Info
		if err == nil {
			info, err = cl.store(g.Location.BackendID).Put(ctx, g.Location.NativeKey, strings.NewReader(ops[i].content), -1, adapters.PutOptions{})
		}
		if err != nil {
			cl.c.AbandonMany(ctx, []string{g.WriteID})
			cl.answer(ops[i], err)
			continue
		}
		g.Location.NativeETag = info.ETag
		items = append(items, CommitItem{WriteID: g.WriteID, Location: g.Location, Put: &Put{Object: cl.described(ops[i])}})
		began = append(began, ops[i])
	}
	for i, res := range cl.c.CommitMany(ctx, items) {
		if errs.Retryable(res.Err) && !cl.a.dead {
			res = cl.c.CommitMany(ctx, items[i:i+1])[0]
		}
		if res.Err != nil {
			cl.c.AbandonMany(ctx, []string{items[i].WriteID})
		}
		cl.answer(began[i], res.Err)
	}
}

// adopt imports the one native object that is there for it.
func (cl *client) adopt(ctx context.Context, bucket, key string) {
	b, err := cl.c.Bucket(ctx, bucket)
	if err != nil {
		return
	}
	store := cl.r.stores["a"]
	info, err := store.Head(ctx, foreign)
	if err != nil {
		return
	}
	o := cl.ask("adopt", b, key)
	o.content = string(store.objects[foreign].body)
	err = cl.c.Adopt(ctx, b, "a", []Native{{NativeKey: foreign, Key: key, Size: info.Size, NativeETag: info.ETag, CRC64: info.CRC64, Metadata: map[string]string{"op": o.id}}})[0]
	cl.answer(o, err)
}

// administer deletes a bucket and makes it again.
func (cl *client) administer(ctx context.Context, bucket string) {
	before := slices.Clone(cl.r.buckets)
	err := cl.c.DeleteBucket(ctx, bucket)
	cl.r.log("%s deletes bucket %s: %v", cl.a.name, bucket, err)
	if errs.Is(err, errs.NotFound) || err == nil {
		_, err = cl.c.CreateBucket(ctx, Bucket{Name: bucket, Owner: "u", BackendID: "a"}, modelSettings)
		if err == nil && len(cl.r.buckets) == len(before) && !cl.a.dead {
			cl.r.violate("%s made a bucket that is not there", cl.a.name)
		}
	}
}

// sweeper is a journal reader; several run at once, as at a take-over.
func (cl *client) sweeper(ctx context.Context) {
	for range 4 {
		if v := cl.r.gate(ctx, "tick", false); v.err != nil && cl.a.dead {
			return
		}
		seen := map[int]bool{}
		for _, id := range cl.r.buckets {
			for _, key := range modelKeys {
				shard := shardOf(id, key)
				if seen[shard] {
					continue
				}
				seen[shard] = true
				if err := cl.c.sweep(ctx, shard); err != nil {
					cl.r.log("%s: sweep: %v", cl.a.name, err)
				}
				if err := cl.r.deliver(ctx, cl.c, shard); err != nil {
					cl.r.log("%s: deliver: %v", cl.a.name, err)
				}
				clear(cl.c.retry)
				if _, err := cl.c.collect(ctx, shard); err != nil {
					cl.r.log("%s: collect: %v", cl.a.name, err)
				}
			}
		}
		_ = cl.c.sweepUploads(ctx)
	}
}
