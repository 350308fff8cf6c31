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
	if err := w.folder(start); err != nil {
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

// folder adds the keys that begin with at, which is empty or ends in a slash, until the page is full.
func (w *walk) folder(at string) error {
	if len(at) > maxKeyBytes {
		return nil // no key is that long
	}
	path := folderPath(at)
	from := ""
	if rest, ok := strings.CutPrefix(w.after, at); ok {
		from = rest
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			from = rest[:i+1]
		}
	} else if w.after > at {
		return nil // all keys in here come before
	}
	name, _ := strings.CutPrefix(w.prefix, at) // what the names must begin with; only the first folder has one
	if len(w.prefix) <= len(at) {
		name = ""
	}
	from = max(from, name)
	var dir *os.File
	defer func() {
		if dir != nil {
			dir.Close()
		}
	}()
	for {
		win, err := w.s.readWindow(w.ctx, path, from)
		if err != nil {
			return err
		}
		i, _ := slices.BinarySearchFunc(win.entries, from, func(e entry, from string) int { return strings.Compare(e.sort, from) })
		for _, e := range win.entries[i:] {
			if w.page.More || !strings.HasPrefix(e.sort, name) {
				return nil
			}
			if e.isFolder() {
				if dir != nil { // as many folders may be open as the tree is deep
					dir.Close()
					dir = nil
				}
				if err := w.folder(at + e.sort); err != nil {
					return err
				}
				continue
			}
			key := at + e.sort
			if key <= w.after || len(key) > maxKeyBytes {
				continue
			}
			if dir == nil {
				if dir, err = w.s.openFolder(path); missing(err) {
					dir = nil
					return nil // gone in the meantime
				} else if err != nil {
					return err
				}
			}
			if err := w.file(dir, key, e.sort); err != nil {
				return err
			}
		}
		if win.last || w.page.More {
			return nil
		}
		from = win.entries[len(win.entries)-1].sort + "\x00"
	}
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
