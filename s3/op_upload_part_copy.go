package s3

import (
	"net/http"
	"strings"

	"github.com/opensds/gelato/internal/checksum"
)

func (s *Service) uploadPartCopy(w http.ResponseWriter, r *request) error {
	u, n, store, err := s.partTarget(r)
	if err != nil {
		return err
	}
	src, err := s.source(r)
	s.logPart(r, copiedPart, src.bucket, src.key, src.version, err)
	if err != nil {
		return err
	}
	run, err := copyRange(r.Header.Get("X-Amz-Copy-Source-Range"), src.object.Size)
	if err != nil {
		return err
	}
	if run.length > maxPart {
		return fail("InvalidRequest", "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120")
	}
	seal, err := s.partEncryption(r, u)
	if err != nil {
		return err
	}
	seal.show(w.Header())
	src.setVersion(w.Header())
	return s.long(w, r, func() (func(*document), error) {
		body, err := s.openSource(r.Context(), src, run, wants{md5: true, algorithm: checksum.Algorithm(u.ChecksumAlgorithm)})
		if err != nil {
			return nil, err
		}
		defer body.Close()
		body.sealing = seal
		p, err := s.storePart(r.Context(), store, u, n, body.payload)
		modified := s.o.Now()
		return func(x *document) {
			x.top("CopyPartResult")
			x.time("LastModified", modified)
			x.etag(p.ETag)
			x.sums(p.Checksums)
			x.close("CopyPartResult")
		}, err
	})
}

// copyRange reads "bytes=first-last". Unlike a Range header it must be whole and within the source.
func copyRange(header string, size int64) (byteRange, error) {
	if header == "" {
		return byteRange{0, size}, nil
	}
	spec, ok := strings.CutPrefix(header, "bytes=")
	first, last, found := strings.Cut(spec, "-")
	from, fromOK := digits(first)
	to, toOK := digits(last)
	if !ok || !found || !fromOK || !toOK || to < from {
		return byteRange{}, fail("InvalidArgument", "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy")
	}
	if to >= size {
		return byteRange{}, fail("InvalidRange", "Range specified is not valid for source object of size: %d", size)
	}
	return byteRange{from, to - from + 1}, nil
}
