package posix

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/opensds/gelato/internal/errs"
)

// Paths in the hidden folder.
const (
	stagePath   = storeDir + "/tmp"
	uploadsPath = storeDir + "/uploads"
	sidecarPath = storeDir + "/meta"
	lockPath    = storeDir + "/lock"

	aliveName = "alive" // in each process's staging folder, locked while the process lives
	staleAge  = 24 * time.Hour
	fileMode  = 0o640
	dirMode   = 0o750
)

// area is the hidden folder as one open Store uses it: a staging folder of its own, and the locks. It is made by the first
// write, so that a directory that is only read stays as it is.
type area struct {
	path    string   // of the staging folder
	dir     *os.File // the staging folder
	unnamed bool     // the file system has files without a name
	alive   *os.File
	locks   *locks
	next    atomic.Uint64
}

func openArea(root *os.Root, log *slog.Logger) (_ *area, err error) {
	a := &area{path: stagePath + "/" + rand.Text()}
	defer func() {
		if err != nil {
			a.close(root)
		}
	}()
	for _, path := range []string{a.path, uploadsPath, sidecarPath} {
		if err := root.MkdirAll(path, dirMode); err != nil {
			return nil, err
		}
	}
	if a.alive, err = root.OpenFile(a.path+"/"+aliveName, os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode); err != nil {
		return nil, err
	}
	if err := unix.Flock(int(a.alive.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		log.Warn("the file system has no file locks: staged files of dead processes are told by their age alone", "error", err)
	}
	if a.dir, err = root.Open(a.path); err != nil {
		return nil, err
	}
	if err := exactNames(int(a.dir.Fd())); err != nil {
		return nil, err
	}
	a.unnamed = a.hasUnnamed()
	lockFile, err := root.OpenFile(lockPath, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	a.locks = newLocks(lockFile)
	if err := lockByte(int(lockFile.Fd()), 0, unix.F_WRLCK); err != nil {
		log.Warn("the file system has no byte-range locks: conditional writes are refused", "error", err)
		a.locks.alone = true
	} else {
		lockByte(int(lockFile.Fd()), 0, unix.F_UNLCK)
	}
	return a, nil
}

// exactNames refuses a file system that takes two different names for one.
func exactNames(dir int) error {
	const name = "exact-\u00e9"
	fd, err := unix.Openat(dir, name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, fileMode)
	if err != nil {
		return os.NewSyscallError("openat", err)
	}
	unix.Close(fd)
	defer unix.Unlinkat(dir, name, 0)
	for _, other := range []string{"EXACT-\u00c9", "exact-e\u0301"} {
		var st unix.Stat_t
		if unix.Fstatat(dir, other, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
			return errs.New(errs.FailedPrecondition, "the file system ignores case or normalises names, so keys would be mixed up", nil).Because("bucketName")
		}
	}
	return nil
}

// hasUnnamed tries out a file without a name: some file systems have none, and the link to its place needs /proc.
func (a *area) hasUnnamed() bool {
	dir, name := int(a.dir.Fd()), a.name()
	fd, err := openUnnamed(dir)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	if setFileTime(fd, time.Now()) != nil || linkUnnamed(fd, dir, name) != nil {
		return false
	}
	return unix.Unlinkat(dir, name, 0) == nil
}

func (a *area) close(root *os.Root) error {
	var all []error
	if a.locks != nil {
		all = append(all, a.locks.file.Close())
	}
	for _, f := range []*os.File{a.dir, a.alive} {
		if f != nil {
			all = append(all, f.Close())
		}
	}
	return errors.Join(append(all, root.RemoveAll(a.path))...)
}

// name draws a name in the staging folder.
func (a *area) name() string { return strconv.FormatUint(a.next.Add(1), 36) }

// sweep removes the staging folders of processes that are dead and older than a day.
func sweep(root *os.Root, log *slog.Logger) {
	dir, err := root.Open(stagePath)
	if err != nil {
		return // nothing was ever staged here
	}
	defer dir.Close()
	found, _ := dir.ReadDir(-1)
	for _, e := range found {
		path := stagePath + "/" + e.Name()
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < staleAge || !dead(root, path) {
			continue
		}
		if err := root.RemoveAll(path); err != nil {
			log.Warn("a stale staging folder cannot be removed", "path", path, "error", err)
		}
	}
}

// dead reports whether no process holds the staging folder.
func dead(root *os.Root, path string) bool {
	f, err := root.OpenFile(path+"/"+aliveName, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}
