package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/secretfile"
)

const (
	fileVersion = 1
	maxFile     = 4 << 20
)

// file is the stored form.
type file struct {
	Version int       `json:"version"`
	ID      string    `json:"id"`
	Keys    []fileKey `json:"keys"`
}

type fileKey struct {
	ID       string      `json:"id"`
	Aliases  []string    `json:"aliases,omitempty"`
	Disabled bool        `json:"disabled,omitempty"`
	Versions []sealedKey `json:"versions"`
}

type sealedKey struct {
	Created time.Time `json:"created"`
	Sealed  []byte    `json:"sealed"`
}

func (k fileKey) info() Info {
	return Info{ID: k.ID, Aliases: append([]string{}, k.Aliases...), Enabled: !k.Disabled, Versions: len(k.Versions),
		Created: k.Versions[0].Created, Rotated: k.Versions[len(k.Versions)-1].Created}
}

func readFile(path string) (*file, error) {
	text, err := secretfile.Read(path, "keyring", maxFile)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var f file
	if err := d.Decode(&f); err != nil {
		return nil, errs.New(errs.InvalidArgument, "the keyring file is none", err)
	}
	if f.Version != fileVersion || f.ID == "" {
		return nil, errs.Newf(errs.InvalidArgument, "the keyring file has a form that this build does not know")
	}
	for _, k := range f.Keys {
		if k.ID == "" || len(k.Versions) == 0 {
			return nil, errs.Newf(errs.InvalidArgument, "the keyring file has a key without an id or without a version")
		}
	}
	return &f, nil
}

// stage writes a file beside path, whole and on disk, and returns its name.
func (f *file) stage(path string) (name string, err error) {
	text, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		return "", err
	}
	t, err := os.CreateTemp(filepath.Dir(path), ".keyring-*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = t.Write(append(text, '\n'))
	if err == nil {
		err = t.Sync()
	}
	if err = errors.Join(err, t.Close()); err != nil {
		os.Remove(t.Name())
		return "", err
	}
	return t.Name(), nil
}

// put links the file into place where nothing is: of two starters one wins.
func (f *file) put(path string) error {
	name, err := f.stage(path)
	if err != nil {
		return err
	}
	defer os.Remove(name)
	if err := os.Link(name, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(path)
}

// replace puts the file in place of the former.
func (f *file) replace(path string) error {
	name, err := f.stage(path)
	if err != nil {
		return err
	}
	if err := os.Rename(name, path); err != nil {
		os.Remove(name)
		return err
	}
	return syncDir(path)
}

// syncDir makes sure that a new name survives a crash: objects may be encrypted with its keys at once.
func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
