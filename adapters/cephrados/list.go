//go:build ceph && cgo

package cephrados

import (
	"container/heap"
	"context"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

const (
	maxPage = 1000
	// scanMost is the most rows asked for at once: an OSD answers 1,024 at most by default (osd_max_omap_entries_per_request).
	scanMost = 1000
)

// List implements adapters.Store: it merges the shards, each of which is in order.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (adapters.Page, error) {
	if err := alive(ctx); err != nil {
		return adapters.Page{}, err
	}
	if limit < 1 || limit > maxPage {
		return adapters.Page{}, errs.Newf(errs.InvalidArgument, "limit must be 1 to %d", maxPage).Because("limit")
	}
	if strings.IndexByte(prefix, 0) >= 0 { // no key has one
		return adapters.Page{}, nil
	}
	after, _, _ = strings.Cut(after, "\x00") // nothing is between the two, and librados ends there
	l, err := s.layout(ctx, false)
	if err != nil || l == nil {
		return adapters.Page{}, err
	}
	m := &merge{s: s, prefix: entryRow + s.prefix + prefix, run: min(limit+1, limit/l.Shards*5/4+8)}
	if err := m.start(ctx, l.Shards, entryRow+s.prefix+after); err != nil {
		return adapters.Page{}, err
	}
	var page adapters.Page
	for len(m.cursors) > 0 {
		if len(page.Objects) == limit {
			page.More = true
			break
		}
		r, err := m.next(ctx)
		if err != nil {
			return adapters.Page{}, err
		}
		e, err := decode[entry](r.value)
		if err != nil {
			return adapters.Page{}, err
		}
		info := e.info(r.key[len(entryRow)+len(s.prefix):])
		info.Headers, info.Metadata = adapters.ContentHeaders{}, nil
		page.Objects = append(page.Objects, info)
	}
	return page, nil
}

// merge walks the rows of all shards in order. Its cursors are a heap by their next key; none is empty.
type merge struct {
	s       *Store
	prefix  string
	run     int // rows that a shard is asked for at once
	cursors []*cursor
}

// cursor is a place in one shard.
type cursor struct {
	shard string
	rows  []row
	more  bool
}

// start reads the first run of each shard.
func (m *merge) start(ctx context.Context, shards int, after string) error {
	all := make([]*cursor, shards)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(32)
	for n := range all {
		all[n] = &cursor{shard: shardObject(n)}
		g.Go(func() error { return m.read(ctx, all[n], after) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, c := range all {
		if len(c.rows) > 0 {
			m.cursors = append(m.cursors, c)
		}
	}
	heap.Init(m)
	return nil
}

func (m *merge) read(ctx context.Context, c *cursor, after string) (err error) {
	c.rows, c.more, err = m.s.scan(ctx, c.shard, m.prefix, after, m.run)
	return fail("list index", err)
}

// next takes the smallest row.
func (m *merge) next(ctx context.Context) (row, error) {
	c := m.cursors[0]
	r := c.rows[0]
	c.rows = c.rows[1:]
	if len(c.rows) == 0 && c.more {
		if err := m.read(ctx, c, r.key); err != nil {
			return row{}, err
		}
	}
	if len(c.rows) == 0 {
		heap.Pop(m)
	} else {
		heap.Fix(m, 0)
	}
	return r, nil
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (m *merge) Len() int           { return len(m.cursors) }
func (m *merge) Less(i, j int) bool { return m.cursors[i].rows[0].key < m.cursors[j].rows[0].key }
func (m *merge) Swap(i, j int)      { m.cursors[i], m.cursors[j] = m.cursors[j], m.cursors[i] }
func (m *merge) Push(x any)         { m.cursors = append(m.cursors, x.(*cursor)) }
func (m *merge) Pop() any {
	last := m.cursors[len(m.cursors)-1]
	m.cursors = m.cursors[:len(m.cursors)-1]
	return last
}
