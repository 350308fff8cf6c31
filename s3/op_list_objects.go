package s3

import (
	"encoding/base64"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/opensds/gelato/s3/catalog"
)

const maxListed = 1000

// listing is what both versions of ListObjects ask for.
type listing struct {
	prefix, delimiter string
	limit             int
	url               bool // percent-encode keys
}

func readListing(r *request) (listing, error) {
	l := listing{prefix: r.query.Get("prefix"), delimiter: r.query.Get("delimiter")}
	switch r.query.Get("encoding-type") {
	case "":
	case "url":
		l.url = true
	default:
		return l, fail("InvalidArgument", "Invalid Encoding Method specified in Request")
	}
	for _, name := range [...]string{"prefix", "delimiter", "marker", "start-after"} {
		if strings.IndexByte(r.query.Get(name), 0) >= 0 {
			return l, fail("InvalidArgument", "%s must not have a NUL", name)
		}
	}
	var err error
	l.limit, err = intParam(r.query, "max-keys", maxListed, maxListed)
	return l, err
}

func (s *Service) page1(r *request, b catalog.Bucket, l listing, after string) (catalog.Page, error) {
	if l.limit == 0 {
		return catalog.Page{}, nil
	}
	return s.catalog.List(r.Context(), catalog.Listing{Bucket: b, Prefix: l.prefix, Delimiter: l.delimiter, After: after, Limit: l.limit})
}

func (s *Service) listObjects(w http.ResponseWriter, r *request) error {
	l, err := readListing(r)
	if err != nil {
		return err
	}
	b := r.b
	marker := r.query.Get("marker")
	page, err := s.page1(r, b, l, marker)
	if err != nil {
		return err
	}
	of, err := s.listedOwners(r.Context(), b)
	if err != nil {
		return err
	}
	x := s.page()
	defer s.release(x)
	x.root("ListBucketResult")
	x.text("Name", b.Name)
	x.encoded("Prefix", l.prefix, l.url)
	x.encoded("Marker", marker, l.url)
	if page.More && l.delimiter != "" {
		x.encoded("NextMarker", page.Next, l.url)
	}
	x.listing(l, page, of)
	x.close("ListBucketResult")
	return x.send(w, http.StatusOK)
}

func (s *Service) listObjectsV2(w http.ResponseWriter, r *request) error {
	if r.query.Get("list-type") != "2" {
		return fail("InvalidArgument", "Invalid list-type")
	}
	l, err := readListing(r)
	if err != nil {
		return err
	}
	b := r.b
	startAfter, given := r.query.Get("start-after"), r.query.Get("continuation-token")
	after := startAfter
	if given != "" {
		if after, err = token(given); err != nil || after == "" || !utf8.ValidString(after) || strings.IndexByte(after, 0) >= 0 {
			return fail("InvalidArgument", "The continuation token provided is incorrect")
		}
	}
	page, err := s.page1(r, b, l, after)
	if err != nil {
		return err
	}
	var of func(*catalog.Object) owner
	if r.query.Get("fetch-owner") == "true" {
		if of, err = s.listedOwners(r.Context(), b); err != nil {
			return err
		}
	}
	x := s.page()
	defer s.release(x)
	x.root("ListBucketResult")
	x.text("Name", b.Name)
	x.encoded("Prefix", l.prefix, l.url)
	if r.query.Has("continuation-token") {
		x.text("ContinuationToken", given)
	}
	if page.More {
		x.text("NextContinuationToken", base64.RawURLEncoding.EncodeToString([]byte(page.Next)))
	}
	if startAfter != "" {
		x.encoded("StartAfter", startAfter, l.url)
	}
	x.number("KeyCount", int64(len(page.Objects)+len(page.CommonPrefixes)))
	x.listing(l, page, of)
	x.close("ListBucketResult")
	return x.send(w, http.StatusOK)
}

// listing writes what both versions have in common. This is the hot loop of a listing: plain appends, nothing by reflection. of tells the
// owners of objects; nil leaves them out.
func (x *document) listing(l listing, page catalog.Page, of func(*catalog.Object) owner) {
	x.number("MaxKeys", int64(l.limit))
	if l.delimiter != "" {
		x.encoded("Delimiter", l.delimiter, l.url)
	}
	if l.url {
		x.text("EncodingType", "url")
	}
	x.truth("IsTruncated", page.More)
	for i := range page.Objects {
		o := &page.Objects[i]
		x.b = append(x.b, "<Contents>"...)
		x.encoded("Key", o.Key, l.url)
		x.time("LastModified", o.Modified)
		x.etag(o.ETag)
		x.number("Size", o.Size)
		x.text("StorageClass", shownClass(o.StorageClass))
		if of != nil {
			x.owner("Owner", of(o))
		}
		x.b = append(x.b, "</Contents>"...)
	}
	for _, p := range page.CommonPrefixes {
		x.b = append(x.b, "<CommonPrefixes>"...)
		x.encoded("Prefix", p, l.url)
		x.b = append(x.b, "</CommonPrefixes>"...)
	}
}
