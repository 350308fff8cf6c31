package pebble

import (
	"hash/maphash"
	"slices"
	"sync"
)

const stripeCount = 4096

// stripes are locks of keys: keys of one stripe share a lock.
type stripes struct {
	seed  maphash.Seed
	locks [stripeCount]sync.Mutex
}

// lock takes the locks of all keys in one order for all callers and returns what releases them.
func (s *stripes) lock(keys [][]byte) (unlock func()) {
	held := make([]int, len(keys))
	for i, k := range keys {
		held[i] = int(maphash.Bytes(s.seed, k) % stripeCount)
	}
	slices.Sort(held)
	held = slices.Compact(held)
	for _, i := range held {
		s.locks[i].Lock()
	}
	return func() {
		for _, i := range held {
			s.locks[i].Unlock()
		}
	}
}
