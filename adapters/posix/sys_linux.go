package posix

import (
	"errors"

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
