package keyring

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/s3/sse"
)

const maxName = 128

// generate makes a fresh keyring, unless another one was faster.
func generate(path string, box *seal.Box, now time.Time) error {
	f := &file{Version: fileVersion, ID: rand.Text()}
	for _, id := range []string{ServiceKey, DefaultKey} {
		k := fileKey{ID: id}
		k.rotate(box, now)
		f.Keys = append(f.Keys, k)
	}
	return f.put(path)
}

func (k *fileKey) rotate(box *seal.Box, now time.Time) {
	secret := sse.NewKey()
	k.Versions = append(k.Versions, sealedKey{Created: now.UTC().Truncate(time.Second), Sealed: box.Seal(sealContext(k.ID, len(k.Versions)+1), secret[:])})
}

// Create adds a key. A random id is drawn when it is empty. AlreadyExists when one of the names is taken.
func (r *Ring) Create(id string, aliases []string) (Info, error) {
	if id == "" {
		id = rand.Text()
	}
	for _, name := range append(slices.Clone(aliases), id) {
		if !validName(name) {
			return Info{}, errs.Newf(errs.InvalidArgument, "a key's name has 1 to %d letters, digits and / _ - . only: %q", maxName, name)
		}
	}
	return r.change(func(f *file) (*fileKey, error) {
		taken := map[string]bool{}
		for _, k := range f.Keys {
			for _, name := range append(slices.Clone(k.Aliases), k.ID) {
				taken[name] = true
			}
		}
		for _, name := range append(slices.Clone(aliases), id) {
			if taken[name] {
				return nil, errs.Newf(errs.AlreadyExists, "the name %s is taken", name)
			}
			taken[name] = true
		}
		k := fileKey{ID: id, Aliases: aliases}
		k.rotate(r.box, r.o.Now())
		f.Keys = append(f.Keys, k)
		return &f.Keys[len(f.Keys)-1], nil
	})
}

// Rotate gives a key a new version. What there is stays as it is.
func (r *Ring) Rotate(name string) (Info, error) {
	return r.change(func(f *file) (*fileKey, error) {
		k, err := f.find(name)
		if err == nil {
			k.rotate(r.box, r.o.Now())
		}
		return k, err
	})
}

// SetEnabled says whether a key may be used, for old objects too. The service's own always is.
func (r *Ring) SetEnabled(name string, enabled bool) (Info, error) {
	return r.change(func(f *file) (*fileKey, error) {
		k, err := f.find(name)
		if err == nil && k.ID == ServiceKey {
			return nil, errs.Newf(errs.FailedPrecondition, "the service's own key cannot be disabled")
		}
		if err == nil {
			k.Disabled = !enabled
		}
		return k, err
	})
}

func (f *file) find(name string) (*fileKey, error) {
	name = plainName(name)
	for i := range f.Keys {
		if k := &f.Keys[i]; k.ID == name || slices.Contains(k.Aliases, name) {
			return k, nil
		}
	}
	return nil, notFound(name)
}

// change alters the file, one at a time: two at once would lose a key that may be in use already.
func (r *Ring) change(alter func(*file) (*fileKey, error)) (Info, error) {
	lock := r.path + ".lock"
	l, err := os.OpenFile(lock, os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return Info{}, errs.Newf(errs.FailedPrecondition, "another command is changing the keyring; if none is, remove %s", lock)
	}
	if err != nil {
		return Info{}, fmt.Errorf("lock keyring: %w", err)
	}
	defer os.Remove(lock)
	if err := l.Close(); err != nil {
		return Info{}, fmt.Errorf("lock keyring: %w", err)
	}
	f, err := readFile(r.path)
	if err != nil {
		return Info{}, err
	}
	k, err := alter(f)
	if err != nil {
		return Info{}, err
	}
	if _, err := f.open(r.box); err != nil { // with a wrong master key nothing is written
		return Info{}, err
	}
	if err := f.replace(r.path); err != nil {
		return Info{}, fmt.Errorf("replace keyring: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return k.info(), r.load()
}

func validName(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '/', c == '_', c == '-', c == '.':
		default:
			return false
		}
	}
	return true
}
