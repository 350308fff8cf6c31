package posix

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/opensds/gelato/adapters"
)

// maxRecord bounds a record, in bytes: content headers and metadata are bounded by the services far below it.
const maxRecord = 1 << 20

// record is what is kept beside the bytes of a file, as JSON in the attribute or in a sidecar.
type record struct {
	ETag     string                   `json:"etag,omitempty"` // of the file when the record was written
	CRC64    string                   `json:"crc64nvme,omitempty"`
	Headers  *adapters.ContentHeaders `json:"headers,omitempty"`
	Metadata map[string]string        `json:"metadata,omitempty"`
	Upload   string                   `json:"upload,omitempty"`  // the multipart upload that made it, and of which parts
	Sidecar  bool                     `json:"sidecar,omitempty"` // the rest is in the sidecar
}

func newRecord(o adapters.PutOptions, crc uint64) record {
	r := record{CRC64: strconv.FormatUint(crc, 16), Metadata: o.Metadata}
	if o.Headers != (adapters.ContentHeaders{}) {
		r.Headers = &o.Headers
	}
	return r
}

// crc returns the CRC-64 of the file that has this ETag now, or nil when the record is of other bytes.
func (r record) crc(etag string) *uint64 {
	if r.ETag != etag || r.CRC64 == "" {
		return nil
	}
	c, err := strconv.ParseUint(r.CRC64, 16, 64)
	if err != nil {
		return nil
	}
	return &c
}

// etagOf makes the ETag of a file: size, modification time and inode.
func etagOf(st *unix.Stat_t) string {
	b := make([]byte, 0, 48)
	b = strconv.AppendInt(b, st.Size, 16)
	b = append(b, '-')
	b = strconv.AppendInt(b, modTime(st).UnixNano(), 16)
	b = append(b, '-')
	b = strconv.AppendUint(b, uint64(st.Ino), 16)
	return string(b)
}

func modTime(st *unix.Stat_t) time.Time { return time.Unix(st.Mtim.Unix()) }

// infoOf describes a file, with what its record adds.
func infoOf(key string, st *unix.Stat_t, r record) adapters.Info {
	info := adapters.Info{Key: key, Size: st.Size, ModTime: modTime(st), ETag: etagOf(st), Metadata: r.Metadata}
	info.CRC64 = r.crc(info.ETag)
	if r.Headers != nil {
		info.Headers = *r.Headers
	}
	return info
}

// sidecar is the path of the sidecar of the file with this ETag. As no two files have the same, it belongs to the bytes, not to the
// key: readers of old and new bytes each find their own.
func sidecar(etag string) string { return sidecarPath + "/" + etag[len(etag)-1:] + "/" + etag }

// writeRecord stores the record of a staged file. It must come after the last change of its bytes and times.
func (s *Store) writeRecord(f *os.File, r record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode record: %w", err)
	}
	if len(b) > maxRecord {
		return fmt.Errorf("record of %d bytes: %w", len(b), unix.E2BIG)
	}
	err = setAttribute(int(f.Fd()), b)
	if !errors.Is(err, errNoAttributes) {
		return err
	}
	path := sidecar(r.ETag)
	if err := s.writeSidecar(path, b); err != nil {
		s.root.Remove(path)
		return err
	}
	s.sidecars.Store(true)
	if err := setAttribute(int(f.Fd()), []byte(`{"sidecar":true}`)); err != nil && !errors.Is(err, errNoAttributes) {
		s.root.Remove(path)
		return err
	}
	return nil
}

func (s *Store) writeSidecar(path string, b []byte) error {
	folder := path[:len(sidecarPath)+2]
	if err := s.root.MkdirAll(folder, dirMode); err != nil {
		return err
	}
	f, err := s.root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil && s.sync {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil && s.sync {
		err = s.folders.sync(folder)
	}
	return err
}

// readRecord returns the record of an open file; a file of somebody else has an empty one.
func (s *Store) readRecord(fd int, st *unix.Stat_t) (record, error) {
	var r record
	buf := recordBuffers.Get().(*[2048]byte)
	defer recordBuffers.Put(buf)
	b, err := getAttribute(fd, buf[:])
	switch {
	case errors.Is(err, errNoAttributes):
		return s.readSidecar(etagOf(st))
	case err != nil:
		return r, err
	case b == nil:
		return r, nil
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return record{}, nil // not ours: somebody else's attribute of that name
	}
	if r.Sidecar {
		return s.readSidecar(etagOf(st))
	}
	return r, nil
}

func (s *Store) readSidecar(etag string) (record, error) {
	var r record
	f, err := s.root.Open(sidecar(etag))
	if missing(err) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxRecord))
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return record{}, fmt.Errorf("decode sidecar %s: %w", etag, err)
	}
	return r, nil
}

// dropSidecar removes the sidecar of bytes that are gone. A sidecar that stays behind does no harm.
func (s *Store) dropSidecar(etag string) {
	if etag != "" && s.sidecars.Load() {
		s.root.Remove(sidecar(etag))
	}
}
