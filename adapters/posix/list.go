package posix

import (
	"context"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// List implements adapters.Store: a walk of the tree in key order that enters only folders with keys on the page.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (adapters.Page, error) {
	if err := alive(ctx); err != nil {
		return adapters.Page{}, err
	}
	if limit < 1 || limit > 1000 {
		return adapters.Page{}, errs.New(errs.InvalidArgument, "limit must be 1 to 1,000", nil).Because("limit")
	}
	if !utf8.ValidString(prefix) || strings.ContainsRune(prefix, 0) {
		return adapters.Page{}, errs.New(errs.InvalidArgument, "prefix must be UTF-8 without NUL", nil).Because("prefix")
	}
	w := walk{s: s, ctx: ctx, prefix: s.prefix + prefix, limit: limit}
	if after != "" {
		w.after = s.prefix + after
	}
	start, _ := splitKey(w.prefix)
	l := &level{at: start, path: folderPath(start)}
	if err := w.folder(l); err != nil {
		return adapters.Page{}, fail("list", err)
	}
	return w.page, nil
}

// walk is one page being made.
type walk struct {
	s             *Store
	ctx           context.Context
	prefix, after string // of full keys
	limit         int
	page          adapters.Page
}

// level is a folder on the way of a walk.
type level struct {
	at    string // what its keys begin with: empty or with a slash at the end
	path  string
	depth int
	dir   *os.File // nil while it is closed
}

// maxOpen is how many folders one walk keeps open; deeper ones are closed while what is below them is walked, and opened again by their path.
const maxOpen = 24

// open opens the level's folder unless it is open, by its path.
func (l *level) open(s *Store) error {
	if l.dir != nil {
		return nil
	}
	dir, err := s.openFolder(l.path)
	if err != nil {
		return err
	}
	l.dir = dir
	return nil
}

func (l *level) close() {
	if l.dir != nil {
		l.dir.Close()
		l.dir = nil
	}
}

// folder adds the keys of a level until the page is full.
func (w *walk) folder(l *level) error {
	defer l.close()
	if len(l.at) > maxKeyBytes {
		return nil // no key is that long
	}
	from := ""
	if rest, ok := strings.CutPrefix(w.after, l.at); ok {
		from = rest
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			from = rest[:i+1]
		}
	} else if w.after > l.at {
		return nil // all keys in here come before
	}
	name := "" // what the names must begin with; only the first folder has one
	if len(w.prefix) > len(l.at) {
		name = w.prefix[len(l.at):]
	}
	from = max(from, name)
	for {
		if err := l.open(w.s); missing(err) {
			return nil // not there, or not any more
		} else if err != nil {
			return err
		}
		win, err := w.s.readWindow(w.ctx, l.dir, l.path, from)
		if err != nil {
			return err
		}
		i, _ := slices.BinarySearchFunc(win.entries, from, func(e entry, from string) int { return strings.Compare(e.sort, from) })
		for _, e := range win.entries[i:] {
			if w.page.More || !strings.HasPrefix(e.sort, name) {
				return nil
			}
			if err := w.entry(l, e); err != nil {
				return err
			}
		}
		if win.last || w.page.More {
			return nil
		}
		from = win.entries[len(win.entries)-1].sort + "\x00"
	}
}

// entry adds one file, or what is below one folder.
func (w *walk) entry(l *level, e entry) error {
	key := l.at + e.sort
	if !e.isFolder() && (key <= w.after || len(key) > maxKeyBytes) {
		return nil
	}
	if err := l.open(w.s); missing(err) {
		return nil
	} else if err != nil {
		return err
	}
	if !e.isFolder() {
		return w.file(l.dir, key, e.sort)
	}
	below := folderSegment(e.sort[:len(e.sort)-1])
	sub := &level{at: key, path: below, depth: l.depth + 1}
	if l.path != "." {
		sub.path = l.path + "/" + below
	}
	var err error
	if sub.dir, err = openBelow(l.dir, below); missing(err) {
		return nil
	} else if err != nil {
		return err
	}
	if l.depth >= maxOpen {
		l.close()
	}
	return w.folder(sub)
}

// file adds one key, unless its file is gone.
func (w *walk) file(dir *os.File, key, seg string) error {
	if err := alive(w.ctx); err != nil {
		return err
	}
	var st unix.Stat_t
	var err error
	if natural(seg) {
		st, err = statAt(int(dir.Fd()), seg)
	}
	if err == nil && st.Mode == 0 { // aside, or moved there since
		st, err = w.s.stat(key)
	}
	if err != nil || st.Mode == 0 {
		return err
	}
	if len(w.page.Objects) == w.limit {
		w.page.More = true
		return nil
	}
	w.page.Objects = append(w.page.Objects, infoOf(key[len(w.s.prefix):], &st, record{}))
	return nil
}
