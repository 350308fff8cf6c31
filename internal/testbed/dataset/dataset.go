// Package dataset makes objects that say themselves what they are: each begins with a line naming its key, version and size,
// and every further byte follows from these three. So a reader that knows nothing else can tell whether it got one whole
// version of the right object, and which.
//
// Only tests import it.
package dataset

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// MinSize is the smallest size in bytes of an object with a key of up to 100 bytes: its first line must fit.
const MinSize = 256

// Object names content.
type Object struct {
	Key     string
	Version int64
	Size    int64 // bytes
}

// header is the first line.
func (o Object) header() []byte {
	return fmt.Appendf(nil, "object %q version %d size %d\n", o.Key, o.Version, o.Size)
}

// Reader returns the content.
func (o Object) Reader() io.Reader {
	h := o.header()
	return io.LimitReader(io.MultiReader(bytes.NewReader(h), rand.NewChaCha8(sha256.Sum256(h))), o.Size)
}

// Bytes returns the content of a small object.
func (o Object) Bytes() []byte {
	b := make([]byte, o.Size)
	if _, err := io.ReadFull(o.Reader(), b); err != nil {
		panic(err) // the generator never ends
	}
	return b
}

// ErrWrongBytes says that what was read is no whole version of the object.
var ErrWrongBytes = errors.New("wrong bytes")

// Verify reads content to its end and returns which object it is. It fails with ErrWrongBytes when it is not exactly one version of key,
// and with the reader's error when that fails.
func Verify(r io.Reader, key string) (Object, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	line, err := br.ReadSlice('\n')
	if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
		return Object{}, err
	}
	var o Object
	if _, err := fmt.Sscanf(string(line), "object %q version %d size %d\n", &o.Key, &o.Version, &o.Size); err != nil {
		return o, fmt.Errorf("%w: %s begins with %.80q", ErrWrongBytes, key, line)
	}
	if o.Key != key {
		return o, fmt.Errorf("%w: asked for %s, got %s", ErrWrongBytes, key, o.Key)
	}
	want := o.Reader()
	got := io.MultiReader(bytes.NewReader(bytes.Clone(line)), br)
	wantBuf, gotBuf := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); ; {
		n, err := fill(got, gotBuf)
		m, _ := fill(want, wantBuf[:n])
		if m != n || !bytes.Equal(gotBuf[:n], wantBuf[:n]) {
			return o, fmt.Errorf("%w: %s version %d differs between bytes %d and %d", ErrWrongBytes, key, o.Version, at, at+int64(n))
		}
		at += int64(n)
		if err == io.EOF && at != o.Size {
			return o, fmt.Errorf("%w: %s version %d ends after %d of %d bytes", ErrWrongBytes, key, o.Version, at, o.Size)
		}
		if err == io.EOF {
			return o, nil
		}
		if err != nil {
			return o, err
		}
	}
}

// fill reads until b is full. Unlike io.ReadFull it passes the reader's error on as it is: io.EOF only where the content ended,
// io.ErrUnexpectedEOF only where the connection broke.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

// Write makes a file of each object below dir, at the path of its key.
func Write(dir string, objects []Object) error {
	for _, o := range objects {
		path := filepath.Join(dir, filepath.FromSlash(o.Key))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := write(path, o); err != nil {
			return fmt.Errorf("write %s: %w", o.Key, err)
		}
	}
	return nil
}

func write(path string, o Object) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, o.Reader(), make([]byte, 256<<10))
	return err
}

// Standard is the data set of the migration scenario and of the benchmarks: 10,000 objects of 4 KiB in 100 folders and 4 of 256 MiB.
func Standard() []Object {
	all := Small(10_000)
	for i := range 4 {
		all = append(all, Object{Key: fmt.Sprintf("big/%d.bin", i), Version: 1, Size: 256 << 20})
	}
	return all
}

// Small is n objects of 4 KiB, 100 to a folder.
func Small(n int) []Object {
	all := make([]Object, n)
	for i := range all {
		all[i] = Object{Key: fmt.Sprintf("small/%02d/object-%05d", i/100, i), Version: 1, Size: 4 << 10}
	}
	return all
}
