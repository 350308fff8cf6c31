package posix

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// setLockWait locks for the open file, not for the process: two stores of one process exclude each other too.
const setLockWait = unix.F_OFD_SETLKW

const attribute = "user.gelato"

// errNoAttributes says that a file cannot have the attribute: the file system has none, or it is too big.
var errNoAttributes = errors.New("no extended attributes here")

func setAttribute(fd int, value []byte) error {
	err := unix.Fsetxattr(fd, attribute, value, 0)
	switch err {
	case unix.ENOTSUP, unix.ENOSYS, unix.E2BIG, unix.ERANGE, unix.ENOSPC, unix.EDQUOT, unix.EPERM:
		// ENOSPC is ext4's word for "too big" as well: if the disk is really full, the sidecar fails too.
		return errNoAttributes
	}
	return err
}

// getAttribute reads the attribute into buf, or a larger buffer of its own. The result is nil when the file has none.
func getAttribute(fd int, buf []byte) ([]byte, error) {
	for {
		n, err := unix.Fgetxattr(fd, attribute, buf)
		switch err {
		case nil:
			return buf[:n], nil
		case unix.ENODATA:
			return nil, nil
		case unix.ENOTSUP, unix.ENOSYS:
			return nil, errNoAttributes
		case unix.ERANGE:
			buf = make([]byte, 64<<10) // the kernel's limit
		default:
			return nil, err
		}
	}
}

// openWhole opens a path below a folder that has no symbolic link in it. done is false when it has to be opened name by name: kernels before 5.6 and
// some sandboxes lack the call, and a path that is longer than the kernel takes is still one of names that it takes.
func openWhole(dir int, rel string, flags int) (fd int, done bool, err error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
	for {
		fd, err = unix.Openat2(dir, rel, &how)
		switch err {
		case unix.EINTR:
			continue
		case unix.ENOSYS, unix.EPERM, unix.EINVAL, unix.E2BIG, unix.EAGAIN, unix.ENAMETOOLONG:
			return -1, false, nil
		}
		return fd, true, err
	}
}

// openUnnamed makes a file without a name in the file system of a folder. It goes away when it is closed, unless linkUnnamed named it.
func openUnnamed(dir int) (int, error) {
	for {
		fd, err := unix.Openat(dir, ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, fileMode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// linkUnnamed names such a file. EEXIST when the name is taken.
func linkUnnamed(fd, dir int, name string) error {
	return unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), dir, name, unix.AT_SYMLINK_FOLLOW)
}

// setFileTime sets the times of an open file.
func setFileTime(fd int, at time.Time) error {
	ts := unix.NsecToTimespec(at.UnixNano())
	return unix.UtimesNanoAt(fd, "", []unix.Timespec{ts, ts}, unix.AT_EMPTY_PATH)
}

// eachName calls f for every name in a folder but "." and "..", in no order, and check now and then; either may end it with an error.
// The name is valid during the call only. It reads the kernel's records itself, as folders may hold millions of names of which a
// page needs a few: see getdents(2).
func eachName(dir *os.File, f func(name []byte, k kind) error, check func() error) error {
	fd := int(dir.Fd())
	if _, err := unix.Seek(fd, 0, io.SeekStart); err != nil {
		return os.NewSyscallError("lseek", err)
	}
	buf := make([]byte, 32<<10)
	for {
		if err := check(); err != nil {
			return err
		}
		n, err := unix.Getdents(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("getdents", err)
		}
		if n == 0 {
			return nil
		}
		for rest := buf[:n]; len(rest) > 0; {
			const lengthAt, typeAt, nameAt = 16, 18, 19
			length := int(binary.NativeEndian.Uint16(rest[lengthAt:]))
			name, kindOf := rest[nameAt:length], rest[typeAt]
			rest = rest[length:]
			name = name[:bytes.IndexByte(name, 0)]
			if string(name) == "." || string(name) == ".." {
				continue
			}
			if err := f(name, kindFor(fd, name, kindOf)); err != nil {
				return err
			}
		}
	}
}

func kindFor(dir int, name []byte, direntType byte) kind {
	switch direntType {
	case unix.DT_REG:
		return fileKind
	case unix.DT_DIR:
		return folderKind
	case unix.DT_UNKNOWN: // the file system does not say
		var st unix.Stat_t
		if unix.Fstatat(dir, string(name), &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
			return otherKind
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			return fileKind
		case unix.S_IFDIR:
			return folderKind
		}
	}
	return otherKind
}
