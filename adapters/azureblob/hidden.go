package azureblob

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/internal/errs"
)

// An open upload is a hidden blob, named by the upload's id, that holds what the object will have beside its bytes.

// uploadRecord is its content.
type uploadRecord struct {
	Key          string                  `json:"key"`
	Headers      adapters.ContentHeaders `json:"headers"`
	Metadata     map[string]string       `json:"metadata"`
	StorageClass string                  `json:"storageClass"`
}

// maxRecord is more than any record has.
const maxRecord = 64 << 10

func noSuchUpload(cause error) error {
	return errs.New(errs.NotFound, "there is no such upload", cause).Because("NoSuchUpload")
}

// parseUploadID refuses what CreateUpload cannot have returned.
func parseUploadID(id string) (raw [16]byte, err error) {
	if len(id) != 32 || strings.ToLower(id) != id {
		return raw, noSuchUpload(nil)
	}
	if _, err := hex.Decode(raw[:], []byte(id)); err != nil {
		return raw, noSuchUpload(nil)
	}
	return raw, nil
}

func (s *Store) recordName(id string) string { return s.prefix + hidden + id }

// writeRecord opens an upload and returns its id.
func (s *Store) writeRecord(ctx context.Context, r uploadRecord) (string, error) {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	id := hex.EncodeToString(raw[:])
	text, err := json.Marshal(r)
	if err != nil {
		return "", errs.New(errs.InvalidArgument, "the headers or metadata cannot be kept", err)
	}
	key := httpstore.EncodeValue(r.Key)
	_, err = s.client.NewBlockBlobClient(s.recordName(id)).Upload(ctx, streaming.NopCloser(strings.NewReader(string(text))), &blockblob.UploadOptions{
		Metadata: map[string]*string{ownKey: &key},
	})
	if err != nil {
		return "", s.fail(ctx, "create upload", err)
	}
	return id, nil
}

// readRecord reads the record of an open upload of a key. NotFound when it is none.
func (s *Store) readRecord(ctx context.Context, key, id string) (uploadRecord, error) {
	var r uploadRecord
	out, err := s.client.NewBlobClient(s.recordName(id)).DownloadStream(ctx, nil)
	if err != nil {
		if err = s.fail(ctx, "look for the upload", err); errs.Is(err, errs.NotFound) {
			return r, noSuchUpload(err)
		}
		return r, err
	}
	defer out.Body.Close()
	text, err := io.ReadAll(io.LimitReader(httpstore.NewDownload(ctx, out.Body, value(out.ContentLength)), maxRecord))
	if err != nil {
		return r, fmt.Errorf("look for the upload: %w", err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, errs.New(errs.Internal, "the record of the upload is malformed", err)
	}
	if r.Key != key {
		return r, noSuchUpload(nil)
	}
	return r, nil
}

// dropRecord closes an upload. One that is not open is no error.
func (s *Store) dropRecord(ctx context.Context, id string) error {
	_, err := s.client.NewBlobClient(s.recordName(id)).Delete(ctx, nil)
	if err == nil {
		return nil
	}
	if err = s.fail(ctx, "close the upload", err); errs.Is(err, errs.NotFound) {
		return nil
	}
	return err
}

// ListUploads implements adapters.Store.
func (s *Store) ListUploads(ctx context.Context, prefix string, limit int) ([]adapters.Upload, error) {
	if limit < 1 {
		return nil, errs.Newf(errs.InvalidArgument, "the limit must be 1 or more")
	}
	top := s.prefix + hidden
	o := container.ListBlobsFlatOptions{Prefix: &top, Include: container.ListBlobsInclude{Metadata: true}}
	var uploads []adapters.Upload
	for {
		items, next, err := s.page(ctx, &o)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			id := strings.TrimPrefix(*item.Name, top)
			if _, err := parseUploadID(id); err != nil {
				continue
			}
			key := undescribe(&adapters.Info{}, item.Metadata)[ownKey]
			if !strings.HasPrefix(key, prefix) || key == "" {
				continue
			}
			u := adapters.Upload{Key: key, ID: id}
			if item.Properties != nil {
				u.Created = utc(item.Properties.LastModified)
			}
			if uploads = append(uploads, u); len(uploads) == limit {
				return uploads, nil
			}
		}
		if next == "" {
			return uploads, nil
		}
		o.Marker = &next
	}
}
