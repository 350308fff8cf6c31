package posix

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// Type is the name of this kind of store.
const Type adapters.Type = "posix"

const maxKeyBytes = 1024

// Descriptor describes the type for a registry.
func Descriptor() adapters.Descriptor {
	return adapters.Descriptor{
		Description: "A directory: a local disk or a NAS",
		Fields: []adapters.Field{
			{Name: "bucketName", Description: "Absolute path of an existing directory", Required: true},
			{Name: "prefix", Description: "Put in front of every key"},
			{Name: "options.sync", Description: "Write through to the disk before answering; \"false\" is for scratch use", Default: "true"},
		},
		Capabilities: capabilities(""),
		Validate:     validate,
		Open: func(ctx context.Context, c adapters.Config, d adapters.Deps) (adapters.Store, error) {
			s, err := Open(ctx, c, d)
			if err != nil {
				return nil, err
			}
			return s, nil
		},
	}
}

func capabilities(prefix string) adapters.Capabilities {
	return adapters.Capabilities{
		MaxObjectSize: 1 << 44, MaxPutSize: 1 << 44, // ext4 ends at 16 TiB
		Multipart: true, MinPartSize: 0, MaxPartSize: 1 << 44, MaxParts: 10_000,
		MaxKeyBytes:    maxKeyBytes - len(prefix),
		ConditionalPut: true, ConditionalDelete: true, StoresChecksum: true,
	}
}

func validate(c adapters.Config) error {
	if !filepath.IsAbs(c.BucketName) || filepath.Clean(c.BucketName) != c.BucketName {
		return errs.New(errs.InvalidArgument, "bucketName must be the absolute path of a directory, in its shortest form", nil).Because("bucketName")
	}
	switch c.Options["sync"] {
	case "", "true", "false":
		return nil
	}
	return errs.New(errs.InvalidArgument, "options.sync must be true or false", nil).Because("options.sync")
}

// Store is a directory. It implements adapters.Store.
type Store struct {
	root    *os.Root // for what is in the hidden folder
	top     *os.File // the same, for what keys name: from here each step is one name, and no link is followed
	prefix  string
	sync    bool
	log     *slog.Logger
	folders *folders
	windows *windowCache

	sidecars atomic.Bool // some objects have sidecars
	lastTime atomic.Int64

	areaMu sync.Mutex
	area   *area // made by the first write
}

var _ adapters.Store = (*Store)(nil)

// Open opens the directory named by c.BucketName, which must exist. Staging folders that dead processes left more
// than a day ago are removed.
func Open(_ context.Context, c adapters.Config, d adapters.Deps) (*Store, error) {
	if err := validate(c); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(c.BucketName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errs.New(errs.NotFound, "the directory does not exist", err).Because("bucketName")
	case err != nil:
		return nil, errs.New(errs.FailedPrecondition, "the directory cannot be opened", err).Because("bucketName")
	}
	top, err := root.Open(".")
	if err != nil {
		root.Close()
		return nil, errs.New(errs.PermissionDenied, "the directory cannot be read", err).Because("bucketName")
	}
	s := &Store{root: root, top: top, prefix: c.Prefix, sync: c.Options["sync"] != "false", log: d.Logger(), folders: newFolders(top), windows: newWindowCache()}
	sweep(root, s.log)
	if dir, err := root.Open(sidecarPath); err == nil {
		names, _ := dir.Readdirnames(1)
		s.sidecars.Store(len(names) > 0)
		dir.Close()
	}
	return s, nil
}

// Capabilities implements adapters.Store.
func (s *Store) Capabilities() adapters.Capabilities { return capabilities(s.prefix) }

// Close implements adapters.Store.
func (s *Store) Close() error {
	s.areaMu.Lock()
	defer s.areaMu.Unlock()
	var err error
	if s.area != nil {
		err = s.area.close(s.root)
		s.area = nil
	}
	return fail("close", errors.Join(err, s.top.Close(), s.root.Close()))
}

// begin checks what all calls check and returns the full key.
func (s *Store) begin(ctx context.Context, key string) (string, error) {
	if err := alive(ctx); err != nil {
		return "", err
	}
	if err := adapters.CheckKey(key, maxKeyBytes-len(s.prefix)); err != nil {
		return "", err
	}
	return s.prefix + key, nil
}

// beginWrite is begin for writes, which need the hidden folder.
func (s *Store) beginWrite(ctx context.Context, key string, o adapters.PutOptions) (string, error) {
	full, err := s.begin(ctx, key)
	if err != nil {
		return "", err
	}
	if o.StorageClass != "" {
		return "", errs.New(errs.InvalidArgument, "a directory has no storage classes", nil).Because("StorageClass")
	}
	for name, value := range o.Metadata {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return "", errs.New(errs.InvalidArgument, "metadata is not valid UTF-8", nil).Because("Metadata")
		}
	}
	a, err := s.needArea()
	if err != nil {
		return "", fail("prepare the directory", err)
	}
	if a.locks.alone && (o.IfNoneMatch || o.IfMatch != "") {
		return "", errs.New(errs.Unimplemented, "the file system has no locks, so conditions cannot be kept", nil)
	}
	return full, nil
}

func (s *Store) needArea() (*area, error) {
	s.areaMu.Lock()
	defer s.areaMu.Unlock()
	if s.area == nil {
		a, err := openArea(s.root, s.log)
		if err != nil {
			return nil, err
		}
		s.area = a
	}
	return s.area, nil
}

// stamp draws a modification time that this process has not used before, so that a reused inode never brings an ETag back.
func (s *Store) stamp() time.Time {
	for {
		last, now := s.lastTime.Load(), time.Now().UnixNano()
		if now <= last {
			now = last + 1
		}
		if s.lastTime.CompareAndSwap(last, now) {
			return time.Unix(0, now)
		}
	}
}

func lockName(key string) string { return "object " + key }

// find opens the file of a full key. The caller closes the descriptor. NotFound when there is none.
func (s *Store) find(full string) (fd int, st unix.Stat_t, err error) {
	plain, aside := places(full)
	fd, st, err = s.openFile(plain)
	if missing(err) && aside != plain {
		fd, st, err = s.openFile(aside)
	}
	if missing(err) {
		return -1, st, notFound(full[len(s.prefix):])
	}
	return fd, st, fail("open", err)
}

// openFile opens a regular file. Whatever else has the name, a link or a folder, is as good as absent.
func (s *Store) openFile(p place) (int, unix.Stat_t, error) {
	var st unix.Stat_t
	fd, err := openPath(int(s.top.Fd()), p.path(), unix.O_NONBLOCK) // a FIFO must not block
	if err != nil {
		if errors.Is(err, unix.ENXIO) { // a FIFO or a socket
			err = fs.ErrNotExist
		}
		return -1, st, err
	}
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, st, os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(fd)
		return -1, st, fs.ErrNotExist
	}
	return fd, st, nil
}

func openAt(dir int, name string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
		if err != unix.EINTR {
			return fd, os.NewSyscallError("openat", err)
		}
	}
}

// stat describes the object of a full key without its record; a zero mode when there is none.
func (s *Store) stat(full string) (st unix.Stat_t, err error) {
	plain, aside := places(full)
	for _, p := range []place{plain, aside} {
		st, err = s.statFile(p)
		if err != nil || st.Mode != 0 {
			return st, err
		}
		if plain == aside {
			break
		}
	}
	return st, nil
}

func (s *Store) statFile(p place) (st unix.Stat_t, err error) {
	dir, err := s.openFolder(p.folder)
	if missing(err) {
		return st, nil
	}
	if err != nil {
		return st, err
	}
	defer dir.Close()
	return statAt(int(dir.Fd()), p.name)
}

// statAt describes a regular file; a zero mode when there is none of that name.
func statAt(dir int, name string) (st unix.Stat_t, err error) {
	err = unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if missing(err) || err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		return unix.Stat_t{}, nil
	}
	return st, os.NewSyscallError("fstatat", err)
}
