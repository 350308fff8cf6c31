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
	"strings"
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

// Mixed is n objects of bytes bytes in all: the sizes at which stores and parts begin and end, one of largest, and for the rest as many under 64 KiB
// as larger ones. Every other key is a hard one, until those are used up. bytes must leave room beside largest and 20 MiB; the same arguments make
// the same objects.
func Mixed(n int, bytes, largest int64) []Object {
	sizes := append([]int64{largest}, edges...)
	for _, size := range sizes {
		bytes -= size
	}
	chance := rand.New(rand.NewPCG(uint64(n), uint64(largest)))
	rest := n - len(sizes)
	for range rest / 2 {
		size := chance.Int64N(64 << 10)
		sizes, bytes = append(sizes, size), bytes-size
	}
	for left := rest - rest/2; left > 0; left-- {
		size := bytes
		if left > 1 {
			size = bytes/int64(left) - chance.Int64N(64<<10)
		}
		sizes, bytes = append(sizes, size), bytes-size
	}
	if len(sizes) != n || sizes[n-1] < 0 {
		panic(fmt.Sprintf("dataset: %d objects of %d bytes at most do not fit", n, largest))
	}
	chance.Shuffle(n, func(i, j int) { sizes[i], sizes[j] = sizes[j], sizes[i] })
	all := make([]Object, n)
	for i := range all {
		all[i] = Object{Key: fmt.Sprintf("mixed/%02d/object-%05d", i/100, i), Version: 1, Size: sizes[i]}
		if i%2 == 1 && i/2 < len(hard) {
			all[i].Key = hard[i/2]
		}
	}
	return all
}

// edges are sizes around those of parts, stripes and buffers.
var edges = []int64{0, 0, 1, 255, 4 << 10, 64<<10 - 1, 64 << 10, 64<<10 + 1, 1 << 20, 4<<20 - 1, 4 << 20, 4<<20 + 1}

// hard are keys that stores, listings and URLs stumble over, those that most stumble over first.
var hard = []string{
	"a/../b", "a//b", " lead and trail ", "plus+percent%2Fand%%", "umlaut-\u00e4\u00f6\u00fc/\u6f22\u5b57.txt", "\U0001F366/\U0001F9CA.bin", "question?x=1&y=2#frag",
	"e\u0301-and-\u00e9", "back\\slash", "quote'\"<&>", strings.Repeat("k", 1024), strings.Repeat("\u6f22", 341), "folder/", ".hidden/..", "tab\tline\nfeed\x01", strings.Repeat("d/", 300) + "deep",
	"/lead", "~tilde", "[glob]*{a,b}", ":colon;semi=", "$@!,()^|`", "\u202ertl", "\ufeffbom", "\x7f\u0080\u2028", "%", "+", ".", "..", "//", "a", "a/", "a/b", "A", "con.", "lost+found/x",
	"\U0010ffff", "\uffff", ".gelato-backend", ".gelato~fa", ".minio.sys/x", "-rf", "C:\\x",
}
