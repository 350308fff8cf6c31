//go:build unix && !linux

package posix

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// setLockWait locks for the process: two processes exclude each other, two stores of one do not.
const setLockWait = unix.F_SETLKW

// errNoAttributes says that a file cannot have the attribute. Outside Linux metadata is always in sidecars.
var errNoAttributes = errors.New("no extended attributes here")

func setAttribute(int, []byte) error { return errNoAttributes }

func getAttribute(int, []byte) ([]byte, error) { return nil, errNoAttributes }

func openWhole(int, string, int) (fd int, done bool, err error) { return -1, false, nil }

// Outside Linux every staged file has a name.
func openUnnamed(int) (int, error) { return -1, unix.ENOTSUP }

func linkUnnamed(int, int, string) error { return unix.ENOTSUP }

func setFileTime(int, time.Time) error { return unix.ENOTSUP }

// eachName calls f for every name in a folder but "." and "..", in no order, and check now and then; either may end it with an error.
func eachName(dir *os.File, f func(name []byte, k kind) error, check func() error) error {
	if _, err := dir.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for {
		if err := check(); err != nil {
			return err
		}
		found, err := dir.ReadDir(1024)
		for _, d := range found {
			k := otherKind
			switch {
			case d.Type().IsRegular():
				k = fileKind
			case d.IsDir():
				k = folderKind
			}
			if err := f([]byte(d.Name()), k); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
