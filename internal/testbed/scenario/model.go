package scenario

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Model holds the writes of each key. A key is written by one writer at a time; any number of readers ask.
type Model struct {
	mu   sync.Mutex
	keys map[string][]*Write
	now  func() time.Time
}

// Write is one change of a key, which may have happened at any moment between began and ended.
type Write struct {
	Version int64 // counts from 1 for each key
	Deleted bool

	m     *Model
	began time.Time
	ended time.Time // of the answer that it succeeded; zero: under way, or its outcome is unknown for ever
}

// NewModel makes a model of an empty bucket. now must be monotonic.
func NewModel(now func() time.Time) *Model {
	return &Model{keys: map[string][]*Write{}, now: now}
}

// Begin notes that a write of the key is about to be sent.
func (m *Model) Begin(key string, deleted bool) *Write {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := &Write{Version: int64(len(m.keys[key])) + 1, Deleted: deleted, m: m, began: m.now()}
	m.keys[key] = append(m.keys[key], w)
	return w
}

// Succeeded notes that the server said so. Without it the outcome stays unknown.
func (w *Write) Succeeded() {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	w.ended = w.m.now()
}

// Check judges a read of the key that lasted from from to to and found a version, or 0 for no object. A write may be seen by a
// read that ended after it began, unless a later write had succeeded before the read began.
func (m *Model) Check(key string, version int64, from, to time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	writes := m.keys[key]
	for _, w := range slices.Backward(writes) {
		if seen := w.Version == version || version == 0 && w.Deleted; seen && !w.began.After(to) {
			return nil
		}
		if !w.ended.IsZero() && w.ended.Before(from) {
			return fmt.Errorf("%s: read %s, but version %d (deleted: %v) had succeeded %v before the read began, and the last is %d",
				key, name(version), w.Version, w.Deleted, from.Sub(w.ended), len(writes))
		}
	}
	if version == 0 {
		return nil // before the first write
	}
	return fmt.Errorf("%s: read %s, which was never written", key, name(version))
}

func name(version int64) string {
	if version == 0 {
		return "no object"
	}
	return fmt.Sprintf("version %d", version)
}

// Keys returns every key that was ever written, sorted.
func (m *Model) Keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := make([]string, 0, len(m.keys))
	for k := range m.keys {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Writes returns how many times a key was written.
func (m *Model) Writes(key string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.keys[key])
}
