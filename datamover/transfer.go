package datamover

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/overwrite"
	"github.com/opensds/gelato/internal/trouble"
	"github.com/opensds/gelato/proto/catalogpb"
	"github.com/opensds/gelato/proto/dataflowpb"
)

// conflictError says that the destination is not in the state that the copy was decided for.
type conflictError struct{ error }

func (e conflictError) Unwrap() error { return e.error }

// transfer copies or moves, between buckets and backends in any combination.
func (a *attempt) transfer(ctx context.Context) error {
	heads := make([]*catalogpb.Object, len(a.task.GetEntries()))
	prepare := func(context.Context, []int) error { return nil }
	if a.plan.GetSource().GetBucket() != "" {
		prepare = a.sourceHeads(heads, false)
	}
	return a.each(ctx, prepare, func(ctx context.Context, i int) { a.transferOne(ctx, i, heads[i]) })
}

// maxKey is S3's limit for keys of a bucket, which mapping prefixes may pass; stores check theirs.
const maxKey = 1024

// origin is the source of one entry as it is now.
type origin struct {
	head    *catalogpb.Object // of a bucket's object
	backend string            // id
	from    from
	version overwrite.Version
}

// journey is the way of one entry: where it stands between tries.
type journey struct {
	i       int
	entry   *dataflowpb.Entry
	key     string // at the destination
	origin  origin
	rule    overwrite.Rule
	destTag string // revision or native ETag that the destination is believed to have; empty: nothing there
	look    bool   // ask the destination first
	copied  *dataflowpb.Outcome
	travel  bool // the store failed to copy by itself
}

func (a *attempt) transferOne(ctx context.Context, i int, head *catalogpb.Object) {
	e := a.task.GetEntries()[i]
	j := &journey{i: i, entry: e, key: e.GetDestKey(), destTag: e.GetDestTag(), rule: overwrite.Rule(a.plan.GetOptions().GetOverwrite())}
	if j.key == "" {
		j.key = e.GetKey()
	}
	if err := adapters.CheckKey(j.key, maxKey); err != nil {
		a.fail(i, err)
		return
	}
	j.look = a.moves() && j.destTag != "" // an interrupted move may have left its copy there
	started := false
	var absent absence
	for n := 1; ; n++ {
		var err error
		if !started {
			err = a.start(ctx, j, head)
			started = err == nil
		}
		if err == nil {
			err = a.try(ctx, j)
		}
		if err == nil || a.over(ctx, err) {
			return
		}
		again := false
		if _, failed := errors.AsType[inStoreError](err); failed {
			j.travel, again = true, !errs.Retryable(err)
		}
		if _, conflict := errors.AsType[conflictError](err); conflict {
			j.look, again = true, true
		} else if isSourceChange(err) || isSourceGone(err) {
			again, err = a.again(ctx, j, err)
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

func (a *attempt) moves() bool { return a.plan.GetMode() == "move" }

// start sets the origin from what is known: the head, or the entry of a native object.
func (a *attempt) start(ctx context.Context, j *journey, head *catalogpb.Object) error {
	if a.plan.GetSource().GetBucket() != "" {
		return a.fromBucket(ctx, j, head)
	}
	store, err := a.store(ctx, a.source.id)
	if err != nil {
		return sourceError{err}
	}
	e := j.entry
	j.origin = origin{backend: a.source.id, from: from{store: store, backend: a.source.id, key: e.GetKey(), etag: e.GetEtag(), size: e.GetSize()},
		version: overwrite.Version{Size: e.GetSize(), Modified: e.GetModTime().AsTime(), ETag: e.GetEtag()}}
	return nil
}

// fromBucket sets the origin to a head. With an error it is what it was.
func (a *attempt) fromBucket(ctx context.Context, j *journey, head *catalogpb.Object) error {
	if head == nil {
		j.origin = origin{}
		return nil
	}
	if head.GetPartCount() > 0 && a.plan.GetDestination().GetBucket() != "" { // part tables are long: one at a time
		full, err := a.heads(ctx, head.GetBucket(), []string{head.GetKey()}, nil, true)
		if err != nil {
			return err
		}
		if head = full[0]; head == nil {
			j.origin = origin{}
			return nil
		}
	}
	loc := head.GetLocation()
	store, err := a.store(ctx, loc.GetBackendId())
	if err != nil {
		return sourceError{err}
	}
	j.origin = origin{head: head, backend: loc.GetBackendId()}
	j.origin.from = from{store: store, backend: loc.GetBackendId(), key: loc.GetNativeKey(), etag: loc.GetNativeEtag(), size: blobSize(head), crc: head.Crc64}
	j.origin.version = overwrite.Version{Size: head.GetSize(), Modified: head.GetLastModified().AsTime(), CRC64: head.Crc64, ETag: head.GetEtag()}
	return nil
}

// again looks at a source that changed or vanished. It reports whether there is something new to try; else err says why not.
func (a *attempt) again(ctx context.Context, j *journey, err error) (bool, error) {
	if j.origin.head != nil {
		head := j.origin.head
		moved, e := a.refresh(ctx, &head, "")
		if e != nil {
			return false, e
		}
		if !moved && isSourceGone(err) {
			return false, errs.New(errs.Internal, "the bytes of the object are not at its backend", err)
		}
		e = a.fromBucket(ctx, j, head)
		return e == nil, e
	}
	info, e := j.origin.from.store.Head(ctx, j.entry.GetKey())
	switch {
	case errs.Is(e, errs.NotFound):
		j.origin = origin{}
		return true, nil
	case e != nil:
		return false, sourceError{e}
	}
	a.nativeOrigin(j, info)
	return true, nil
}

func (a *attempt) nativeOrigin(j *journey, info adapters.Info) {
	j.origin.from.etag, j.origin.from.size = info.ETag, info.Size
	j.origin.version = overwrite.Version{Size: info.Size, Modified: info.ModTime, ETag: info.ETag, CRC64: info.CRC64}
}

// try makes one attempt: decides, copies, and removes the source of a move.
func (a *attempt) try(ctx context.Context, j *journey) error {
	if j.origin.from.store == nil {
		if j.copied != nil { // a move whose source somebody else removed after it was copied
			a.set(j.i, j.copied)
			return nil
		}
		a.skip(j.i, "deleted")
		return nil
	}
	if j.look && j.rule != overwrite.Always {
		settled, err := a.decide(ctx, j)
		if settled || err != nil {
			return err
		}
	}
	var o *dataflowpb.Outcome
	var err error
	var etag string // of the bytes that were copied
	if a.plan.GetDestination().GetBucket() != "" {
		o, etag, err = a.intoBucket(ctx, j)
	} else {
		o, etag, err = a.intoBackend(ctx, j)
	}
	if err != nil {
		return err
	}
	if j.look, j.copied = false, o; a.moves() {
		if o.Reason, err = a.removeSource(ctx, j, etag); err != nil {
			return err
		}
	}
	a.set(j.i, o)
	return nil
}

// decide looks at what is at the destination now. settled: nothing is to be copied, and the outcome is recorded.
func (a *attempt) decide(ctx context.Context, j *journey) (settled bool, err error) {
	if j.origin.head == nil && a.moves() { // checksums are not in listings
		info, err := j.origin.from.store.Head(ctx, j.entry.GetKey())
		if err != nil {
			return false, sourceError{err}
		}
		a.nativeOrigin(j, info)
	}
	there, tag, backend, err := a.lookAt(ctx, j.key)
	if err != nil {
		return false, err
	}
	if j.destTag = tag; tag == "" {
		return false, nil
	}
	same, proven := overwrite.Same(j.origin.version, there)
	copies, reason := overwrite.Decide(j.rule, j.origin.version, there)
	o := outcome("skipped", j.origin.version.Size, "")
	o.Source, o.Destination = at(a.name(ctx, j.origin.backend), j.origin.version.CRC64), at(a.name(ctx, backend), there.CRC64)
	switch {
	case a.moves() && same && proven:
		removed, err := a.removeSource(ctx, j, j.origin.from.etag)
		if err != nil {
			return false, err
		}
		o.Reason, o.Proof = "same; "+removed, "checksums-compared"
	case copies, a.moves() && same && j.rule == overwrite.IfDifferent: // no proof, no deletion: it is copied once more
		return false, nil
	default:
		o.Reason = reason
	}
	a.set(j.i, o)
	return true, nil
}

// lookAt describes what is at a key of the destination. An empty tag: nothing.
func (a *attempt) lookAt(ctx context.Context, key string) (v overwrite.Version, tag, backend string, err error) {
	if bucket := a.plan.GetDestination().GetBucket(); bucket != "" {
		heads, err := a.heads(ctx, bucket, []string{key}, nil, false)
		if err != nil || heads[0] == nil {
			return v, "", "", err
		}
		h := heads[0]
		return overwrite.Version{Size: h.GetSize(), Modified: h.GetLastModified().AsTime(), CRC64: h.Crc64, ETag: h.GetEtag()}, h.GetRev(), h.GetLocation().GetBackendId(), nil
	}
	store, err := a.store(ctx, a.dest.id)
	if err != nil {
		return v, "", "", err
	}
	info, err := store.Head(ctx, key)
	if errs.Is(err, errs.NotFound) {
		return v, "", "", nil
	}
	return overwrite.Version{Size: info.Size, Modified: info.ModTime, CRC64: info.CRC64, ETag: info.ETag}, info.ETag, a.dest.id, err
}

// intoBucket makes the copy an object of the destination bucket.
func (a *attempt) intoBucket(ctx context.Context, j *journey) (*dataflowpb.Outcome, string, error) {
	bucket := a.plan.GetDestination().GetBucket()
	f := j.origin.from
	intent := &catalogpb.Intent{Bucket: bucket, Key: j.key, Size: f.size, Multipart: f.size > a.o.Threshold, Encrypted: encrypted(j.origin.head)}
	g, err := a.writes.begin(intent)
	if err != nil {
		return nil, "", err
	}
	o, etag, err := a.fill(ctx, j, g)
	if err != nil {
		a.writes.abandon(ctx, g)
	}
	return o, etag, err
}

func (a *attempt) fill(ctx context.Context, j *journey, g *grant) (*dataflowpb.Outcome, string, error) {
	bucket, f, head := a.plan.GetDestination().GetBucket(), j.origin.from, j.origin.head
	loc := g.GetLocation()
	dest, err := a.store(ctx, loc.GetBackendId())
	if err != nil {
		return nil, "", err
	}
	t := to{store: dest, backend: loc.GetBackendId(), key: loc.GetNativeKey(), travel: j.travel, full: a.plan.GetOptions().GetVerify() == "full"}
	describe := func(user map[string]string) map[string]string {
		user = maps.Clone(user)
		delete(user, blob.Metadata) // ours, or another cluster's
		return blob.Describe(user, bucket, j.key, "null", t.key)
	}
	shown := ""
	if head != nil {
		t.o = adapters.PutOptions{Headers: headersOf(head.GetHeaders()), Metadata: describe(head.GetMetadata())}
		t.o.StorageClass, shown = classOf(head.GetStorageClass(), f.store, dest)
	} else {
		t.describe, t.tags = describe, true
	}
	c, err := a.copyObject(ctx, f, t, &a.moving)
	if err != nil {
		return nil, "", err
	}
	defer a.moving.Add(-f.size)
	loc.NativeEtag = c.info.ETag
	put := &catalogpb.CommitRequest_Put{Object: objectOf(head, &c), Parts: partsOf(head, &c)}
	put.Object.Bucket, put.Object.Key = bucket, j.key
	if head == nil {
		_, shown = classOf(c.source.StorageClass, f.store, dest)
	}
	put.Object.StorageClass = shown
	switch {
	case j.rule == overwrite.Always:
	case j.destTag == "":
		put.Condition = &catalogpb.CommitRequest_Put_IfAbsent{IfAbsent: true}
	default:
		put.Condition = &catalogpb.CommitRequest_Put_IfRev{IfRev: j.destTag}
	}
	rev, err := a.writes.commit(ctx, g, &catalogpb.CommitRequest_Item{Location: loc, Change: &catalogpb.CommitRequest_Item_Put{Put: put}}, a.alive)
	if err != nil {
		if put.Condition != nil && isConflict(err) {
			err = conflictError{err}
		}
		return nil, "", err
	}
	j.destTag = rev
	return a.made(ctx, j, &c, loc.GetBackendId()), sourceTag(f, &c), nil
}

func isConflict(err error) bool {
	return errs.Is(err, errs.FailedPrecondition) || errs.Is(err, errs.AlreadyExists) || errs.ReasonOf(err) == "NoSuchKey"
}

func sourceTag(f from, c *copied) string {
	if f.etag != "" {
		return f.etag
	}
	return c.source.ETag
}

// objectOf is what the destination's head will say: what the source's says, or what a PUT of these bytes would have made.
func objectOf(head *catalogpb.Object, c *copied) *catalogpb.Object {
	o := &catalogpb.Object{Crc64: &c.crc}
	if head != nil {
		o.Size, o.Etag, o.Checksums, o.ChecksumType = head.GetSize(), head.GetEtag(), head.GetChecksums(), head.GetChecksumType()
		o.Headers, o.Metadata, o.PartCount, o.Tags = head.GetHeaders(), head.GetMetadata(), head.GetPartCount(), head.GetTags()
		o.CipherSize, o.Encryption = head.GetCipherSize(), head.GetEncryption()
		return o
	}
	h := c.source.Headers
	o.Size, o.Etag, o.ChecksumType = c.source.Size, c.etag, "FULL_OBJECT"
	o.Checksums = map[string][]byte{string(checksum.CRC64NVME): checksum.Bytes64(c.crc)}
	o.Headers = &catalogpb.Headers{ContentType: h.ContentType, ContentEncoding: h.ContentEncoding, ContentLanguage: h.ContentLanguage,
		ContentDisposition: h.ContentDisposition, CacheControl: h.CacheControl, Expires: h.Expires}
	o.Metadata = maps.Clone(c.source.Metadata)
	delete(o.Metadata, blob.Metadata)
	o.PartCount = int32(len(c.parts))
	return o
}

func partsOf(head *catalogpb.Object, c *copied) []*catalogpb.ObjectPart {
	if head != nil {
		return head.GetParts()
	}
	parts := make([]*catalogpb.ObjectPart, len(c.parts))
	for i, p := range c.parts {
		parts[i] = &catalogpb.ObjectPart{N: int32(p.N), Size: p.Size, Crc64: p.CRC64}
	}
	return parts
}

// intoBackend writes the copy to a raw destination, which has no pointer: on condition, where the store can judge it.
func (a *attempt) intoBackend(ctx context.Context, j *journey) (*dataflowpb.Outcome, string, error) {
	if j.key == blob.Marker || blob.IsOurs(j.key) {
		return nil, "", errs.Newf(errs.InvalidArgument, "the destination key has the form of Gelato's own")
	}
	if encrypted(j.origin.head) {
		return nil, "", errSealed()
	}
	dest, err := a.store(ctx, a.dest.id)
	if err != nil {
		return nil, "", err
	}
	f, head := j.origin.from, j.origin.head
	t := to{store: dest, backend: a.dest.id, key: j.key, travel: j.travel, full: a.plan.GetOptions().GetVerify() == "full", retract: true, alive: a.alive}
	if head != nil {
		t.o.Headers, t.o.Metadata = headersOf(head.GetHeaders()), head.GetMetadata()
		t.o.StorageClass, _ = classOf(head.GetStorageClass(), f.store, dest)
	} else {
		t.describe = func(user map[string]string) map[string]string { return user }
	}
	if j.rule != overwrite.Always {
		if dest.Capabilities().ConditionalPut {
			t.o.IfNoneMatch, t.o.IfMatch = j.destTag == "", j.destTag
		} else if _, tag, _, err := a.lookAt(ctx, j.key); err != nil {
			return nil, "", err
		} else if tag != j.destTag {
			return nil, "", conflictError{errs.Newf(errs.FailedPrecondition, "the destination changed")}
		}
	}
	if err := a.alive(); err != nil {
		return nil, "", err
	}
	c, err := a.copyObject(ctx, f, t, &a.moving)
	if _, source := errors.AsType[sourceError](err); err != nil && !source && j.rule != overwrite.Always && isConflict(err) {
		return nil, "", conflictError{err}
	}
	if err != nil {
		return nil, "", err
	}
	a.moving.Add(-f.size)
	j.destTag = c.info.ETag
	return a.made(ctx, j, &c, a.dest.id), sourceTag(f, &c), nil
}

// made is the outcome of a copy.
func (a *attempt) made(ctx context.Context, j *journey, c *copied, backend string) *dataflowpb.Outcome {
	o := outcome("copied", j.origin.version.Size, c.proof)
	o.Source, o.Destination = at(a.name(ctx, j.origin.backend), &c.crc), at(a.name(ctx, backend), &c.crc)
	return o
}

// removeSource deletes the source of a move if it is still what was copied, and says for the report how that was made sure. A source that changed
// is a sourceError: the newer version is taken up.
func (a *attempt) removeSource(ctx context.Context, j *journey, etag string) (how string, err error) {
	f := j.origin.from
	var absent absence
	for n := 1; ; n++ {
		if err := a.alive(); err != nil {
			return "", err
		}
		if j.origin.head != nil {
			how = "source deleted by revision"
			err = a.writes.remove(j.origin.head.GetBucket(), j.origin.head.GetKey(), j.origin.head.GetRev(), a.alive)
		} else {
			how = "source deleted by If-Match"
			if !f.store.Capabilities().ConditionalDelete {
				how = "source deleted after a fresh HEAD"
			}
			call, cancel := context.WithTimeout(ctx, time.Minute)
			err = f.store.Delete(call, f.key, etag)
			cancel()
		}
		switch {
		case err == nil || errs.Is(err, errs.NotFound):
			return how, nil
		case errs.Is(err, errs.FailedPrecondition):
			return "", sourceError{err}
		case absent.wait(ctx, err):
			n--
		case !errs.Retryable(err) || n == tries || !trouble.Sleep(ctx, pause(n)):
			return "", errs.New(errs.CodeOf(err), "the copy is there, but the source was not deleted", fmt.Errorf("delete source: %w", err))
		}
	}
}
