package s3

import (
	"cmp"
	"net/http"
)

func (s *Service) listParts(w http.ResponseWriter, r *request) error {
	limit, err := intParam(r.query, "max-parts", 1000, 1000)
	if err != nil {
		return err
	}
	after, err := intParam(r.query, "part-number-marker", 0, maxParts)
	if err != nil {
		return err
	}
	b := r.b
	u, err := s.catalog.Upload(r.Context(), b, r.key, r.query.Get("uploadId"))
	if err != nil {
		return err
	}
	s.setAbortDate(w.Header(), r, u.Initiated)
	of, err := s.shownOwner(r.Context(), b, u.Attributes)
	if err != nil {
		return err
	}
	x := s.page()
	defer s.release(x)
	x.root("ListPartsResult")
	x.text("Bucket", b.Name)
	x.text("Key", r.key)
	x.text("UploadId", u.ID)
	x.owner("Initiator", s.users.shown(r.Context(), cmp.Or(u.Initiator, b.Owner)))
	x.owner("Owner", of)
	x.text("StorageClass", shownClass(u.StorageClass))
	x.number("PartNumberMarker", int64(after))
	x.number("MaxParts", int64(limit))
	x.optional("ChecksumAlgorithm", u.ChecksumAlgorithm)
	x.optional("ChecksumType", u.ChecksumType)
	last, more := after, false
	if limit > 0 {
		parts, rest, err := s.catalog.UploadParts(r.Context(), u, after, limit)
		if err != nil {
			return err
		}
		more = rest
		for _, p := range parts {
			last = p.N
			x.open("Part")
			x.number("PartNumber", int64(p.N))
			x.time("LastModified", p.Modified)
			x.etag(p.ETag)
			x.number("Size", p.Size)
			x.sums(p.Checksums)
			x.close("Part")
		}
	}
	if more {
		x.number("NextPartNumberMarker", int64(last))
	}
	x.truth("IsTruncated", more)
	x.close("ListPartsResult")
	return x.send(w, http.StatusOK)
}
