package datamover

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/trouble"
	"github.com/opensds/gelato/proto/catalogpb"
)

const (
	tries     = 5   // of one object, whether it failed or changed under our hands
	headBatch = 100 // heads read at once: few enough that they are fresh when their turn comes
)

// pause is the wait after the n-th failure: 200 ms doubling, with up to half of it taken off.
func pause(n int) time.Duration {
	d := 200 * time.Millisecond << min(n-1, 5)
	return d - rand.N(d/2)
}

// each calls work for every entry, bounded by the slots, and waits. prepare reads what a run of entries needs, once for the run.
func (a *attempt) each(ctx context.Context, prepare func(ctx context.Context, entries []int) error, work func(ctx context.Context, i int)) error {
	all := make([]int, len(a.task.GetEntries()))
	for i := range all {
		all[i] = i
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for run := range slices.Chunk(all, headBatch) {
		if err := a.persist(ctx, func() error { return prepare(ctx, run) }); err != nil {
			wg.Wait()
			return a.giveBack(ctx, err)
		}
		for _, i := range run {
			release, ok := a.slot(ctx, a.task.GetEntries()[i].GetSize())
			if !ok {
				return context.Cause(ctx)
			}
			wg.Go(func() {
				defer release()
				work(ctx, i)
			})
		}
	}
	return nil
}

// persist repeats a call that concerns the whole task for a while.
func (a *attempt) persist(ctx context.Context, call func() error) error {
	for n := 1; ; n++ {
		err := call()
		if err == nil || !errs.Retryable(err) || n == tries || !trouble.Sleep(ctx, pause(n)) {
			return err
		}
	}
}

// slot waits until an object may be copied.
func (a *attempt) slot(ctx context.Context, size int64) (release func(), ok bool) {
	if a.slots != nil && !acquire(ctx, a.slots) {
		return nil, false
	}
	slots := a.small
	if size > a.o.Threshold {
		slots = a.large
	}
	if !acquire(ctx, slots) {
		if a.slots != nil {
			<-a.slots
		}
		return nil, false
	}
	return func() {
		<-slots
		if a.slots != nil {
			<-a.slots
		}
	}, true
}

// heads reads objects of a bucket, the current ones or the versions that are named; the ones that are not there are nil.
func (a *attempt) heads(ctx context.Context, bucket string, keys, versions []string, parts bool) ([]*catalogpb.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, catalogLimit)
	defer cancel()
	r, err := a.Catalog.Get(ctx, &catalogpb.GetRequest{Bucket: bucket, Keys: keys, VersionIds: versions, Parts: parts})
	if err != nil {
		return nil, ofService(err)
	}
	if len(r.GetItems()) != len(keys) {
		return nil, short()
	}
	heads := make([]*catalogpb.Object, len(keys))
	for i, item := range r.GetItems() {
		switch err := problem(item.GetFailure()); {
		case err == nil:
			heads[i] = item.GetObject()
		case !errs.Is(err, errs.NotFound) && errs.ReasonOf(err) != "MethodNotAllowed": // a delete marker took its place
			return nil, ofService(fmt.Errorf("read head: %w", err))
		}
	}
	return heads, nil
}

// sourceHeads reads the objects of a run of entries into heads: with versions those that the entries name, else the current ones.
func (a *attempt) sourceHeads(heads []*catalogpb.Object, versions bool) func(context.Context, []int) error {
	return func(ctx context.Context, run []int) error {
		keys := make([]string, len(run))
		var ids []string
		for n, i := range run {
			e := a.task.GetEntries()[i]
			keys[n] = e.GetKey()
			if versions {
				ids = append(ids, e.GetVersionId())
			}
		}
		got, err := a.heads(ctx, a.plan.GetSource().GetBucket(), keys, ids, false)
		for n := range got {
			heads[run[n]] = got[n]
		}
		return err
	}
}

// relocate moves the bytes of a bucket's objects and leaves everything else as it is.
func (a *attempt) relocate(ctx context.Context) error {
	heads := make([]*catalogpb.Object, len(a.task.GetEntries()))
	return a.each(ctx, a.sourceHeads(heads, true), func(ctx context.Context, i int) { a.relocateOne(ctx, i, heads[i]) })
}

// relocateOne brings one version to the destination; the null version in whatever form it has by then.
func (a *attempt) relocateOne(ctx context.Context, i int, head *catalogpb.Object) {
	var absent absence
	for n := 1; ; n++ {
		err := a.tryRelocate(ctx, i, head)
		if err == nil || a.over(ctx, err) {
			return
		}
		again := isSourceChange(err)
		if again || isSourceGone(err) {
			moved, e := a.refresh(ctx, &head, head.GetVersionId())
			switch {
			case e != nil:
				err = e
			case !moved && !again:
				a.fail(i, errs.New(errs.DataLoss, "the bytes of the object are not at its backend", err))
				return
			}
			again = again || moved
		}
		if absent.wait(ctx, err) {
			n--
			continue
		}
		if a.over(ctx, err) {
			return
		}
		if n == tries || !again && !mayPass(err, n) {
			a.fail(i, err)
			return
		}
		if !again && !trouble.Sleep(ctx, pause(n)) {
			return
		}
	}
}

// refresh reads a version again, the current one when versionID is empty, and reports whether its bytes are other ones, or elsewhere.
func (a *attempt) refresh(ctx context.Context, head **catalogpb.Object, versionID string) (moved bool, err error) {
	old := *head
	fresh, err := a.heads(ctx, old.GetBucket(), []string{old.GetKey()}, []string{versionID}, false)
	if err != nil {
		return false, err
	}
	*head = fresh[0]
	was, is := old.GetLocation(), fresh[0].GetLocation()
	return fresh[0] == nil || was.GetBackendId() != is.GetBackendId() || was.GetNativeKey() != is.GetNativeKey() || was.GetNativeEtag() != is.GetNativeEtag(), nil
}

// over reports whether an error means that this attempt has ended: the entry stays without an outcome.
func (a *attempt) over(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, errLost)
}

// isSourceChange reports whether the source is not any more what was to be copied.
func isSourceChange(err error) bool {
	if errs.ReasonOf(err) == "SourceChanged" {
		return true
	}
	_, source := errors.AsType[sourceError](err)
	return source && errs.Is(err, errs.FailedPrecondition)
}

// isSourceGone reports whether the source is not there.
func isSourceGone(err error) bool {
	_, source := errors.AsType[sourceError](err)
	return source && errs.Is(err, errs.NotFound)
}

// mayPass reports whether the same may succeed later, after the n-th failure: a store or service says so, or the bytes may have been
// garbled on the way, once.
func mayPass(err error, n int) bool {
	return errs.Retryable(err) || errs.Is(err, errs.DataLoss) && n == 1
}

// tryRelocate makes one attempt at a version.
func (a *attempt) tryRelocate(ctx context.Context, i int, head *catalogpb.Object) error {
	loc := head.GetLocation()
	switch {
	case head == nil:
		a.skip(i, "deleted")
		return nil
	case loc.GetBackendId() == a.dest.id:
		a.set(i, a.already(ctx, a.task.GetEntries()[i], head))
		return nil
	case a.source.id != "" && loc.GetBackendId() != a.source.id:
		a.skip(i, "no longer on the source backend")
		return nil
	}
	source, err := a.store(ctx, loc.GetBackendId())
	if err != nil {
		return sourceError{err}
	}
	dest, err := a.store(ctx, a.dest.id)
	if err != nil {
		return err
	}
	f := from{store: source, key: loc.GetNativeKey(), etag: loc.GetNativeEtag(), size: blobSize(head), crc: head.Crc64}
	t := to{store: dest, full: a.plan.GetOptions().GetVerify() == "full"}
	g, err := a.writes.begin(&catalogpb.Intent{Bucket: head.GetBucket(), Key: head.GetKey(), BackendId: a.dest.id, Size: f.size, Multipart: a.inParts(f, t)})
	if err != nil {
		return err
	}
	t.key = g.GetLocation().GetNativeKey()
	class, shown := classOf(head.GetStorageClass(), source, dest)
	if shown == "" && head.GetStorageClass() != "" { // "" would leave it as it is
		shown = adapters.StandardClass
	}
	t.o = adapters.PutOptions{Headers: headersOf(head.GetHeaders()), Metadata: blob.Describe(head.GetMetadata(), head.GetBucket(), head.GetKey(), head.GetVersionId(), t.key), StorageClass: class}
	c, err := a.copyObject(ctx, f, t, &a.moving)
	if err != nil {
		a.writes.abandon(ctx, g)
		return err
	}
	defer a.moving.Add(-f.size)
	g.Location.NativeEtag = c.info.ETag
	_, err = a.writes.commit(ctx, g, &catalogpb.CommitRequest_Item{Location: g.GetLocation(), Change: &catalogpb.CommitRequest_Item_Relocate{Relocate: &catalogpb.CommitRequest_Relocate{
		Version: head.GetVersion(), FromBackendId: loc.GetBackendId(), FromNativeKey: loc.GetNativeKey(), FromNativeEtag: loc.GetNativeEtag(),
		Crc64: c.crc, StorageClass: shown, ReleaseSource: a.plan.GetOptions().GetReleaseSource(),
	}}}, a.alive)
	if err != nil {
		a.writes.abandon(ctx, g)
		return err
	}
	o := outcome("copied", head.GetSize(), c.proof)
	o.Source, o.Destination = at(a.name(ctx, loc.GetBackendId()), &c.crc), at(a.dest.name, &c.crc)
	a.set(i, o)
	return nil
}

func headersOf(h *catalogpb.Headers) adapters.ContentHeaders {
	return adapters.ContentHeaders{ContentType: h.GetContentType(), ContentEncoding: h.GetContentEncoding(), ContentLanguage: h.GetContentLanguage(),
		ContentDisposition: h.GetContentDisposition(), CacheControl: h.GetCacheControl(), Expires: h.GetExpires()}
}
