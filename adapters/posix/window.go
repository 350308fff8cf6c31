package posix

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	windowSize   = 16 << 10 // entries of one folder that are sorted and held at once
	cacheLeast   = 1000     // entries from which a window is worth keeping
	cacheEntries = 8 * windowSize
	settled      = 2 * time.Second // age from which a folder's time proves that it has not changed since
)

// window is a run of a folder's entries in key order: the first ones from a sort key on, at most windowSize. One pass over the folder makes it,
// in memory that does not grow with the folder.
type window struct {
	from    string // no entry before this sort key
	entries []entry
	last    bool // no entry comes after these
	ino     uint64
	mtime   int64
}

// covers reports whether the window has the entries from a sort key on, at least one of them if there is any.
func (w *window) covers(from string) bool {
	return w.from <= from && (w.last || len(w.entries) > 0 && from <= w.entries[len(w.entries)-1].sort)
}

// windowCache keeps large windows of folders for the pages that follow.
type windowCache struct {
	mu      sync.Mutex
	windows map[string]*window
	order   []string // the least recently made first
	size    int
}

func newWindowCache() *windowCache { return &windowCache{windows: map[string]*window{}} }

func (c *windowCache) get(folder, from string, st *unix.Stat_t) *window {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.windows[folder]
	if w == nil || w.ino != uint64(st.Ino) || w.mtime != modTime(st).UnixNano() || !w.covers(from) {
		return nil
	}
	return w
}

func (c *windowCache) put(folder string, w *window) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.windows[folder]; old != nil {
		c.size -= len(old.entries)
		c.order = slices.DeleteFunc(c.order, func(f string) bool { return f == folder })
	}
	c.windows[folder] = w
	c.order = append(c.order, folder)
	for c.size += len(w.entries); c.size > cacheEntries; c.order = c.order[1:] {
		c.size -= len(c.windows[c.order[0]].entries)
		delete(c.windows, c.order[0])
	}
}

// readWindow returns the entries from a sort key on of the open folder at path.
func (s *Store) readWindow(ctx context.Context, dir *os.File, path, from string) (*window, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	if w := s.windows.get(path, from, &st); w != nil {
		return w, nil
	}
	started := time.Now()
	b := &windowBuilder{ctx: ctx, window: window{from: from, last: true, ino: uint64(st.Ino), mtime: modTime(&st).UnixNano()}}
	if err := b.read(dir, ""); err != nil {
		return nil, err
	}
	b.cut()
	// The time of a folder that changed a moment ago may stand for a change to come as well; folders in groups do not show in it.
	if len(b.entries) >= cacheLeast && !b.groups && started.Sub(modTime(&st)) > settled {
		s.windows.put(path, &b.window)
	}
	return &b.window, nil
}

// windowBuilder selects the smallest windowSize entries of all it is given.
type windowBuilder struct {
	window
	ctx    context.Context
	groups bool
	limit  string // entries past it are not wanted any more; valid when the window is not last
}

// kind is what a name in a folder stands for.
type kind uint8

const (
	otherKind kind = iota
	fileKind
	folderKind
)

// read adds the entries of a folder, and of the groups in it, which hold segments of the same folder of keys.
func (b *windowBuilder) read(dir *os.File, group string) error {
	var groups []string
	err := eachName(dir, func(name []byte, k kind) error {
		if part, ok := bytes.CutPrefix(name, []byte(escGroup)); ok && k == folderKind {
			groups = append(groups, string(part))
			return nil
		}
		if k != otherKind {
			b.add(group, name, k == folderKind)
		}
		return nil
	}, func() error { return alive(b.ctx) })
	if err != nil {
		return err
	}
	for _, part := range groups {
		b.groups = true
		sub, err := openBelow(dir, escGroup+part)
		if missing(err) {
			continue
		}
		if err != nil {
			return err
		}
		err = b.read(sub, group+part)
		sub.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// add takes in one name, if it is an entry of the window so far. Most names of a large folder are not, and cost no memory.
func (b *windowBuilder) add(group string, name []byte, isFolder bool) {
	if group == "" && !isFolder && !bytes.HasPrefix(name, []byte(reserved)) && (string(name) < b.from || !b.last && string(name) > b.limit) {
		return
	}
	e, ok := decode(group, string(name), isFolder)
	if !ok || e.sort < b.from || !b.last && e.sort > b.limit {
		return
	}
	b.entries = append(b.entries, e)
	if len(b.entries) == 2*windowSize {
		b.cut()
	}
}

// cut sorts what was added and drops all past the window's size. A file can be there twice, under its plain name and
// aside.
func (b *windowBuilder) cut() {
	slices.SortFunc(b.entries, func(x, y entry) int { return cmp.Compare(x.sort, y.sort) })
	b.entries = slices.Compact(b.entries)
	if len(b.entries) > windowSize {
		clear(b.entries[windowSize:])
		b.entries = b.entries[:windowSize]
		b.limit = b.entries[windowSize-1].sort
		b.last = false
	}
}
