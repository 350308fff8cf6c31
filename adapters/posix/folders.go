package posix

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// folders makes folders durable. Callers that wait for the same folder share one fsync.
type folders struct {
	root *os.Root

	mu      sync.Mutex
	waiting map[string]*folderQueue
	durable map[string]uint64 // inode of folders whose own entries in their parents are on disk
}

// folderQueue is the one running fsync of a folder and the round that waits for the next.
type folderQueue struct {
	run  sync.Mutex
	next *round
	uses int
}

type round struct {
	done chan struct{}
	err  error
}

const maxDurable = 1 << 16 // entries; past it all are forgotten and found out again

func newFolders(root *os.Root) *folders {
	return &folders{root: root, waiting: map[string]*folderQueue{}, durable: map[string]uint64{}}
}

// sync makes what was changed in the folder before the call durable, with the folder itself. A folder that is gone needs nothing.
func (f *folders) sync(folder string) error {
	f.mu.Lock()
	q := f.waiting[folder]
	if q == nil {
		q = &folderQueue{}
		f.waiting[folder] = q
	}
	q.uses++
	r, leader := q.next, false
	if r == nil {
		r, leader = &round{done: make(chan struct{})}, true
		q.next = r
	}
	f.mu.Unlock()
	if leader {
		q.run.Lock() // while one fsync runs, others join this round
		f.mu.Lock()
		q.next = nil
		f.mu.Unlock()
		r.err = f.fsync(folder)
		q.run.Unlock()
		close(r.done)
	}
	<-r.done
	f.mu.Lock()
	if q.uses--; q.uses == 0 {
		delete(f.waiting, folder)
	}
	f.mu.Unlock()
	return r.err
}

func (f *folders) fsync(folder string) error {
	dir, err := f.root.Open(folder)
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: the file system needs no fsync of folders
		return err
	}
	return f.anchor(folder)
}

// anchor makes the entries durable by which a folder is reached from the root. Most often that was done before, and it only looks.
func (f *folders) anchor(folder string) error {
	if folder == "." {
		return nil
	}
	dir, err := f.root.Open(".")
	if err != nil {
		return err
	}
	defer func() { dir.Close() }()
	for end := range len(folder) + 1 {
		if end < len(folder) && folder[end] != '/' {
			continue
		}
		sub, err := openBelow(dir, path.Base(folder[:end]))
		if missing(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f.entry(dir, sub, folder[:end]); err != nil {
			sub.Close()
			return err
		}
		dir.Close()
		dir = sub
	}
	return nil
}

// entry makes the entry of a folder in its parent durable, once.
func (f *folders) entry(parent, sub *os.File, folder string) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(sub.Fd()), &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	f.mu.Lock()
	known := f.durable[folder] == uint64(st.Ino)
	f.mu.Unlock()
	if known {
		return nil
	}
	if err := parent.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.durable) >= maxDurable {
		clear(f.durable)
	}
	f.durable[folder] = uint64(st.Ino)
	return nil
}

// openFolder opens a folder for calls on the names in it. Symbolic links on the way may not lead out of the root.
func (s *Store) openFolder(folder string) (*os.File, error) {
	return s.root.OpenFile(folder, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0) // not blocking: os then leaves its mode alone
}

// makeFolder makes the folder of a key with everything above it. A file in the way moves aside.
func (s *Store) makeFolder(key, folder string) error {
	err := s.root.MkdirAll(folder, dirMode)
	if err == nil || !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for i := range len(key) {
		if key[i] != '/' {
			continue
		}
		if err := s.moveAside(key[:i]); err != nil {
			return err
		}
	}
	if err := s.root.MkdirAll(folder, dirMode); err != nil && !errors.Is(err, fs.ErrNotExist) { // another one pruned it: the caller tries again
		return err
	}
	return nil
}

// moveAside renames the file of a key whose plain name is needed for a folder, if there is one. Readers look for the plain name first
// and the other one next, so they find it at any moment.
func (s *Store) moveAside(key string) error {
	plain, aside := places(key)
	if key == "" || plain == aside {
		return nil
	}
	if info, err := s.root.Lstat(join2(plain)); err != nil || !info.Mode().IsRegular() {
		return nil // nothing in the way, or nothing that may be moved
	}
	unlock, err := s.area.locks.lock(lockName(key))
	if err != nil {
		return err
	}
	defer unlock()
	if info, err := s.root.Lstat(join2(plain)); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	if aside.folder != plain.folder {
		if err := s.root.MkdirAll(aside.folder, dirMode); err != nil {
			return err
		}
	}
	if err := s.root.Rename(join2(plain), join2(aside)); err != nil {
		return err
	}
	if !s.sync {
		return nil
	}
	if aside.folder != plain.folder {
		if err := s.folders.sync(aside.folder); err != nil {
			return err
		}
	}
	return s.folders.sync(plain.folder)
}

func join2(p place) string {
	if p.folder == "." {
		return p.name
	}
	return p.folder + "/" + p.name
}

// openBelow opens a folder by a path of plain names below an open one, none of which may be a symbolic link.
func openBelow(dir *os.File, rel string) (*os.File, error) {
	fd, base := int(dir.Fd()), int(dir.Fd())
	for name := range strings.SplitSeq(rel, "/") {
		next, err := openAt(fd, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if fd != base {
			unix.Close(fd)
		}
		if errors.Is(err, unix.ELOOP) {
			err = fs.ErrNotExist
		}
		if err != nil {
			return nil, err
		}
		fd = next
	}
	return os.NewFile(uintptr(fd), rel), nil
}

// prune removes a folder that became empty, and those above it that do. A writer that loses its folder so makes it again.
func (s *Store) prune(folder string) {
	const step = 32 // names handled by one descent from the root, which keeps as many folders open
	for folder != "." && !strings.HasPrefix(folder, storeDir) {
		top, names := folder, []string{}
		for len(names) < step && top != "." {
			names = append(names, path.Base(top))
			top = path.Dir(top)
		}
		slices.Reverse(names)
		dir, err := s.openFolder(top)
		if err != nil {
			return
		}
		gone := pruneBelow(dir, names)
		dir.Close()
		if !gone {
			return
		}
		folder = top
	}
}

// pruneBelow removes the chain of folders that names spell, the lowest first, and reports whether all are gone.
func pruneBelow(dir *os.File, names []string) bool {
	if len(names) > 1 {
		sub, err := openBelow(dir, names[0])
		if err != nil {
			return false
		}
		gone := pruneBelow(sub, names[1:])
		sub.Close()
		if !gone {
			return false
		}
	}
	return unix.Unlinkat(int(dir.Fd()), names[0], unix.AT_REMOVEDIR) == nil // else not empty, most likely
}
