package s3

import (
	"cmp"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/opensds/gelato/s3/catalog"
)

const maxUploads = 1000

// uploadsPage is one page of open uploads.
type uploadsPage struct {
	uploads         []catalog.Upload
	prefixes        []string
	more            bool
	lastKey, lastID string
}

func (s *Service) listMultipartUploads(w http.ResponseWriter, r *request) error {
	l, err := readListing(r)
	if err != nil {
		return err
	}
	limit, err := intParam(r.query, "max-uploads", maxUploads, maxUploads)
	if err != nil {
		return err
	}
	keyMarker, idMarker := r.query.Get("key-marker"), r.query.Get("upload-id-marker")
	if strings.IndexByte(keyMarker+idMarker, 0) >= 0 {
		return fail("InvalidArgument", "markers must not have a NUL")
	}
	if keyMarker == "" {
		idMarker = "" // which means nothing alone
	}
	b := r.b
	page, err := s.someUploads(r, b, l, keyMarker, idMarker, limit)
	if err != nil {
		return err
	}
	x := s.page()
	defer s.release(x)
	x.root("ListMultipartUploadsResult")
	x.text("Bucket", b.Name)
	x.encoded("KeyMarker", keyMarker, l.url)
	x.text("UploadIdMarker", idMarker)
	if page.more {
		x.encoded("NextKeyMarker", page.lastKey, l.url)
		x.text("NextUploadIdMarker", page.lastID)
	}
	x.encoded("Prefix", l.prefix, l.url)
	if l.delimiter != "" {
		x.encoded("Delimiter", l.delimiter, l.url)
	}
	if l.url {
		x.text("EncodingType", "url")
	}
	x.number("MaxUploads", int64(limit))
	x.truth("IsTruncated", page.more)
	for _, u := range page.uploads {
		of, err := s.shownOwner(r.Context(), b, u.Attributes)
		if err != nil {
			return err
		}
		x.open("Upload")
		x.encoded("Key", u.Key, l.url)
		x.text("UploadId", u.ID)
		x.owner("Initiator", s.users.shown(r.Context(), cmp.Or(u.Initiator, b.Owner)))
		x.owner("Owner", of)
		x.text("StorageClass", shownClass(u.StorageClass))
		x.time("Initiated", u.Initiated)
		x.optional("ChecksumAlgorithm", u.ChecksumAlgorithm)
		x.optional("ChecksumType", u.ChecksumType)
		x.close("Upload")
	}
	for _, p := range page.prefixes {
		x.open("CommonPrefixes")
		x.encoded("Prefix", p, l.url)
		x.close("CommonPrefixes")
	}
	x.close("ListMultipartUploadsResult")
	return x.send(w, http.StatusOK)
}

// someUploads reads uploads by key, rolling up those whose keys share a run up to the delimiter.
func (s *Service) someUploads(r *request, b catalog.Bucket, l listing, afterKey, afterID string, limit int) (uploadsPage, error) {
	var page uploadsPage
	if limit == 0 {
		return page, nil
	}
	if l.delimiter != "" && strings.HasPrefix(afterKey, l.prefix) && strings.HasSuffix(afterKey, l.delimiter) && afterID == "" {
		afterKey += string(utf8.MaxRune) // a common prefix was the last of the page before
	}
	for more := true; more; {
		uploads, rest, err := s.catalog.Uploads(r.Context(), b, l.prefix, afterKey, afterID, maxUploads)
		if err != nil {
			return page, err
		}
		more = rest && len(uploads) > 0
		for _, u := range uploads {
			afterKey, afterID = u.Key, u.ID
			common, rolled := rollUp(u.Key, l)
			if rolled && page.lastKey == common && page.lastID == "" {
				continue
			}
			if len(page.uploads)+len(page.prefixes) == limit {
				page.more = true
				return page, nil
			}
			if !rolled {
				page.uploads = append(page.uploads, u)
				page.lastKey, page.lastID = u.Key, u.ID
				continue
			}
			page.prefixes = append(page.prefixes, common)
			page.lastKey, page.lastID = common, ""
		}
	}
	return page, nil
}

// rollUp gives the common prefix that a key disappears in.
func rollUp(key string, l listing) (common string, rolled bool) {
	if l.delimiter == "" {
		return "", false
	}
	at := strings.Index(key[len(l.prefix):], l.delimiter)
	if at < 0 {
		return "", false
	}
	return key[:len(l.prefix)+at+len(l.delimiter)], true
}
