package scheduler

import (
	"cmp"
	"context"
	"fmt"
	"sort"
	"time"
	"unicode/utf8"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/blob"
	"github.com/opensds/gelato/internal/overwrite"
	"github.com/opensds/gelato/proto/catalogpb"
)

const pageSize = 1000

// object is one object of a listing, of a bucket or of a backend.
type object struct {
	key string
	overwrite.Version
	tag     string // the head's revision, or the native ETag
	version string // of an object of a bucket
	id      string // its version id, as clients see it
	cursor  string // where the listing goes on behind it
	backend string // id of the backend where it lies
}

// page is a run of a listing. next is the after of the following one.
type page struct {
	objects []object
	next    string
	more    bool
}

// lister lists what sorts after a key below a fixed prefix, in key order.
type lister func(ctx context.Context, after string) (page, error)

// ofBucket lists the objects of a bucket: the current ones, or all versions.
func (d *driver) ofBucket(bucket, prefix string, versions bool) lister {
	return func(ctx context.Context, after string) (page, error) {
		r, err := d.Catalog.List(ctx, &catalogpb.ListRequest{Bucket: bucket, Prefix: prefix, After: after, Limit: pageSize, Versions: versions})
		if err != nil {
			return page{}, fmt.Errorf("list bucket: %w", err)
		}
		p := page{next: r.GetNextAfter(), more: r.GetMore(), objects: make([]object, 0, len(r.GetObjects()))}
		for _, o := range r.GetObjects() {
			x := object{key: o.GetKey(), tag: o.GetRev(), version: o.GetVersion(), id: o.GetVersionId(), cursor: cmp.Or(o.GetCursor(), o.GetKey()), backend: o.GetLocation().GetBackendId(),
				Version: overwrite.Version{Size: o.GetSize(), Modified: o.GetLastModified().AsTime(), ETag: o.GetEtag(), CRC64: o.Crc64}}
			p.objects = append(p.objects, x)
		}
		return p, nil
	}
}

// ofBackend lists the native objects of a backend that are not Gelato's own.
func (d *driver) ofBackend(ctx context.Context, id, prefix string) (lister, error) {
	store, err := d.Stores.Store(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("open backend: %w", err)
	}
	return func(ctx context.Context, after string) (page, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		r, err := store.List(ctx, prefix, after, pageSize)
		if err != nil {
			return page{}, fmt.Errorf("list backend: %w", err)
		}
		p := page{more: r.More && len(r.Objects) > 0, objects: make([]object, 0, len(r.Objects))}
		for _, o := range r.Objects {
			p.next = o.Key
			if !isOwn(o.Key) {
				p.objects = append(p.objects, object{key: o.Key, cursor: o.Key, tag: o.ETag, backend: id, Version: versionOf(o)})
			}
		}
		return p, nil
	}, nil
}

func versionOf(o adapters.Info) overwrite.Version {
	return overwrite.Version{Size: o.Size, Modified: o.ModTime, ETag: o.ETag, CRC64: o.CRC64}
}

// isOwn reports whether a native key is Gelato's, of any cluster.
func isOwn(key string) bool { return key == blob.Marker || blob.IsOurs(key) }

// lookup finds keys in a listing, asked for in ascending order: one page serves all that fall into it, and gaps are skipped.
type lookup struct {
	list  lister
	page  page
	from  string // the page holds all that sorts after from ...
	valid bool
}

// find returns the object of a key, if there is one.
func (l *lookup) find(ctx context.Context, key string) (object, bool, error) {
	for !l.valid || key <= l.from || l.page.more && key > l.page.next {
		l.from = justBefore(key)
		if l.valid && l.from < l.page.next && l.page.next < key {
			l.from = l.page.next
		}
		var err error
		if l.page, err = l.list(ctx, l.from); err != nil {
			l.valid = false
			return object{}, false, err
		}
		l.valid = true
	}
	i := sort.Search(len(l.page.objects), func(i int) bool { return l.page.objects[i].key >= key })
	if i < len(l.page.objects) && l.page.objects[i].key == key {
		return l.page.objects[i], true, nil
	}
	return object{}, false, nil
}

// justBefore returns a key that sorts before key, with little room between them.
func justBefore(key string) string {
	r, n := utf8.DecodeLastRuneInString(key)
	head := key[:len(key)-n]
	if r <= 1 || r == 0xE000 || len(head)+utf8.RuneLen(r-1)+utf8.UTFMax > 1024 {
		return head
	}
	return head + string(r-1) + string(utf8.MaxRune)
}
