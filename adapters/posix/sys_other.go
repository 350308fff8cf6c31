//go:build unix && !linux

package posix

import (
	"errors"

	"golang.org/x/sys/unix"
)

// setLockWait locks for the process: two processes exclude each other, two stores of one do not.
const setLockWait = unix.F_SETLKW

// errNoAttributes says that a file cannot have the attribute. Outside Linux metadata is always in sidecars.
var errNoAttributes = errors.New("no extended attributes here")

func setAttribute(int, []byte) error { return errNoAttributes }

func getAttribute(int, []byte) ([]byte, error) { return nil, errNoAttributes }
