package posix

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// maxTries bounds how often a write makes a folder that another one's delete keeps taking away.
const maxTries = 1000

// Put implements adapters.Store.
func (s *Store) Put(ctx context.Context, key string, body io.Reader, size int64, o adapters.PutOptions) (adapters.Info, error) {
	full, err := s.beginWrite(ctx, key, o)
	if err != nil {
		return adapters.Info{}, err
	}
	at, _ := places(full)
	t, err := s.newStaged(at.folder)
	if err != nil {
		return adapters.Info{}, fail("create", err)
	}
	defer t.close()
	_, crc, err := t.fill(ctx, body, size)
	if err != nil {
		return adapters.Info{}, err
	}
	if err := checkCRC(o.CRC64, crc); err != nil {
		return adapters.Info{}, err
	}
	return s.store(ctx, full, t, newRecord(o, crc), o, proof)
}

func checkCRC(want *uint64, got uint64) error {
	if want != nil && *want != got {
		return errs.Newf(errs.DataLoss, "the bytes have the CRC-64 %016x, not %016x", got, *want).Because("BadDigest")
	}
	return nil
}

// store finishes a staged file and makes it the object of a full key.
func (s *Store) store(ctx context.Context, full string, t *staged, r record, o adapters.PutOptions, proof string) (adapters.Info, error) {
	if err := t.finish(r); err != nil {
		return adapters.Info{}, err
	}
	if err := alive(ctx); err != nil {
		return adapters.Info{}, err
	}
	folder, err := s.commit(full, t, o)
	if err != nil {
		return adapters.Info{}, err
	}
	if s.sync {
		if err := s.folders.sync(folder); err != nil {
			return adapters.Info{}, fail("fsync folder", err)
		}
	}
	r.ETag = t.etag
	info := infoOf(full[len(s.prefix):], &t.st, r)
	info.Verified, info.Proof = true, proof
	return info, nil
}

// commit moves a staged file to its place under the conditions of o and returns the folder that it is in.
func (s *Store) commit(full string, t *staged, o adapters.PutOptions) (folder string, err error) {
	for range maxTries {
		var at place
		at, err = s.commitOnce(full, t, o)
		if !missing(err) {
			return at.folder, fail("move into place", err)
		}
		if err := s.makeFolder(full, at.folder); err != nil {
			return "", fail("make folder", err)
		}
	}
	return "", fail("move into place", err)
}

// commitOnce tries once. An error that says missing means that the folder of the returned place must be made.
func (s *Store) commitOnce(full string, t *staged, o adapters.PutOptions) (place, error) {
	plain, aside := places(full)
	unlock, err := s.area.locks.lock(lockName(full))
	if err != nil {
		return plain, err
	}
	defer unlock()
	old := ""
	if o.IfNoneMatch || o.IfMatch != "" || s.sidecars.Load() {
		st, err := s.stat(full)
		if err != nil {
			return plain, err
		}
		if st.Mode != 0 {
			old = etagOf(&st)
		}
		if o.IfNoneMatch && old != "" {
			return plain, exists(full[len(s.prefix):])
		}
		if err := checkMatch(o.IfMatch, old); err != nil {
			return plain, err
		}
	}
	at := plain
	err = s.moveIn(t, at, o.IfNoneMatch)
	if taken(err) && aside != plain { // by a folder
		at = aside
		err = s.moveIn(t, at, o.IfNoneMatch)
	}
	if errors.Is(err, fs.ErrExist) {
		return at, exists(full[len(s.prefix):])
	}
	if err == nil {
		s.dropSidecar(old)
	}
	return at, err
}

func (s *Store) moveIn(t *staged, at place, exclusive bool) error {
	dir, err := s.openFolder(at.folder)
	if err != nil {
		return err
	}
	defer dir.Close()
	if !exclusive {
		return t.moveTo(dir, at.name)
	}
	err = t.linkTo(dir, at.name)
	if errors.Is(err, fs.ErrExist) {
		if st, serr := statAt(int(dir.Fd()), at.name); serr == nil && st.Mode == 0 {
			return unix.EISDIR
		}
	}
	return err
}

// taken reports whether a folder has the name that a file was to get.
func taken(err error) bool { return errors.Is(err, unix.EISDIR) }

func exists(key string) error {
	return errs.Newf(errs.AlreadyExists, "object %q exists", key)
}

// checkMatch compares an IfMatch with the ETag of what is there, "" for nothing.
func checkMatch(want, got string) error {
	if want != "" && want != got {
		return errs.New(errs.FailedPrecondition, "the object is another one than the ETag says", nil).Because("IfMatch")
	}
	return nil
}

// Delete implements adapters.Store.
func (s *Store) Delete(ctx context.Context, key, ifMatch string) error {
	full, err := s.begin(ctx, key)
	if err != nil {
		return err
	}
	if _, err := s.needArea(); err != nil {
		return fail("prepare the directory", err)
	}
	if s.area.locks.alone && ifMatch != "" {
		return errs.New(errs.Unimplemented, "the file system has no locks, so conditions cannot be kept", nil)
	}
	plain, aside := places(full)
	removed, err := s.remove(full, plain, aside, ifMatch)
	if err != nil {
		return fail("delete", err)
	}
	for _, p := range removed {
		if s.sync {
			if err := s.folders.sync(p.folder); err != nil {
				return fail("fsync folder", err)
			}
		}
		s.prune(p.folder)
	}
	return nil
}

// remove unlinks the files of a key and says which they were: first the one aside, so that a stale one
// never shows behind the plain one.
func (s *Store) remove(full string, plain, aside place, ifMatch string) (removed []place, err error) {
	unlock, err := s.area.locks.lock(lockName(full))
	if err != nil {
		return nil, err
	}
	defer unlock()
	st, err := s.stat(full)
	if err != nil || st.Mode == 0 {
		return nil, err
	}
	old := etagOf(&st)
	if err := checkMatch(ifMatch, old); err != nil {
		return nil, err
	}
	for _, p := range []place{aside, plain} {
		if p == plain && len(removed) > 0 && removed[0] == plain {
			break
		}
		ok, err := s.unlink(p)
		if err != nil {
			return removed, err
		}
		if ok {
			removed = append(removed, p)
		}
	}
	s.dropSidecar(old)
	return removed, nil
}

// unlink removes a regular file and reports whether there was one.
func (s *Store) unlink(p place) (bool, error) {
	dir, err := s.openFolder(p.folder)
	if missing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer dir.Close()
	if st, err := statAt(int(dir.Fd()), p.name); err != nil || st.Mode == 0 {
		return false, err
	}
	err = unix.Unlinkat(int(dir.Fd()), p.name, 0)
	if missing(err) {
		return false, nil
	}
	return err == nil, err
}

// Copy implements adapters.Store: there is none.
func (s *Store) Copy(context.Context, string, string, string, adapters.PutOptions) (adapters.Info, error) {
	return adapters.Info{}, errs.Newf(errs.Unimplemented, "the store has no server-side copy")
}
