package catalog

import (
	"bytes"
	"cmp"
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// The functions of this file are the protocol for writers outside of this process: a write is named by the id of its note, from
// which everything else is read again. All take many items, each with its own outcome.

// fanOut bounds what one batch does at once where the document store has no batches.
const fanOut = 16

// Intent asks for one write.
type Intent struct {
	Bucket    Bucket
	Key       string
	BackendID string // empty: by the bucket's placement
	Size      int64
	Multipart bool // the writer may use a native multipart upload
}

// Grant is what a writer gets for an Intent.
type Grant struct {
	WriteID  string
	Location Location
	TTL      time.Duration // commit or renew within it, counted from before BeginMany
	Err      error
}

// writeID names a write to its writer: its note, and what is needed to look after its blob when the note is gone.
func (n note) writeID() string {
	l := n.new.location
	return docstore.Join(n.docKey(), n.bucketID, n.bucket, n.key, l.BackendID, l.NativeKey, l.BlobID)
}

// parseWriteID gives back as much of a note as writeID said of it.
func parseWriteID(writeID string) (note, error) {
	p := docstore.Split(writeID)
	if len(p) != 7 {
		return note{}, errs.Newf(errs.InvalidArgument, "%q names no write", writeID)
	}
	shard, id, ok := cutNoteKey(p[0])
	if !ok || len(p[1]) != bucketIDLen {
		return note{}, errs.Newf(errs.InvalidArgument, "%q names no write", writeID)
	}
	return note{shard: shard, id: id, bucketID: p[1], bucket: p[2], key: p[3], multi: true,
		new: side{location: Location{BackendID: p[4], NativeKey: p[5], BlobID: p[6]}, live: true}}, nil
}

// waves splits changes so that none holds a key twice: batches may not touch a document twice.
func waves(all []*change) [][]*change {
	var list [][]*change
	count := map[string]int{}
	for _, ch := range all {
		k := headKey(ch.bucket.ID, ch.key)
		if count[k] == len(list) {
			list = append(list, nil)
		}
		list[count[k]] = append(list[count[k]], ch)
		count[k]++
	}
	return list
}

// BeginMany draws writes. Their notes are stored when it returns.
func (c *Catalog) BeginMany(ctx context.Context, intents []Intent) []Grant {
	until := c.now().Add(c.opt.TTL)
	all := make([]*change, len(intents))
	for i, in := range intents {
		loc, can, err := c.place(ctx, in.Bucket, in.Key, in.BackendID)
		all[i] = c.newPut(in.Bucket, in.Key, loc, in.Size, until)
		all[i].note.multi, all[i].moves = in.Multipart || can.NeedsParts(in.Size), in.BackendID == ""
		all[i].err = err
	}
	for _, wave := range waves(all) {
		wave = pending(wave)
		c.prepare(ctx, wave)
		c.anchor(ctx, wave)
		c.inPlace(ctx, wave)
		for _, ch := range wave {
			if ch.err != nil && ch.noted {
				c.abandon(ctx, ch)
			}
		}
	}
	grants := make([]Grant, len(all))
	for i, ch := range all {
		grants[i] = Grant{WriteID: ch.note.writeID(), Location: ch.note.new.location, TTL: c.opt.TTL, Err: ch.err}
	}
	return grants
}

// load reads the notes of writes back into changes. Where a note is gone, the change fails and holds what the id says.
func (c *Catalog) load(ctx context.Context, writeIDs []string) []*change {
	all := make([]*change, len(writeIDs))
	seen := map[string]bool{}
	var keys []string
	var who []*change
	for i, id := range writeIDs {
		n, err := parseWriteID(id)
		if err == nil && seen[n.docKey()] {
			err = errs.Newf(errs.InvalidArgument, "a write is named twice")
		}
		all[i] = &change{bucket: Bucket{ID: n.bucketID, Name: n.bucket}, key: n.key, note: n, err: err}
		if err == nil {
			seen[n.docKey()] = true
			keys, who = append(keys, n.docKey()), append(who, all[i])
		}
	}
	docs, err := c.getMany(ctx, collJournal, keys)
	for i, ch := range who {
		if err != nil {
			ch.err = err
			continue
		}
		ch.err = errFenced()
		if docs[i].Rev == "" {
			continue
		}
		n, err := decodeNote(docs[i])
		switch {
		case err != nil:
			ch.err = err
		case !n.closed && n.upload == "" && !n.adopt && n.new.live:
			*ch = change{bucket: Bucket{ID: n.bucketID, Name: n.bucket}, key: n.key, made: c.now(), note: n, noted: true, until: n.deadline, base: head{rev: n.base, note: n.baseNote}}
		}
	}
	return all
}

// RenewMany prolongs writes.
func (c *Catalog) RenewMany(ctx context.Context, writeIDs []string) (ttl time.Duration, outcomes []error) {
	all := c.load(ctx, writeIDs)
	c.renew(ctx, pending(all))
	return c.opt.TTL, outcomesOf(all)
}

func outcomesOf(all []*change) []error {
	list := make([]error, len(all))
	for i, ch := range all {
		list[i] = ch.err
	}
	return list
}

// Put is a CommitItem that makes or overwrites an object.
type Put struct {
	Object    Object // Rev and Location are ignored; Modified is the commit's unless set
	Parts     []ObjectPart
	Condition Condition
}

// Relocate is a CommitItem that moves the pointer of an object whose bytes are the same.
type Relocate struct {
	Version       docstore.Rev // of the object that was copied; empty: the current one
	From          Location     // what was copied; where the object is anywhere else by now, the outcome is FailedPrecondition with reason SourceChanged
	CRC64         uint64       // of the bytes that were copied; DataLoss when the object has another one
	StorageClass  string
	ReleaseSource bool // an adopted original is deleted too
}

// CommitItem is one commit; Put or Relocate is set. Location is as granted, with NativeETag.
type CommitItem struct {
	WriteID  string
	Location Location
	Put      *Put
	Relocate *Relocate
}

// CommitResult is the outcome of one CommitItem. Committed twice, a write answers the same.
type CommitResult struct {
	Rev docstore.Rev
	Err error
}

// again answers commits whose note is gone: an earlier call may have committed them under a note of their own.
func (c *Catalog) again(ctx context.Context, all []*change) {
	var lost []*change
	for _, ch := range all {
		if errs.ReasonOf(ch.err) == Expired {
			lost = append(lost, ch)
		}
	}
	if len(lost) == 0 {
		return
	}
	heads, err := c.heads(ctx, lost)
	for i, ch := range lost {
		switch {
		case err != nil:
		case heads[i].at(ch.note.new.location):
			ch.err, ch.done = nil, &heads[i]
		case heads[i].layered():
			o, e := c.at(ctx, ch.bucket.ID, ch.key, ch.note.new.location)
			if e == nil && o.Version != "" {
				ch.err, ch.done = nil, &head{rev: o.Rev, note: ch.note.id, live: true, object: o}
			}
		}
	}
	c.checkBuckets(ctx, lost)
}

// CommitMany carries writes to their end.
func (c *Catalog) CommitMany(ctx context.Context, items []CommitItem) []CommitResult {
	ids := make([]string, len(items))
	for i, it := range items {
		ids[i] = it.WriteID
	}
	all := c.load(ctx, ids)
	c.again(ctx, all)
	c.stateOf(ctx, all)
	parts := map[*change][]ObjectPart{}
	for i, ch := range all {
		if ch.err != nil || ch.done != nil {
			continue
		}
		it := items[i]
		have := ch.note.new.location
		switch {
		case it.Location.BackendID != have.BackendID || it.Location.NativeKey != have.NativeKey:
			ch.err = errs.Newf(errs.InvalidArgument, "the write was granted another location")
		case it.Put != nil:
			o := it.Put.Object
			o.Location = it.Location
			c.put(ch, o, it.Put.Parts, it.Put.Condition)
			ch.tellsPut(ofJobs(EventCopy))
			parts[ch] = it.Put.Parts
			ch.maybe = true // an earlier call may have got as far as the head
		case it.Relocate != nil:
			c.relocate(ch, it.Location.NativeETag, *it.Relocate)
		default:
			ch.err = errs.Newf(errs.InvalidArgument, "a commit has nothing to commit")
		}
	}
	for _, wave := range waves(all) {
		wave = pending(wave)
		c.prolong(ctx, wave)
		wave = pending(wave)
		c.refresh(ctx, wave)
		c.reword(ctx, wave)
		c.writeTables(ctx, wave, func(ch *change) []ObjectPart { return parts[ch] })
		c.commit(ctx, wave)
	}
	results := make([]CommitResult, len(all))
	for i, ch := range all {
		results[i].Err = ch.err
		if ch.err == nil {
			results[i].Rev = ch.outcome(ch.of).Rev
		}
	}
	return results
}

func (c *Catalog) relocate(ch *change, nativeETag string, r Relocate) {
	to := ch.note.new.location
	to.NativeETag = nativeETag
	name := func(base head) docstore.Rev { return cmp.Or(r.Version, base.object.Version) }
	ch.of = r.Version
	ch.needs = func(base head) docstore.Rev {
		if v := name(base); v != base.object.Version && base.layered() {
			return v
		}
		return ""
	}
	ch.shape = func(n *note, base head) {
		n.old, n.new.size, n.new.table, n.moves = side{}, 0, "", false
		if o, _ := ch.target(base, name(base)); o != nil {
			n.old = o.side()
			n.new.size, n.new.table = o.Size, o.table
			n.moves = n.old.live && o.Location.BlobID == ""
		}
		n.release = n.moves && r.ReleaseSource
	}
	ch.make = func(base head) (head, error) {
		o, current := ch.target(base, name(base))
		if o == nil || o.DeleteMarker || o.Version == "" || o.Location.BackendID != r.From.BackendID || o.Location.NativeKey != r.From.NativeKey ||
			r.From.NativeETag != "" && o.Location.NativeETag != r.From.NativeETag {
			return head{}, errs.Newf(errs.FailedPrecondition, "the object is not where it was copied from any more").Because("SourceChanged")
		}
		if known := o.CRC64; known != nil && *known != r.CRC64 {
			return head{}, errs.Newf(errs.DataLoss, "the bytes that were copied are not those of the object").Because("ChecksumMismatch")
		}
		if sum := o.Checksums[string(checksum.CRC64NVME)]; sum != nil && o.Encryption == nil && !bytes.Equal(sum, checksum.Bytes64(r.CRC64)) {
			return head{}, errs.Newf(errs.DataLoss, "the bytes that were copied are not those of the object").Because("ChecksumMismatch")
		}
		next, crc := *o, r.CRC64
		next.CRC64, next.Location, next.Rev = &crc, to, ""
		if r.StorageClass != "" {
			next.StorageClass = r.StorageClass
		}
		if !current {
			return ch.amended(base, next), nil
		}
		h := base.next()
		h.object = next
		return h, nil
	}
}

// AbandonMany gives writes up. What it cannot do the journal's reader does when their time is over.
func (c *Catalog) AbandonMany(ctx context.Context, writeIDs []string) {
	var group errgroup.Group
	group.SetLimit(fanOut)
	for _, id := range writeIDs {
		n, err := parseWriteID(id)
		if err != nil {
			continue
		}
		group.Go(func() error {
			c.abandon(ctx, &change{note: n})
			return nil
		})
	}
	_ = group.Wait()
}

// GetMany returns the objects of keys in their order, or, where versionIDs has one, that version; errs holds NotFound with reason NoSuchKey or NoSuchVersion where there is none.
func (c *Catalog) GetMany(ctx context.Context, b Bucket, keys, versionIDs []string) (objects []Object, outcomes []error, err error) {
	docKeys := make([]string, len(keys))
	for i, k := range keys {
		docKeys[i] = headKey(b.ID, k)
	}
	docs, err := c.getMany(ctx, collObjects, docKeys)
	if err != nil {
		return nil, nil, err
	}
	objects, outcomes = make([]Object, len(keys)), make([]error, len(keys))
	var group errgroup.Group
	group.SetLimit(fanOut)
	for i, d := range docs {
		id := ""
		if len(versionIDs) > 0 {
			id = versionIDs[i]
		}
		h, err := decodeHead(d)
		switch {
		case err == nil && id != "" && !(h.live && h.object.is(id)) && h.layered():
			group.Go(func() error {
				objects[i], outcomes[i] = c.Get(ctx, b, keys[i], id)
				return nil
			})
			continue
		case err == nil && id != "" && !(h.live && h.object.is(id)):
			err = noSuchVersion()
		case err == nil && !h.live:
			err = noSuchKey()
		}
		objects[i], outcomes[i] = h.object, err
	}
	_ = group.Wait()
	return objects, outcomes, nil
}

// DeleteItem names an object to delete.
type DeleteItem struct {
	Key   string
	IfRev docstore.Rev // its Rev or Version; empty: any
}

// DeleteMany deletes objects. To delete what is absent is no error.
func (c *Catalog) DeleteMany(ctx context.Context, b Bucket, items []DeleteItem) []error {
	all := make([]*change, len(items))
	for i, it := range items {
		all[i] = c.newDelete(b, it.Key, "", Condition{IfRev: it.IfRev})
		all[i].tellsDelete(ofJobs(EventRemoved), "")
	}
	for _, wave := range waves(all) {
		c.carry(ctx, wave)
	}
	outcomes := outcomesOf(all)
	for i, err := range outcomes {
		if err == errAbsent {
			outcomes[i] = nil
		}
	}
	return outcomes
}
