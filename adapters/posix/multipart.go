package posix

import (
	"context"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/errs"
)

// PutPart implements adapters.Store.
func (s *Store) PutPart(ctx context.Context, key, uploadID string, n int, b io.Reader, size int64, sums adapters.Sums) (adapters.Part, error) {
	full, err := s.beginWrite(ctx, key, adapters.PutOptions{})
	if err != nil {
		return adapters.Part{}, err
	}
	if n < 1 || n > maxParts {
		return adapters.Part{}, errs.Newf(errs.InvalidArgument, "part numbers are 1 to %d", maxParts).Because("PartNumber")
	}
	dir, _, err := s.openUpload(full, uploadID)
	if err != nil {
		return adapters.Part{}, err
	}
	defer dir.Close()
	t, err := s.newStaged(uploadsPath + "/" + uploadID)
	if err != nil {
		return adapters.Part{}, fail("create", err)
	}
	defer t.close()
	written, crc, err := t.fill(ctx, b, size)
	if err != nil {
		return adapters.Part{}, err
	}
	if err := checkCRC(sums.CRC64, crc); err != nil {
		return adapters.Part{}, err
	}
	if err := t.finish(newRecord(adapters.PutOptions{}, crc)); err != nil {
		return adapters.Part{}, err
	}
	if err := alive(ctx); err != nil {
		return adapters.Part{}, err
	}
	if err := t.moveTo(dir, strconv.Itoa(n)); missing(err) {
		return adapters.Part{}, noUpload(uploadID)
	} else if err != nil {
		return adapters.Part{}, fail("store part", err)
	}
	if s.sync {
		if err := s.folders.sync(uploadsPath + "/" + uploadID); err != nil {
			return adapters.Part{}, fail("fsync folder", err)
		}
	}
	return adapters.Part{N: n, Size: written, ETag: t.etag, CRC64: crc, Verified: true, Proof: proof}, nil
}

// CompleteUpload implements adapters.Store. The parts are copied into one file by the kernel; its CRC is combined from theirs.
// The object remembers the upload and its parts, so that completing again finds out that it is done.
func (s *Store) CompleteUpload(ctx context.Context, key, uploadID string, parts []adapters.Part, o adapters.PutOptions) (adapters.Info, error) {
	full, err := s.beginWrite(ctx, key, o)
	if err != nil {
		return adapters.Info{}, err
	}
	if err := adapters.CheckParts(parts, maxParts); err != nil {
		return adapters.Info{}, err
	}
	unlock, err := s.area.locks.lock("upload " + uploadID)
	if err != nil {
		return adapters.Info{}, fail("lock", err)
	}
	defer unlock()
	dir, up, err := s.openUpload(full, uploadID)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return adapters.Info{}, err
	}
	if dir != nil {
		defer dir.Close()
	}
	mark := adapters.UploadMark(uploadID, parts)
	if info, ok, derr := s.completed(full, mark); derr != nil {
		return adapters.Info{}, derr
	} else if ok {
		s.dropUpload(uploadID)
		return info, nil
	}
	if err != nil {
		return adapters.Info{}, err
	}
	info, err := s.assemble(ctx, dir, up, mark, parts, o)
	if err != nil {
		return adapters.Info{}, err
	}
	s.dropUpload(uploadID)
	return info, nil
}

// completed returns the object of a key if it was made by the upload with this mark.
func (s *Store) completed(full, mark string) (adapters.Info, bool, error) {
	fd, st, err := s.find(full)
	if errs.Is(err, errs.NotFound) {
		return adapters.Info{}, false, nil
	}
	if err != nil {
		return adapters.Info{}, false, err
	}
	defer unix.Close(fd)
	r, err := s.readRecord(fd, &st)
	if err != nil {
		return adapters.Info{}, false, fail("read record", err)
	}
	info := infoOf(full[len(s.prefix):], &st, r)
	if r.Upload != mark || r.ETag != info.ETag {
		return adapters.Info{}, false, nil
	}
	info.Verified, info.Proof = true, proofParts
	return info, true, nil
}

func (s *Store) assemble(ctx context.Context, dir *os.File, up uploadRecord, mark string, parts []adapters.Part, o adapters.PutOptions) (adapters.Info, error) {
	var crc uint64
	for i, p := range parts { // all of them before the first byte is copied
		f, err := s.openPart(dir, p)
		if err != nil {
			return adapters.Info{}, err
		}
		f.Close()
		if i == 0 {
			crc = p.CRC64
		} else {
			crc = checksum.CombineCRC64(crc, p.CRC64, p.Size)
		}
	}
	if err := checkCRC(o.CRC64, crc); err != nil {
		return adapters.Info{}, err
	}
	at, _ := places(up.Key)
	t, err := s.newStaged(at.folder)
	if err != nil {
		return adapters.Info{}, fail("create", err)
	}
	defer t.close()
	for _, p := range parts {
		if err := s.appendPart(ctx, t, dir, p); err != nil {
			return adapters.Info{}, err
		}
	}
	r := newRecord(adapters.PutOptions{Headers: up.Headers, Metadata: up.Metadata}, crc)
	r.Upload = mark
	return s.store(ctx, up.Key, t, r, o, proofParts)
}

// openPart opens a part and checks that it is the one that was named.
func (s *Store) openPart(dir *os.File, p adapters.Part) (*os.File, error) {
	other := errs.Newf(errs.FailedPrecondition, "part %d is absent or was replaced", p.N).Because("InvalidPart")
	fd, err := openAt(int(dir.Fd()), strconv.Itoa(p.N), unix.O_RDONLY, 0)
	if missing(err) {
		return nil, other
	}
	if err != nil {
		return nil, fail("open part", err)
	}
	f := os.NewFile(uintptr(fd), strconv.Itoa(p.N))
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	var r record
	if err == nil {
		r, err = s.readRecord(fd, &st)
	}
	if err == nil {
		if crc := r.crc(etagOf(&st)); st.Size == p.Size && crc != nil && *crc == p.CRC64 && r.ETag == p.ETag {
			return f, nil
		}
		err = other
	}
	f.Close()
	return nil, fail("read part", err)
}

func (s *Store) appendPart(ctx context.Context, t *staged, dir *os.File, p adapters.Part) error {
	f, err := s.openPart(dir, p)
	if err != nil {
		return err
	}
	defer f.Close()
	for left := p.Size; left > 0; {
		if err := alive(ctx); err != nil {
			return err
		}
		n, err := t.f.ReadFrom(&io.LimitedReader{R: f, N: min(left, sendAtOnce)}) // copy_file_range where there is one
		if err != nil {
			return fail("copy part", err)
		}
		if n == 0 {
			return errs.Newf(errs.DataLoss, "part %d became shorter", p.N)
		}
		left -= n
	}
	return nil
}
