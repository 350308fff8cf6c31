package catalog

import (
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

const collUsage = "usage"

// Usage is what a bucket holds on one backend.
type Usage struct {
	BackendID string
	Objects   int64
	Bytes     int64
}

// ledger is the document that a shard's reader keeps of one bucket: the sums, and the notes that were applied by its last change. The compare-and-set of
// the ledger is the one moment in which a batch of notes counts; the notes are deleted afterwards, and the next batch counts only when they all are.
type ledger struct {
	bucketID string
	rev      docstore.Rev // empty: not there yet
	sums     map[string]Usage
	applied  []docstore.Rev
}

func ledgerKey(shard int, bucketID string) string { return shardPrefix(shard) + bucketID }

func (l ledger) doc(key string) (docstore.Doc, error) {
	w := newWriter(1024)
	w.array("s")
	for i, backend := range sortedKeys(l.sums) {
		u := l.sums[backend]
		w.doc(fmt.Sprint(i))
		w.str("b", backend)
		w.int("n", u.Objects)
		w.int("s", u.Bytes)
		w.end()
	}
	w.end()
	var revs []byte
	for _, r := range l.applied {
		raw, err := hex.DecodeString(string(r))
		if err != nil {
			return docstore.Doc{}, err
		}
		revs = append(revs, raw...)
	}
	w.bytes("a", revs)
	body, err := w.finish()
	return docstore.Doc{Key: key, Rev: newRev(l.rev), Body: body}, err
}

const revBytes = 12 // of a revision, in binary

func decodeLedger(d docstore.Doc) (ledger, error) {
	l := ledger{rev: d.Rev, sums: map[string]Usage{}}
	if len(d.Key) > 3 {
		l.bucketID = d.Key[3:]
	}
	if d.Rev == "" {
		return l, nil
	}
	r := newReader(d.Body)
	for e, ok := r.next(); ok; e, ok = r.next() {
		switch e.key {
		case "s":
			list := nested(e.val)
			for e, ok := list.next(); ok; e, ok = list.next() {
				u, good := decodeUsage(e.val)
				l.sums[u.BackendID] = u
				r.bad = r.bad || !good
			}
			r.bad = r.bad || list.bad
		case "a":
			for b := e.bytes(); len(b) >= revBytes; b = b[revBytes:] {
				l.applied = append(l.applied, docstore.Rev(hex.EncodeToString(b[:revBytes])))
			}
		}
	}
	if r.bad {
		return ledger{}, malformed(collUsage, d.Key)
	}
	return l, nil
}

func decodeUsage(doc string) (u Usage, good bool) {
	r := nested(doc)
	for e, ok := r.next(); ok; e, ok = r.next() {
		switch e.key {
		case "b":
			u.BackendID = e.str()
		case "n":
			u.Objects = e.int()
		case "s":
			u.Bytes = e.int()
		}
	}
	return u, !r.bad
}

// count adds (sign 1) or takes away (sign -1) what a side of a committed note holds.
func (l *ledger) count(s side, sign int64) {
	if !s.live {
		return
	}
	u := l.sums[s.location.BackendID]
	u.BackendID = s.location.BackendID
	u.Objects += sign
	u.Bytes += sign * s.size
	if u.Objects == 0 && u.Bytes == 0 {
		delete(l.sums, u.BackendID)
		return
	}
	l.sums[u.BackendID] = u
}

// ledgers reads those of a shard for buckets.
func (c *Catalog) ledgers(ctx context.Context, shard int, bucketIDs []string) (map[string]*ledger, error) {
	keys := make([]string, len(bucketIDs))
	for i, id := range bucketIDs {
		keys[i] = ledgerKey(shard, id)
	}
	docs, err := c.getMany(ctx, collUsage, keys)
	if err != nil {
		return nil, err
	}
	all := make(map[string]*ledger, len(docs))
	for i, d := range docs {
		d.Key = keys[i]
		l, err := decodeLedger(d)
		if err != nil {
			return nil, err
		}
		all[bucketIDs[i]] = &l
	}
	return all, nil
}

// post stores a ledger with its next sums. FailedPrecondition or AlreadyExists: another reader was here; nothing counts.
func (c *Catalog) post(ctx context.Context, shard int, l *ledger) error {
	key := ledgerKey(shard, l.bucketID)
	d, err := l.doc(key)
	if err != nil {
		return err
	}
	op := insertOp(collUsage, d)
	if l.rev != "" {
		op = replaceOp(collUsage, d, l.rev)
	}
	if err := c.write(ctx, op); err != nil {
		return fmt.Errorf("post usage: %w", err)
	}
	l.rev = d.Rev
	return nil
}

// markAsOf records up to when a shard's notes are counted.
func (c *Catalog) markAsOf(ctx context.Context, shard int, at time.Time) error {
	key := shardPrefix(shard)[:2]
	d, err := c.get(ctx, collUsage, key)
	if err != nil {
		return err
	}
	w := newWriter(32)
	w.int("t", at.UnixNano())
	body, err := w.finish()
	if err != nil {
		return err
	}
	next := docstore.Doc{Key: key, Rev: c.newRev(d.Rev), Body: body}
	op := insertOp(collUsage, next)
	if d.Rev != "" {
		op = replaceOp(collUsage, next, d.Rev)
	}
	err = c.write(ctx, op)
	if errs.Is(err, errs.AlreadyExists) || errs.Is(err, errs.FailedPrecondition) {
		return nil // another reader did it
	}
	return err
}

// Usage sums what buckets hold, in the order of their ids, each by backend. asOf is the time up to which every change is counted; the zero Time when
// some shard was never read.
func (c *Catalog) Usage(ctx context.Context, bucketIDs []string) (usage [][]Usage, asOf time.Time, err error) {
	marks := make([]string, shards)
	for i := range marks {
		marks[i] = shardPrefix(i)[:2]
	}
	docs, err := c.getMany(ctx, collUsage, marks)
	if err != nil {
		return nil, time.Time{}, err
	}
	for i, d := range docs {
		at := time.Time{}
		if r := newReader(d.Body); d.Rev != "" {
			if e, ok := r.next(); ok {
				at = time.Unix(0, e.int()).UTC()
			}
		}
		if i == 0 || at.Before(asOf) {
			asOf = at
		}
	}
	sums := make([]map[string]Usage, len(bucketIDs))
	for shard := range shards {
		all, err := c.ledgers(ctx, shard, bucketIDs)
		if err != nil {
			return nil, time.Time{}, err
		}
		for i, id := range bucketIDs {
			if sums[i] == nil {
				sums[i] = map[string]Usage{}
			}
			for backend, u := range all[id].sums {
				t := sums[i][backend]
				sums[i][backend] = Usage{BackendID: backend, Objects: t.Objects + u.Objects, Bytes: t.Bytes + u.Bytes}
			}
		}
	}
	usage = make([][]Usage, len(bucketIDs))
	for i, m := range sums {
		maps.DeleteFunc(m, func(_ string, u Usage) bool { return u.Objects == 0 && u.Bytes == 0 })
		for _, backend := range sortedKeys(m) {
			usage[i] = append(usage[i], m[backend])
		}
	}
	return usage, asOf, nil
}
