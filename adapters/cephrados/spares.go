//go:build ceph && cgo

package cephrados

import (
	"context"
	"sync"
	"time"
)

const (
	spareMost  = 16          // intents written at once for a shard that is busy
	spareQuick = time.Second // a shard that needs intents again within this is busy
)

// spares are intents that were written ahead: a store that is busy writes several at once, so that most of its writes need not wait for one of their
// own. They are intents as all others, and run out as those do.
type spares struct {
	mu      sync.Mutex
	shelves map[string]*shelf // by shard
}

type shelf struct {
	spares []spare
	filled time.Time
	batch  int // how many intents were written at once then
}

type spare struct {
	id    string
	began time.Time
}

// take returns an intent that was written at a time, or how many to write now.
func (p *spares) take(shard string, now time.Time) (id string, began time.Time, batch int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.shelves[shard]
	if s == nil {
		return "", time.Time{}, 1
	}
	if n := len(s.spares); n > 0 && s.spares[n-1].fresh(now) { // the last one is the newest
		last := s.spares[n-1]
		s.spares = s.spares[:n-1]
		return last.id, last.began, 0
	}
	if now.Sub(s.filled) < spareQuick {
		return "", time.Time{}, min(2*s.batch, spareMost)
	}
	return "", time.Time{}, 1
}

func (s spare) fresh(now time.Time) bool {
	age := now.Sub(s.began)
	return age >= 0 && age < renewAfter
}

// add keeps intents that were written at a time, beside the one for the writer itself, and returns those that are too old or too many.
func (p *spares) add(shard string, ids []string, began time.Time) (old []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shelves == nil {
		p.shelves = map[string]*shelf{}
	}
	s := &shelf{filled: began, batch: len(ids) + 1}
	if was := p.shelves[shard]; was != nil {
		for _, o := range was.spares {
			if o.fresh(began) && len(s.spares)+len(ids) < 2*spareMost {
				s.spares = append(s.spares, o)
			} else {
				old = append(old, o.id)
			}
		}
	}
	for _, id := range ids {
		s.spares = append(s.spares, spare{id, began})
	}
	p.shelves[shard] = s
	return old
}

// dropSpares removes all intents that were written ahead.
func (s *Store) dropSpares() {
	s.spares.mu.Lock()
	shelves := s.spares.shelves
	s.spares.shelves = nil
	s.spares.mu.Unlock()
	for shard, shelf := range shelves {
		var ids []string
		for _, o := range shelf.spares {
			ids = append(ids, o.id)
		}
		s.removeIntents(shard, ids)
	}
}

// removeIntents removes intents under which nothing was written. Those that stay run out.
func (s *Store) removeIntents(shard string, ids []string) {
	if len(ids) == 0 {
		return
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = intentRow + id
	}
	s.tasks.Go(func() {
		if err := s.apply(context.Background(), shard, change{remove: keys}); err != nil {
			s.log.Debug("intents are left to run out", "pool", s.pool, "error", err)
		}
	})
}
