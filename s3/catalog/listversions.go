package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
)

// VersionListing asks for one page of all versions. Versions, delete markers and common prefixes together count against Limit.
type VersionListing struct {
	Bucket       Bucket
	Prefix       string
	Delimiter    string
	After        string // keys and prefixes at or before it are left out, but for older versions of this very key when AfterVersion is set
	AfterVersion string // an id, or the Version of a page's NextVersion
	Limit        int    // 1 to 1,000
}

// VersionPage is one page, in the order of keys, and of each key the newest first. Next and NextVersion are After and AfterVersion of the following page when More.
type VersionPage struct {
	Versions       []Object // without Headers, Metadata
	CommonPrefixes []string
	More           bool
	Next           string
	NextVersion    string
}

// Cursor is where a listing of versions stands behind one. Cursors sort as the listing does, and behind the key alone.
func (o *Object) Cursor() string { return o.Key + "\x00" + newestFirst(o.Version) }

// CutCursor makes of a cursor, or of a key alone, what a VersionListing takes.
func CutCursor(cursor string) (after, afterVersion string) {
	key, version, _ := strings.Cut(cursor, "\x00")
	return key, newestFirst(docstore.Rev(version))
}

const headsPerRun = 200 // read at once: they may be 32 KiB each

// ListVersions implements API. Every key that has versions has a head, so it goes along the heads, and seeks past common prefixes as List does.
func (c *Catalog) ListVersions(ctx context.Context, l VersionListing) (VersionPage, error) {
	if l.Limit < 1 || l.Limit > 1000 {
		return VersionPage{}, errs.Newf(errs.InvalidArgument, "the limit of a listing is %d, not 1 to 1000", l.Limit)
	}
	var p VersionPage
	roll := Listing{Prefix: l.Prefix, Delimiter: l.Delimiter}
	bounds := headKey(l.Bucket.ID, "")
	from, to := bounds+l.Prefix, docstore.PrefixEnd(bounds+l.Prefix)
	if l.After >= l.Prefix && l.After != "" {
		from = docstore.After(bounds + l.After)
		if skip := roll.rolled(l.After); skip != "" {
			from = docstore.PrefixEnd(bounds + skip)
		} else if l.AfterVersion != "" {
			from = bounds + l.After
		}
	}
	rolled := "" // the last common prefix
	for from < to {
		run := docstore.Range{From: from, To: to, Limit: min(l.Limit+1, headsPerRun)}
		docs, err := c.docs.List(ctx, collObjects, run)
		if err != nil {
			return VersionPage{}, fmt.Errorf("list objects: %w", err)
		}
		heads := make([]head, 0, len(docs))
		for _, d := range docs {
			h, err := decodeHead(d)
			if err != nil {
				return VersionPage{}, err
			}
			if h.present() {
				heads = append(heads, h)
			}
		}
		stacks := c.stacksOf(l, heads)
		for i, h := range heads {
			full := len(p.Versions)+len(p.CommonPrefixes) == l.Limit
			prefix := roll.rolled(h.object.Key)
			switch {
			case prefix != "" && prefix == rolled:
				continue
			case full:
				p.More = true
				return p, nil
			case prefix != "":
				p.CommonPrefixes = append(p.CommonPrefixes, prefix)
				p.Next, p.NextVersion, rolled = prefix, "", prefix
				continue
			}
			list, err := stacks.of(ctx, i, l.Limit-len(p.Versions)-len(p.CommonPrefixes)+1)
			if err != nil {
				return VersionPage{}, err
			}
			for _, o := range list {
				if len(p.Versions)+len(p.CommonPrefixes) == l.Limit {
					p.More = true
					return p, nil
				}
				p.Versions = append(p.Versions, o)
				p.Next, p.NextVersion = o.Key, string(o.Version)
			}
		}
		if len(docs) < run.Limit {
			break
		}
		last := docs[len(docs)-1].Key
		from = docstore.After(last)
		if rolled != "" && strings.HasPrefix(last, bounds+rolled) {
			from = docstore.PrefixEnd(bounds + rolled)
		}
	}
	p.Next, p.NextVersion = "", ""
	return p, nil
}

// stacks are the versions of the keys of a run of heads. They are read for several keys at once, when the first of them is asked for.
type stacks struct {
	c     *Catalog
	l     VersionListing
	heads []head
	read  map[int][]Object
}

func (c *Catalog) stacksOf(l VersionListing, heads []head) *stacks {
	return &stacks{c: c, l: l, heads: heads, read: map[int][]Object{}}
}

// of returns the versions of a head, newest first, at most limit, and only those that are to be listed.
func (s *stacks) of(ctx context.Context, i, limit int) ([]Object, error) {
	if list, ok := s.read[i]; ok {
		delete(s.read, i)
		return list, nil
	}
	if !s.heads[i].below {
		return s.c.stack(ctx, s.l.Bucket.ID, s.heads[i], s.than(s.heads[i]), limit)
	}
	var group errgroup.Group
	var ask []int
	for j := i; j < len(s.heads) && len(ask) < fanOut; j++ {
		if s.heads[j].below {
			ask = append(ask, j)
		}
	}
	lists := make([][]Object, len(ask))
	for n, j := range ask {
		group.Go(func() (err error) {
			lists[n], err = s.c.stack(ctx, s.l.Bucket.ID, s.heads[j], s.than(s.heads[j]), limit)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for n, j := range ask {
		s.read[j] = lists[n]
	}
	list := s.read[i]
	delete(s.read, i)
	return list, nil
}

// than is the version behind which the listing of a key begins; empty: with the newest.
func (s *stacks) than(h head) docstore.Rev {
	if h.object.Key != s.l.After || s.l.AfterVersion == "" {
		return ""
	}
	return h.versionOf(s.l.AfterVersion)
}

// stack reads the versions of a key, newest first: those older than one, or all for an empty one. It looks at the head again, as find does; of a key that never rests
// it returns what it saw last.
func (c *Catalog) stack(ctx context.Context, bucketID string, h head, than docstore.Rev, limit int) ([]Object, error) {
	key := h.object.Key
	for try := 0; ; try++ {
		var list []Object
		if !h.present() {
			return nil, nil
		}
		known := []docstore.Rev{h.object.Version}
		list = append(list, h.object)
		if h.shift != nil && h.shift.put != nil {
			list, known = append(list, *h.shift.put), append(known, h.shift.put.Version)
		}
		if h.shift != nil {
			known = append(known, h.shift.drop)
		}
		if h.below {
			docs, err := c.below(ctx, bucketID, key, than, limit+len(known))
			if err != nil {
				return nil, err
			}
			for _, d := range docs {
				if !slices.Contains(known, d.Version) {
					list = append(list, d.Object)
				}
			}
			again, err := c.head(ctx, bucketID, key)
			if err != nil {
				return nil, err
			}
			if again.rev != h.rev && try < 5 {
				h = again
				continue
			}
		}
		slices.SortFunc(list, func(a, b Object) int { return strings.Compare(string(b.Version), string(a.Version)) })
		list = slices.DeleteFunc(list, func(o Object) bool { return than != "" && o.Version >= than })
		return list[:min(limit, len(list))], nil
	}
}
