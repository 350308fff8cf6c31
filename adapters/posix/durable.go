package posix

import (
	"errors"
	"os"
	"path"
	"sync"

	"golang.org/x/sys/unix"
)

// folders makes folders durable. Callers that wait for the same folder share one fsync.
type folders struct {
	top *os.File // the root

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

func newFolders(top *os.File) *folders {
	return &folders{top: top, waiting: map[string]*folderQueue{}, durable: map[string]uint64{}}
}

// sync makes what was changed in the folder before the call durable, with the folder itself, or its going away.
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
	dir, err := openBelow(f.top, folder)
	if missing(err) && folder != "." { // pruned after the change: what has to last is that it is gone
		return f.sync(path.Dir(folder))
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
	dir, err := openBelow(f.top, ".")
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
