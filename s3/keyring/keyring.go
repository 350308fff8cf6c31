// Package keyring keeps the keys under which the gateway encrypts objects: the service's own for SSE-S3, and named ones for SSE-KMS.
//
// It belongs to the s3 service; s3 and cmd import it. The keys are in one file of mode 0600, sealed by the master key. All s3 processes of a cluster read the same file, or a copy; Ring
// looks at it every second, so that a change is seen without a restart. A key has versions: what is new is encrypted with the newest, what there is opens with the one that it names.
// Nothing ever removes a version: with it the objects would be lost.
package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/seal"
	"github.com/opensds/gelato/s3/sse"
)

const (
	ServiceKey = "sse-s3" // the id of the key of SSE-S3; no client may name it
	DefaultKey = "aws/s3" // the id of the key of SSE-KMS when the client names none

	lookEvery = time.Second
)

// Key is one version of a key.
type Key struct {
	ID      string
	Version int
	Secret  sse.Key
}

// Info describes a key without its secrets.
type Info struct {
	ID       string    `json:"id"`
	Aliases  []string  `json:"aliases"`
	Enabled  bool      `json:"enabled"`
	Versions int       `json:"versions"`
	Created  time.Time `json:"created"`
	Rotated  time.Time `json:"rotated"` // when the newest version was made
}

// Options tune a Ring. The zero Options works.
type Options struct {
	Log *slog.Logger // discards when nil
	Now func() time.Time
}

// Ring is the keys of a file, as it is now. It is safe for concurrent use.
type Ring struct {
	path string
	box  *seal.Box
	o    Options

	mu     sync.Mutex
	looked time.Time
	seen   fs.FileInfo
	table  *table
	failed bool // the last look
}

// table is what a file holds, opened. It does not change.
type table struct {
	id     string // of the keyring
	keys   []*opened
	byName map[string]*opened // ids and aliases
}

type opened struct {
	Info
	secrets []sse.Key // version n is secrets[n-1]
}

// Open reads the file. With create, an absent one is made, with ServiceKey and DefaultKey in it. InvalidArgument when it is not for its owner alone or is no keyring, DataLoss when the master key is another one.
func Open(path string, box *seal.Box, create bool, o Options) (*Ring, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Ring{path: path, box: box, o: o}
	err := r.load()
	if errors.Is(err, fs.ErrNotExist) && create {
		if err := generate(path, box, o.Now()); err != nil {
			return nil, fmt.Errorf("create keyring: %w", err)
		}
		err = r.load()
	}
	return r, err
}

// ID is that of the keyring: copies of one file share it, however they differ in keys.
func (r *Ring) ID() string { return r.now().id }

// List describes all keys, in the order in which they were made.
func (r *Ring) List() []Info {
	keys := r.now().keys
	list := make([]Info, len(keys))
	for i, k := range keys {
		list[i] = k.Info
	}
	return list
}

// Newest is the version with which a key encrypts what is new. name is an id, an alias (with or without "alias/"), or an ARN that ends in either; the empty name is DefaultKey's.
// NotFound or FailedPrecondition with KMS's own reason when there is none such, or it is disabled.
func (r *Ring) Newest(name string) (Key, error) {
	if name == "" {
		name = DefaultKey
	}
	k := r.now().byName[plainName(name)]
	if k == nil || k.ID == ServiceKey {
		return Key{}, notFound(name)
	}
	return k.version(len(k.secrets))
}

// Service is the newest version of the service's own key.
func (r *Ring) Service() (Key, error) {
	k := r.now().byName[ServiceKey]
	if k == nil {
		return Key{}, notFound(ServiceKey)
	}
	return k.version(len(k.secrets))
}

// Version is the version of a key that an object names. Errors are as Newest's.
func (r *Ring) Version(id string, version int) (Key, error) {
	k := r.now().byName[id]
	if k == nil || k.ID != id || version < 1 || version > len(k.secrets) {
		return Key{}, notFound(id)
	}
	return k.version(version)
}

func (k *opened) version(n int) (Key, error) {
	if !k.Enabled {
		return Key{}, errs.Newf(errs.FailedPrecondition, "%s is disabled.", k.ID).Because("KMS.DisabledException")
	}
	return Key{k.ID, n, k.secrets[n-1]}, nil
}

func notFound(name string) error {
	return errs.Newf(errs.NotFound, "Key '%s' does not exist", name).Because("KMS.NotFoundException")
}

// plainName takes an id or alias out of the other forms that clients know.
func plainName(name string) string {
	if strings.HasPrefix(name, "arn:") {
		if parts := strings.SplitN(name, ":", 6); len(parts) == 6 {
			name = strings.TrimPrefix(parts[5], "key/")
		}
	}
	return strings.TrimPrefix(name, "alias/")
}

// now is the table, read again when the file has changed. While the file cannot be read it stays what it was.
func (r *Ring) now() *table {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.o.Now()
	if now.Sub(r.looked) < lookEvery && !now.Before(r.looked) {
		return r.table
	}
	r.looked = now
	info, err := os.Stat(r.path)
	if err == nil && (!os.SameFile(info, r.seen) || info.Size() != r.seen.Size() || !info.ModTime().Equal(r.seen.ModTime())) {
		err = r.load()
	}
	if err != nil && !r.failed {
		r.o.Log.Error("the keyring cannot be read: it stays as it was", "file", r.path, "err", err)
	}
	r.failed = err != nil
	return r.table
}

// load reads the file.
func (r *Ring) load() error {
	info, err := os.Stat(r.path) // before its content: what is replaced in between is read again
	if err != nil {
		return errs.New(errs.InvalidArgument, "the keyring file cannot be read", err)
	}
	f, err := readFile(r.path)
	if err != nil {
		return err
	}
	t, err := f.open(r.box)
	if err != nil {
		return err
	}
	r.seen, r.table, r.looked = info, t, r.o.Now()
	return nil
}

// open opens every key.
func (f *file) open(box *seal.Box) (*table, error) {
	t := &table{id: f.ID, byName: map[string]*opened{}}
	for _, k := range f.Keys {
		o := &opened{Info: k.info()}
		for i, v := range k.Versions {
			secret, err := box.Open(sealContext(k.ID, i+1), v.Sealed)
			if err != nil || len(secret) != sse.KeySize {
				return nil, errs.New(errs.DataLoss, "a key of the keyring does not open with this master key", fmt.Errorf("key %s, version %d: %w", k.ID, i+1, err))
			}
			o.secrets = append(o.secrets, sse.Key(secret))
		}
		for _, name := range append(slices.Clone(k.Aliases), k.ID) {
			if t.byName[name] != nil {
				return nil, errs.Newf(errs.InvalidArgument, "the keyring file has the name %s twice", name)
			}
			t.byName[name] = o
		}
		t.keys = append(t.keys, o)
	}
	return t, nil
}

// sealContext is the place that one version is sealed for.
func sealContext(id string, version int) string { return fmt.Sprintf("kms/%s/%d", id, version) }
