package dataset

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	o := Object{Key: "dir/a b", Version: 7, Size: 200_000}
	whole := o.Bytes()
	flip := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 1
		return b
	}
	newer := o
	newer.Version = 8
	for name, tc := range map[string]struct {
		body []byte
		ok   bool
	}{
		"whole":               {whole, true},
		"last byte flipped":   {flip(len(whole) - 1), false},
		"middle byte flipped": {flip(100_000), false},
		"cut short":           {whole[:len(whole)-1], false},
		"one byte more":       {append(bytes.Clone(whole), 0), false},
		"two versions mixed":  {append(bytes.Clone(whole[:65536]), newer.Bytes()[65536:]...), false},
		"empty":               {nil, false},
		"no header":           {[]byte("something else\n"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Verify(bytes.NewReader(tc.body), o.Key)
			if tc.ok && (err != nil || got != o) {
				t.Errorf("got %v, %v", got, err)
			}
			if !tc.ok && !errors.Is(err, ErrWrongBytes) {
				t.Errorf("got %v, want ErrWrongBytes", err)
			}
		})
	}
	if _, err := Verify(bytes.NewReader(whole), "dir/other"); !errors.Is(err, ErrWrongBytes) {
		t.Errorf("other key: got %v, want ErrWrongBytes", err)
	}
	broken := errors.New("connection broke")
	r := io.MultiReader(bytes.NewReader(whole[:150_000]), iotest.ErrReader(broken))
	if _, err := Verify(r, o.Key); !errors.Is(err, broken) {
		t.Errorf("failing reader: got %v, want its error", err)
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	objects := Small(3)
	if err := Write(dir, objects); err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		f, err := os.Open(filepath.Join(dir, o.Key))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Verify(f, o.Key); err != nil || got != o {
			t.Errorf("got %v, %v, want %v", got, err, o)
		}
		f.Close()
	}
}

func TestMixed(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		n              int
		bytes, largest int64
	}{{200, 250 << 20, 64 << 20}, {40, 60 << 20, 24 << 20}} {
		objects := Mixed(x.n, x.bytes, x.largest)
		var sum, most int64
		keys := map[string]bool{}
		for _, o := range objects {
			sum, most, keys[o.Key] = sum+o.Size, max(most, o.Size), true
			if o.Size < 0 || len(o.Key) > 1024 || !utf8.ValidString(o.Key) {
				t.Errorf("an object of %d bytes has the key %q", o.Size, o.Key)
			}
		}
		if len(keys) != x.n || sum != x.bytes || most != x.largest {
			t.Errorf("got %d keys, %d bytes, at most %d, want %+v", len(keys), sum, most, x)
		}
		if again := Mixed(x.n, x.bytes, x.largest); !slices.Equal(again, objects) {
			t.Error("another call makes other objects")
		}
	}
}
