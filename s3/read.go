package s3

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/catalog"
)

const maxResumes = 5 // in a row, without a byte in between

// objectReader reads a run of bytes of the blob of one version of an object, wherever the version is: when its blob goes away or the connection to the store breaks, it
// reads the head again and goes on at the same byte. It fails when the version itself is gone.
type objectReader struct {
	ctx    context.Context
	s      *Service
	bucket catalog.Bucket
	object catalog.Object
	next   int64 // offset of the next byte
	left   int64
	body   io.ReadCloser
	failed int
}

// open opens [offset, offset+length) of the blob of o, length > 0. NotFound, with the store's reason, when the blob is not where o says.
func (s *Service) open(ctx context.Context, b catalog.Bucket, o catalog.Object, offset, length int64) (*objectReader, error) {
	r := &objectReader{ctx: ctx, s: s, bucket: b, object: o, next: offset, left: length}
	return r, r.connect()
}

func (r *objectReader) connect() error {
	store, err := r.s.places.Store(r.ctx, r.object.Location.BackendID)
	if err != nil {
		return storeFailed(err)
	}
	ifMatch := ""
	if r.object.Location.BlobID == "" { // an adopted object can change from outside
		ifMatch = r.object.Location.NativeETag
	}
	want := adapters.Range{Offset: r.next, Length: r.left}
	if r.next == 0 && r.left == r.object.BlobSize() {
		want = adapters.Range{}
	}
	body, info, err := store.Get(r.ctx, r.object.Location.NativeKey, want, ifMatch)
	if err != nil {
		return fmt.Errorf("open blob: %w", err)
	}
	if info.Size != r.object.BlobSize() {
		body.Close()
		return errs.Newf(errs.DataLoss, "a blob has %d bytes, not %d", info.Size, r.object.BlobSize())
	}
	r.body = body
	return nil
}

// Read implements io.Reader.
func (r *objectReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > r.left {
		p = p[:r.left]
	}
	for {
		if r.body != nil {
			n, err := r.body.Read(p)
			r.next += int64(n)
			r.left -= int64(n)
			if n > 0 {
				r.failed = 0
				return n, nil
			}
			if err == nil {
				continue
			}
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			r.body.Close()
			r.body = nil
			if err := r.resume(err); err != nil {
				return 0, err
			}
			continue
		}
		if err := r.connect(); err != nil {
			if err := r.resume(err); err != nil {
				return 0, err
			}
		}
	}
}

// resume decides after a failure whether to go on: the version must still be there, and either have moved or the failure be one that may pass.
func (r *objectReader) resume(cause error) error {
	r.failed++
	if r.failed > maxResumes || r.ctx.Err() != nil {
		return fmt.Errorf("read object: %w", cause)
	}
	now, err := r.s.catalog.Get(r.ctx, r.bucket, r.object.Key, shownVersion(r.object))
	if err != nil {
		return fmt.Errorf("read object: %w", errors.Join(cause, err))
	}
	if !sameVersion(r.object, now) {
		return fmt.Errorf("read object: it was replaced: %w", cause)
	}
	moved := now.Location != r.object.Location
	r.object = now
	if !moved && errs.Is(cause, errs.NotFound) {
		return errs.New(errs.DataLoss, "a blob is gone", cause)
	}
	return nil
}

// sameVersion reports whether two heads have the same bytes and describe them in the same way to the client.
func sameVersion(a, b catalog.Object) bool {
	if a.CRC64 != nil && b.CRC64 != nil && *a.CRC64 != *b.CRC64 {
		return false
	}
	return a.Size == b.Size && a.ETag == b.ETag && a.Modified.Equal(b.Modified)
}

// Close implements io.Closer.
func (r *objectReader) Close() error {
	if r.body == nil {
		return nil
	}
	return r.body.Close()
}
