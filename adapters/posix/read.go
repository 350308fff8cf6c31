package posix

import (
	"context"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// Head implements adapters.Store.
func (s *Store) Head(ctx context.Context, key string) (adapters.Info, error) {
	full, err := s.begin(ctx, key)
	if err != nil {
		return adapters.Info{}, err
	}
	fd, st, err := s.find(full)
	if err != nil {
		return adapters.Info{}, err
	}
	defer unix.Close(fd)
	r, err := s.readRecord(fd, &st)
	if err != nil {
		return adapters.Info{}, fail("read record", err)
	}
	return infoOf(key, &st, r), nil
}

// Get implements adapters.Store. The body reads the file that was there when Get was called, whatever becomes of the key; it also
// has WriteTo, by which io.Copy to a TCP connection becomes sendfile.
func (s *Store) Get(ctx context.Context, key string, r adapters.Range, ifMatch string) (io.ReadCloser, adapters.Info, error) {
	if r.Offset < 0 || r.Length < 0 {
		return nil, adapters.Info{}, errs.New(errs.InvalidArgument, "a range has no negative numbers", nil).Because("InvalidRange")
	}
	full, err := s.begin(ctx, key)
	if err != nil {
		return nil, adapters.Info{}, err
	}
	fd, st, err := s.find(full)
	if err != nil {
		return nil, adapters.Info{}, err
	}
	body, info, err := s.open(ctx, key, fd, &st, r, ifMatch)
	if err != nil {
		unix.Close(fd)
		return nil, adapters.Info{}, err
	}
	return body, info, nil
}

func (s *Store) open(ctx context.Context, key string, fd int, st *unix.Stat_t, r adapters.Range, ifMatch string) (*body, adapters.Info, error) {
	if err := checkMatch(ifMatch, etagOf(st)); err != nil {
		return nil, adapters.Info{}, err
	}
	whole := r == adapters.Range{}
	if !whole && r.Offset >= st.Size {
		return nil, adapters.Info{}, errs.Newf(errs.InvalidArgument, "the range starts at %d of %d bytes", r.Offset, st.Size).Because("InvalidRange")
	}
	rec, err := s.readRecord(fd, st)
	if err != nil {
		return nil, adapters.Info{}, fail("read record", err)
	}
	if r.Offset > 0 {
		if _, err := unix.Seek(fd, r.Offset, io.SeekStart); err != nil {
			return nil, adapters.Info{}, fail("seek", err)
		}
	}
	left := st.Size - r.Offset
	if r.Length > 0 {
		left = min(left, r.Length)
	}
	info := infoOf(key, st, rec)
	return &body{ctx: ctx, f: os.NewFile(uintptr(fd), key), left: left}, info, nil
}

// body is what is left to read of a file. One that was cut by somebody else fails, and does not end early.
type body struct {
	ctx  context.Context
	f    *os.File
	left int64
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if err := alive(b.ctx); err != nil {
		return 0, err
	}
	n, err := b.f.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, b.check(err)
}

// check turns the end of the file into an error while bytes are due.
func (b *body) check(err error) error {
	switch {
	case err == io.EOF && b.left > 0:
		return errs.New(errs.DataLoss, "the file became shorter while it was read", io.ErrUnexpectedEOF)
	case err == io.EOF:
		return nil
	}
	return fail("read", err)
}

const (
	smallBody  = 64 << 10 // bytes that are copied rather than sent from the file, for fewer system calls
	sendAtOnce = 16 << 20 // bytes between two looks at the context
)

// WriteTo implements io.WriterTo.
func (b *body) WriteTo(w io.Writer) (written int64, err error) {
	if b.left <= smallBody {
		p := copyBuffers.Get().(*[copyBuffer]byte)
		defer copyBuffers.Put(p)
		for b.left > 0 {
			n, err := b.Read(p[:])
			if n > 0 {
				m, werr := w.Write(p[:n])
				written += int64(m)
				if werr != nil {
					return written, werr
				}
			}
			if err != nil {
				return written, err
			}
		}
		return written, nil
	}
	for b.left > 0 {
		if err := alive(b.ctx); err != nil {
			return written, err
		}
		n, err := io.Copy(w, &io.LimitedReader{R: b.f, N: min(b.left, sendAtOnce)})
		written += n
		b.left -= n
		if err != nil {
			return written, err
		}
		if n == 0 {
			return written, b.check(io.EOF)
		}
	}
	return written, nil
}

// Close implements io.Closer.
func (b *body) Close() error { return b.f.Close() }
