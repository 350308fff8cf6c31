package posix

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// An open upload is a folder in the hidden one: a file of JSON that describes it, and a file for each part, named by its number.
// Parts carry a record as objects do. The folder is made whole, and leaves whole, by a rename.
const uploadFile = "upload"

const maxParts = 10_000

type uploadRecord struct {
	Key      string                  `json:"key"` // in full
	Created  time.Time               `json:"created"`
	Headers  adapters.ContentHeaders `json:"headers"`
	Metadata map[string]string       `json:"metadata,omitempty"`
}

// CreateUpload implements adapters.Store.
func (s *Store) CreateUpload(ctx context.Context, key string, o adapters.PutOptions) (string, error) {
	full, err := s.beginWrite(ctx, key, o)
	if err != nil {
		return "", err
	}
	id := rand.Text()
	r := uploadRecord{Key: full, Created: time.Now().UTC(), Headers: o.Headers, Metadata: o.Metadata}
	if err := s.makeUpload(id, r); err != nil {
		return "", fail("create upload", err)
	}
	return id, nil
}

func (s *Store) makeUpload(id string, r uploadRecord) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if len(b) > maxRecord {
		return unix.E2BIG
	}
	staging := s.area.path + "/" + s.area.name()
	if err := s.root.Mkdir(staging, dirMode); err != nil {
		return err
	}
	if err = s.writeUpload(staging, b); err == nil {
		err = s.root.Rename(staging, uploadsPath+"/"+id)
	}
	if err != nil {
		s.root.RemoveAll(staging)
		return err
	}
	if s.sync {
		return s.folders.sync(uploadsPath + "/" + id)
	}
	return nil
}

func (s *Store) writeUpload(folder string, b []byte) error {
	f, err := s.root.OpenFile(folder+"/"+uploadFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil && s.sync {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// openUpload opens the folder of an upload. NotFound when there is none of this id and key.
func (s *Store) openUpload(full, id string) (*os.File, uploadRecord, error) {
	var r uploadRecord
	if !uploadID(id) {
		return nil, r, noUpload(id)
	}
	dir, err := s.root.Open(uploadsPath + "/" + id)
	if missing(err) {
		return nil, r, noUpload(id)
	}
	if err != nil {
		return nil, r, fail("open upload", err)
	}
	r, err = s.readUpload(id)
	if err == nil && r.Key != full {
		err = noUpload(id)
	}
	if err != nil {
		dir.Close()
		return nil, r, err
	}
	return dir, r, nil
}

// uploadID reports whether id has the form of one, and so is a name without surprises.
func uploadID(id string) bool {
	return len(id) == 26 && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

func (s *Store) readUpload(id string) (uploadRecord, error) {
	var r uploadRecord
	f, err := s.root.Open(uploadsPath + "/" + id + "/" + uploadFile)
	if missing(err) {
		return r, noUpload(id)
	}
	if err != nil {
		return r, fail("open upload", err)
	}
	defer f.Close()
	if err := json.NewDecoder(io.LimitReader(f, maxRecord)).Decode(&r); err != nil {
		return r, errs.New(errs.DataLoss, "the upload's description is damaged", err)
	}
	return r, nil
}

// AbortUpload implements adapters.Store.
func (s *Store) AbortUpload(ctx context.Context, key, uploadID string) error {
	full, err := s.beginWrite(ctx, key, adapters.PutOptions{})
	if err != nil {
		return err
	}
	unlock, err := s.area.locks.lock("upload " + uploadID)
	if err != nil {
		return fail("lock", err)
	}
	defer unlock()
	dir, _, err := s.openUpload(full, uploadID)
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	dir.Close()
	return fail("abort", s.dropUpload(uploadID))
}

// dropUpload takes the upload's folder away in one step, so that no part can be added, and removes it.
func (s *Store) dropUpload(id string) error {
	if !uploadID(id) {
		return nil
	}
	away := s.area.path + "/" + s.area.name()
	if err := s.root.Rename(uploadsPath+"/"+id, away); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if s.sync {
		if err := s.folders.sync(uploadsPath); err != nil {
			return err
		}
	}
	if err := s.root.RemoveAll(away); err != nil {
		s.log.Warn("the parts of an upload cannot be removed", "upload", id, "error", err)
	}
	return nil
}

// ListUploads implements adapters.Store.
func (s *Store) ListUploads(ctx context.Context, prefix string, limit int) ([]adapters.Upload, error) {
	if err := alive(ctx); err != nil {
		return nil, err
	}
	if limit < 1 {
		return nil, errs.New(errs.InvalidArgument, "limit must be positive", nil).Because("limit")
	}
	dir, err := s.root.Open(uploadsPath)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fail("open uploads", err)
	}
	defer dir.Close()
	var found []adapters.Upload
	for {
		names, err := dir.Readdirnames(256)
		for _, id := range names {
			if err := alive(ctx); err != nil {
				return nil, err
			}
			r, err := s.readUpload(id)
			if errs.Is(err, errs.NotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if !strings.HasPrefix(r.Key, s.prefix+prefix) {
				continue
			}
			if found = append(found, adapters.Upload{Key: r.Key[len(s.prefix):], ID: id, Created: r.Created}); len(found) == limit {
				return found, nil
			}
		}
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return nil, fail("list uploads", err)
		}
	}
}
