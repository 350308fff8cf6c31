package posix

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/minio/crc64nvme"
	"golang.org/x/sys/unix"

	"github.com/opensds/gelato/internal/errs"
)

// proof says why an answer to a write is Verified; see the package comment.
const (
	proof      = "posix-crc64nvme-before-rename"
	proofParts = "posix-crc64nvme-of-parts"
)

const copyBuffer = 256 << 10

var (
	copyBuffers   = sync.Pool{New: func() any { return new([copyBuffer]byte) }}
	recordBuffers = sync.Pool{New: func() any { return new([2048]byte) }}
)

// staged is a file being written, which nobody sees yet. Where the file system can, it has no name, and so goes away with the process; it
// is made in the folder that it is meant for, as file systems keep the files of a folder close together and a lock for each folder.
type staged struct {
	s      *Store
	name   string // in the staging folder; "" while it has none
	placed bool   // it is where it was meant to go
	f      *os.File
	st     unix.Stat_t // of the finished file
	etag   string
}

// newStaged makes a staged file that is meant for a folder, which need not be there.
func (s *Store) newStaged(folder string) (*staged, error) {
	t := &staged{s: s}
	var fd int
	var err error
	if s.area.unnamed {
		fd, err = s.openUnnamed(folder)
	} else {
		t.name = s.area.name()
		fd, err = openAt(int(s.area.dir.Fd()), t.name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, fileMode)
	}
	if err != nil {
		return nil, err
	}
	t.f = os.NewFile(uintptr(fd), "staged")
	return t, nil
}

func (s *Store) openUnnamed(folder string) (int, error) {
	if dir, err := s.openFolder(folder); err == nil {
		fd, err := openUnnamed(int(dir.Fd()))
		dir.Close()
		if err == nil {
			return fd, nil
		}
	}
	return openUnnamed(int(s.area.dir.Fd())) // the folder is not there, or is being pruned: anywhere will do
}

// fill copies the body, which must have exactly size bytes unless that is -1, and returns what it wrote.
func (t *staged) fill(ctx context.Context, body io.Reader, size int64) (n int64, crc uint64, err error) {
	p := copyBuffers.Get().(*[copyBuffer]byte)
	defer copyBuffers.Put(p)
	buf := p[:]
	for {
		read, rerr := readFull(ctx, body, buf)
		if size >= 0 && n+int64(read) > size {
			return n, 0, errs.Newf(errs.InvalidArgument, "the body is longer than its size of %d bytes", size).Because("BodyTooLong")
		}
		if read > 0 {
			if _, err := t.f.Write(buf[:read]); err != nil {
				return n, 0, fail("write", err)
			}
			crc = crc64nvme.Update(crc, buf[:read])
			n += int64(read)
		}
		switch {
		case rerr == io.EOF && size >= 0 && n < size:
			return n, 0, errs.Newf(errs.InvalidArgument, "the body ended after %d of %d bytes", n, size).Because("IncompleteBody")
		case rerr == io.EOF:
			return n, crc, nil
		case rerr != nil:
			return n, 0, rerr
		}
	}
}

// readFull fills buf, and ends with io.EOF at the end of the body; a context that ends counts before the next read.
func readFull(ctx context.Context, body io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) {
		if err := alive(ctx); err != nil {
			return n, err
		}
		read, err := body.Read(buf[n:])
		n += read
		if err == io.EOF {
			return n, io.EOF
		}
		if err != nil {
			return n, fmt.Errorf("read body: %w", err)
		}
	}
	return n, nil
}

// finish gives the file its time, its record and, unless the store is for scratch use, its place on the disk.
func (t *staged) finish(r record) error {
	if err := t.setTime(t.s.stamp()); err != nil {
		return fail("set time", err)
	}
	if err := unix.Fstat(int(t.f.Fd()), &t.st); err != nil {
		return fail("fstat", err)
	}
	t.etag = etagOf(&t.st)
	r.ETag = t.etag
	if err := t.s.writeRecord(t.f, r); err != nil {
		return fail("write record", err)
	}
	if t.s.sync {
		if err := t.f.Sync(); err != nil {
			return fail("fsync", err)
		}
	}
	return nil
}

func (t *staged) setTime(at time.Time) error {
	if t.name == "" {
		return setFileTime(int(t.f.Fd()), at)
	}
	ts := unix.NsecToTimespec(at.UnixNano())
	return unix.UtimesNanoAt(int(t.s.area.dir.Fd()), t.name, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}

// moveTo gives the file its place, over whatever file is there.
func (t *staged) moveTo(dir *os.File, name string) error {
	if t.name == "" {
		err := linkUnnamed(int(t.f.Fd()), int(dir.Fd()), name)
		if err != unix.EEXIST {
			t.placed = err == nil
			return os.NewSyscallError("linkat", err)
		}
		own := t.s.area.name() // only a rename replaces a file, and that takes a name
		if err := linkUnnamed(int(t.f.Fd()), int(t.s.area.dir.Fd()), own); err != nil {
			return os.NewSyscallError("linkat", err)
		}
		t.name = own
	}
	err := unix.Renameat(int(t.s.area.dir.Fd()), t.name, int(dir.Fd()), name)
	t.placed = err == nil
	return os.NewSyscallError("renameat", err)
}

// linkTo gives the file its place where no file is. A file system without links takes the two steps that the key's lock makes one.
func (t *staged) linkTo(dir *os.File, name string) error {
	if t.name == "" {
		err := linkUnnamed(int(t.f.Fd()), int(dir.Fd()), name)
		t.placed = err == nil
		return os.NewSyscallError("linkat", err)
	}
	err := unix.Linkat(int(t.s.area.dir.Fd()), t.name, int(dir.Fd()), name, 0)
	switch err {
	case nil:
		unix.Unlinkat(int(t.s.area.dir.Fd()), t.name, 0)
		t.placed = true
		return nil
	case unix.EPERM, unix.ENOTSUP, unix.ENOSYS, unix.EMLINK:
		var st unix.Stat_t
		if unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
			return os.NewSyscallError("linkat", unix.EEXIST)
		}
		return t.moveTo(dir, name)
	}
	return os.NewSyscallError("linkat", err)
}

// close drops the file unless it found its place.
func (t *staged) close() {
	t.f.Close() // everything that matters was fsynced, or need not be
	if t.placed {
		return
	}
	if t.name != "" {
		if err := unix.Unlinkat(int(t.s.area.dir.Fd()), t.name, 0); err != nil && !errors.Is(err, unix.ENOENT) {
			t.s.log.Warn("a staged file cannot be removed", "name", t.name, "error", err)
		}
	}
	t.s.dropSidecar(t.etag)
}
