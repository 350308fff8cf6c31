package catalog

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

const (
	collSettings = "settings"
	maxSetting   = 1 << 20 // bytes of one
)

// The bytes of a setting are a document of their own, which never changes: its key holds the revision, and the bucket names it. So settings of one step
// change together, by the compare-and-set of the bucket, and readers may keep what they parsed for as long as the bucket names it.

func settingKey(bucketID, name string, rev docstore.Rev) string {
	return bucketID + "/" + name + "/" + string(rev)
}

func noSuchSetting() error {
	return errs.Newf(errs.NotFound, "the bucket has no such setting").Because("NoSuchSetting")
}

// Setting implements API.
func (c *Catalog) Setting(ctx context.Context, b Bucket, name string) ([]byte, error) {
	rev, ok := b.Settings[name]
	if !ok {
		return nil, noSuchSetting()
	}
	d, err := c.get(ctx, collSettings, settingKey(b.ID, name, rev))
	if err != nil {
		return nil, err
	}
	if d.Rev == "" { // b is old
		c.cache.drop(b.Name)
		return nil, noSuchSetting()
	}
	r := newReader(d.Body)
	var value []byte
	for e, more := r.next(); more; e, more = r.next() {
		if e.key == "v" {
			value = e.bytes()
		}
	}
	if r.bad {
		return nil, malformed(collSettings, d.Key)
	}
	return value, nil
}

// writeSettings stores settings under a fresh revision and returns those that the bucket has then.
func (c *Catalog) writeSettings(ctx context.Context, b Bucket, change map[string][]byte) (map[string]docstore.Rev, error) {
	have := maps.Clone(b.Settings)
	var ops []docstore.Op
	for name, value := range change {
		if value == nil {
			delete(have, name)
			continue
		}
		if len(value) > maxSetting {
			return nil, errs.Newf(errs.InvalidArgument, "a setting of a bucket has at most %d bytes", maxSetting)
		}
		rev := c.newRev(b.Settings[name])
		if have == nil {
			have = map[string]docstore.Rev{}
		}
		have[name] = rev
		w := newWriter(len(value) + 32)
		w.bytes("v", value)
		w.end()
		ops = append(ops, insertOp(collSettings, docstore.Doc{Key: settingKey(b.ID, name, rev), Rev: rev, Body: w.b}))
	}
	for _, err := range c.apply(ctx, ops) {
		if err != nil {
			return nil, fmt.Errorf("write settings: %w", err)
		}
	}
	return have, nil
}

// SetSettings implements API.
func (c *Catalog) SetSettings(ctx context.Context, of Bucket, change map[string][]byte) (Bucket, error) {
	for {
		b, err := c.same(ctx, of)
		if err != nil {
			return Bucket{}, err
		}
		next := b
		if next.Settings, err = c.writeSettings(ctx, b, change); err != nil {
			return Bucket{}, err
		}
		next.Rev, next.read = c.newRev(b.Rev), time.Now()
		doc, err := (bucketDoc{Bucket: next}).doc()
		if err != nil {
			return Bucket{}, err
		}
		err = c.write(ctx, replaceOp(collBuckets, doc, b.Rev))
		gone := b
		if err != nil {
			gone = next // what was written for it; if it was committed after all, the same values come under another revision
		} else {
			c.cache.put(next)
		}
		if err == nil || errs.Is(err, errs.FailedPrecondition) {
			c.dropSettings(ctx, gone, change)
		}
		if err == nil {
			return next, nil
		}
		if !errs.Is(err, errs.FailedPrecondition) {
			return Bucket{}, fmt.Errorf("replace bucket: %w", err)
		}
	}
}

// dropSettings removes the documents of settings that b names and nobody does any more. What it fails to remove goes with the bucket.
func (c *Catalog) dropSettings(ctx context.Context, b Bucket, names map[string][]byte) {
	var ops []docstore.Op
	for name := range names {
		if rev, ok := b.Settings[name]; ok {
			ops = append(ops, deleteOp(collSettings, settingKey(b.ID, name, rev), rev))
		}
	}
	c.try(ctx, ops)
}
