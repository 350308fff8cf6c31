package s3

import (
	"context"
	"fmt"
	"net/http"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/checksum"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/sse"
)

const maxPart = 5 << 30

func (s *Service) uploadPart(w http.ResponseWriter, r *request) error {
	u, n, store, err := s.partTarget(r)
	if err != nil {
		return err
	}
	body, err := s.payload(r, wants{md5: true, algorithm: checksum.Algorithm(u.ChecksumAlgorithm)})
	if err != nil {
		return err
	}
	if body.size < 0 || unsized(r) {
		return fail("MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	if u.ChecksumAlgorithm != "" && string(body.claim.algorithm) != u.ChecksumAlgorithm {
		return fail("InvalidRequest", "Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s", lowerHeader(u.ChecksumAlgorithm), lowerHeader(string(body.claim.algorithm)))
	}
	if body.sealing, err = s.partEncryption(r, u); err != nil {
		return err
	}
	p, err := s.storePart(r.Context(), store, u, n, body)
	if err != nil {
		return err
	}
	h := w.Header()
	body.sealing.show(h)
	h["Etag"] = []string{quoted(p.ETag)}
	setSums(h, catalog.Object{Checksums: p.Checksums})
	h["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusOK)
	return nil
}

// partTarget finds upload, part number and store of an UploadPart or UploadPartCopy.
func (s *Service) partTarget(r *request) (catalog.Upload, int, adapters.Store, error) {
	n, err := partNumber(r.query)
	if err != nil {
		return catalog.Upload{}, 0, nil, err
	}
	b := r.b
	u, err := s.catalog.Upload(r.Context(), b, r.key, r.query.Get("uploadId"))
	if err != nil {
		return u, 0, nil, err
	}
	store, err := s.places.Store(r.Context(), u.Location.BackendID)
	if err != nil {
		return u, 0, nil, storeFailed(err)
	}
	if most := store.Capabilities().MaxParts; most > 0 && n > most {
		return u, 0, nil, fail("InvalidArgument", "Part number must be an integer between 1 and %d, inclusive", most)
	}
	return u, n, store, nil
}

// storePart stores and records one part.
func (s *Service) storePart(ctx context.Context, store adapters.Store, u catalog.Upload, n int, body *payload) (catalog.UploadPart, error) {
	var p catalog.UploadPart
	salt := sse.NewSalt()
	c, err := s.load(body, body.size, salt)
	if err != nil {
		return p, err
	}
	if most := store.Capabilities().MaxPartSize; body.size > maxPart || most > 0 && c.size > most {
		return p, tooLarge()
	}
	native, err := store.PutPart(ctx, u.Location.NativeKey, u.NativeID, n, c.read, c.size, c.sums)
	if body.err != nil {
		return p, body.err
	}
	if errs.Is(err, errs.NotFound) {
		return p, fail("NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.")
	}
	if err != nil {
		return p, storeFailed(fmt.Errorf("store part: %w", err))
	}
	if err := c.drain(); err != nil {
		return p, err
	}
	p.N, p.Size, p.CRC64, p.ETag, p.Native = n, body.size, c.crc64(), c.etag(), native
	c.release()
	if native.CRC64 != p.CRC64 || native.Size != c.size {
		return p, storeFailed(errs.Newf(errs.DataLoss, "the store kept other bytes of a part than were sent"))
	}
	if d := body.result; d.Extra != nil {
		p.Checksums = map[string][]byte{string(body.claim.algorithm): d.Extra}
	}
	if body.sealing != nil {
		p.CipherSize, p.Salt = c.size, salt[:]
		if u.ChecksumAlgorithm == "" {
			p.Checksums = plainSum(body.result.CRC64)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	return p, s.catalog.PutPart(ctx, u, p)
}
