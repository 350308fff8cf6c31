package azureblob

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

// CreateUpload implements adapters.Store.
func (s *Store) CreateUpload(ctx context.Context, key string, o adapters.PutOptions) (string, error) {
	_, storable, err := s.native(key)
	if err != nil {
		return "", err
	}
	if storable != nil {
		return "", storable
	}
	if _, err := writeConditions(o); err != nil {
		return "", err
	}
	if o.StorageClass, err = s.tierOf(o.StorageClass); err != nil {
		return "", err
	}
	if _, _, err := describe(o, map[string]string{ownUpload: strings.Repeat("0", ownUploadBytes)}); err != nil {
		return "", err
	}
	return s.writeRecord(ctx, uploadRecord{Key: key, Headers: o.Headers, Metadata: o.Metadata, StorageClass: o.StorageClass})
}

// PutPart implements adapters.Store.
func (s *Store) PutPart(ctx context.Context, key, uploadID string, n int, r io.Reader, size int64, sums adapters.Sums) (adapters.Part, error) {
	name, storable, err := s.native(key)
	if err != nil {
		return adapters.Part{}, err
	}
	if storable != nil {
		return adapters.Part{}, noSuchUpload(storable)
	}
	upload, err := parseUploadID(uploadID)
	if err != nil {
		return adapters.Part{}, err
	}
	if err := adapters.CheckPart(n, maxParts, size, maxPartSize); err != nil {
		return adapters.Part{}, err
	}
	if size < 0 {
		return s.spool.PutPart(ctx, key, uploadID, n, r, sums)
	}
	if _, err := s.readRecord(ctx, key, uploadID); err != nil {
		return adapters.Part{}, fmt.Errorf("put part: %w", err)
	}
	id := newBlockID(upload, n, size == 0)
	b := s.body(ctx, kindPart, r, size, sums)
	var out blockblob.StageBlockResponse
	var checked bool
	if size == 0 {
		if err := b.Empty(); err != nil {
			return adapters.Part{}, fmt.Errorf("put part: read body: %w", err)
		}
		_, err = s.client.NewBlockBlobClient(name).StageBlock(ctx, id.String(), streaming.NopCloser(strings.NewReader("\x00")), nil)
	} else {
		o := &blockblob.StageBlockOptions{}
		o.TransactionalValidation, checked = s.validation(ctx, size, sums.CRC64)
		out, err = s.client.NewBlockBlobClient(name).StageBlock(ctx, id.String(), b, o)
	}
	if failed := b.Detach(); failed != nil {
		return adapters.Part{}, fmt.Errorf("put part: read body: %w", failed)
	}
	if err != nil {
		return adapters.Part{}, s.fail(ctx, "put part", err)
	}
	p := adapters.Part{N: n, Size: size, ETag: id.etag(), CRC64: b.CRC64(), MD5: b.MD5()}
	if size > 0 {
		if p.Verified, p.Proof, err = s.prove(kindPart, b, checked, out.ContentCRC64, out.ContentMD5); err != nil {
			return adapters.Part{}, fmt.Errorf("put part: %w", err)
		}
	}
	return p, nil
}

// AbortUpload implements adapters.Store. The blocks stay at the store, invisible, until the key is written again or 7 days are over.
func (s *Store) AbortUpload(ctx context.Context, key, uploadID string) error {
	if _, _, err := s.native(key); err != nil {
		return err
	}
	if _, err := parseUploadID(uploadID); err != nil {
		return nil // none of ours
	}
	if _, err := s.readRecord(ctx, key, uploadID); err != nil {
		if errs.Is(err, errs.NotFound) {
			return nil
		}
		return fmt.Errorf("abort upload: %w", err)
	}
	return s.dropRecord(ctx, uploadID)
}
