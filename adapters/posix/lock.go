package posix

import (
	"errors"
	"hash/fnv"
	"io"
	"math"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// locks serialises changes by name: within the process by a mutex for each name in use, among processes by a lock on
// one byte of the lock file, at the hash of the name. Names whose hashes collide only wait for each other.
type locks struct {
	file  *os.File
	alone bool // the file system has no byte locks: only this process is excluded

	mu   sync.Mutex
	held map[string]*nameLock
}

type nameLock struct {
	mu   sync.Mutex
	uses int
}

func newLocks(file *os.File) *locks {
	return &locks{file: file, held: map[string]*nameLock{}}
}

// lock waits for the name and returns what gives it back. Holders do file system calls on one key only, so waits are short.
func (l *locks) lock(name string) (unlock func(), err error) {
	l.mu.Lock()
	n := l.held[name]
	if n == nil {
		n = &nameLock{}
		l.held[name] = n
	}
	n.uses++
	l.mu.Unlock()

	n.mu.Lock()
	release := func() {
		n.mu.Unlock()
		l.mu.Lock()
		if n.uses--; n.uses == 0 {
			delete(l.held, name)
		}
		l.mu.Unlock()
	}
	if l.alone {
		return release, nil
	}
	h := fnv.New64a()
	io.WriteString(h, name)
	at := int64(h.Sum64() & math.MaxInt64 >> 1)
	if err := lockByte(int(l.file.Fd()), at, unix.F_WRLCK); err != nil {
		release()
		return nil, err
	}
	return func() {
		lockByte(int(l.file.Fd()), at, unix.F_UNLCK) // fails only where locking it would have
		release()
	}, nil
}

// lockByte locks or unlocks one byte of the lock file, waiting for it.
func lockByte(fd int, at int64, kind int16) error {
	for {
		err := unix.FcntlFlock(uintptr(fd), setLockWait, &unix.Flock_t{Type: kind, Whence: io.SeekStart, Start: at, Len: 1})
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err
	}
}
