package posix

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/opensds/gelato/internal/errs"
)

// openFolder opens a folder for calls on the names in it. Symbolic links are not followed: behind one there is no folder.
func (s *Store) openFolder(folder string) (*os.File, error) { return openBelow(s.top, folder) }

// makeFolder makes the folder of a key with everything above it. A file in the way moves aside.
func (s *Store) makeFolder(key, folder string) error {
	for range maxTries {
		blocked, err := s.makeAll(folder)
		if blocked == "" {
			return err
		}
		moved := false
		for i := range len(key) {
			if key[i] != '/' || i == 0 {
				continue
			}
			if plain, _ := places(key[:i]); plain.path() == blocked {
				if moved, err = s.moveAside(key[:i]); err != nil {
					return err
				}
			}
		}
		if !moved {
			return errs.New(errs.FailedPrecondition, "something that is neither a file nor a folder stands where the key needs a folder", err)
		}
	}
	return unix.EAGAIN
}

// makeAll makes a folder with everything above it. When something else has the name of one, it returns the path of that.
func (s *Store) makeAll(folder string) (blocked string, err error) {
	dir, err := openBelow(s.top, ".")
	if err != nil {
		return "", err
	}
	defer func() { dir.Close() }()
	for end := range len(folder) + 1 {
		if end < len(folder) && folder[end] != '/' {
			continue
		}
		sub, err := makeBelow(dir, path.Base(folder[:end]))
		switch {
		case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
			return folder[:end], err
		case errors.Is(err, fs.ErrNotExist):
			return "", nil // somebody prunes it: the caller tries again
		case err != nil:
			return "", err
		}
		dir.Close()
		dir = sub
	}
	return "", nil
}

// makeBelow opens a folder in an open one, and makes it when there is none.
func makeBelow(dir *os.File, name string) (*os.File, error) {
	sub, err := openBelow(dir, name)
	if !errors.Is(err, fs.ErrNotExist) {
		return sub, err
	}
	if err := unix.Mkdirat(int(dir.Fd()), name, dirMode); err != nil && err != unix.EEXIST {
		return nil, os.NewSyscallError("mkdirat", err)
	}
	return openBelow(dir, name)
}

// moveAside renames the file of a key whose plain name is needed for a folder, and reports whether it is out of the way. Readers look for
// the plain name first and the other one next, so they find the file at any moment.
func (s *Store) moveAside(key string) (moved bool, err error) {
	plain, aside := places(key)
	unlock, err := s.area.locks.lock(lockName(key))
	if err != nil {
		return false, err
	}
	defer unlock()
	info, err := s.root.Lstat(plain.path())
	switch {
	case missing(err), err == nil && info.IsDir(): // somebody was faster
		return true, nil
	case err != nil || !info.Mode().IsRegular():
		return false, err
	}
	if aside.folder != plain.folder {
		if err := s.root.MkdirAll(aside.folder, dirMode); err != nil {
			return false, err
		}
	}
	if err := s.root.Rename(plain.path(), aside.path()); err != nil {
		return false, err
	}
	if !s.sync {
		return true, nil
	}
	if aside.folder != plain.folder {
		if err := s.folders.sync(aside.folder); err != nil {
			return true, err
		}
	}
	return true, s.folders.sync(plain.folder)
}

// openBelow opens a folder by a path of plain names below an open one, none of which may be a symbolic link.
func openBelow(dir *os.File, rel string) (*os.File, error) {
	fd, err := openPath(int(dir.Fd()), rel, unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), rel), nil
}

// openPath opens for reading what a path of plain names below an open folder leads to, none of which may be a symbolic link: in one call where the
// system has one for it, else name by name.
func openPath(dir int, rel string, flags int) (int, error) {
	if fd, done, err := openWhole(dir, rel, unix.O_RDONLY|flags); done {
		return fd, os.NewSyscallError("openat2", err)
	}
	fd := dir
	for rest := rel; ; {
		name, after, more := strings.Cut(rest, "/")
		how := unix.O_RDONLY | flags
		if more {
			how = unix.O_RDONLY | unix.O_DIRECTORY
		}
		next, err := openAt(fd, name, how, 0)
		if fd != dir {
			unix.Close(fd)
		}
		if err != nil || !more {
			return next, err
		}
		fd, rest = next, after
	}
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
