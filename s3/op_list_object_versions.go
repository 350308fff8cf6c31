package s3

import (
	"net/http"
	"strings"

	"github.com/opensds/gelato/s3/catalog"
)

func (s *Service) listObjectVersions(w http.ResponseWriter, r *request) error {
	l, err := readListing(r)
	if err != nil {
		return err
	}
	key, version := r.query.Get("key-marker"), r.query.Get("version-id-marker")
	switch {
	case strings.IndexByte(key, 0) >= 0:
		return fail("InvalidArgument", "key-marker must not have a NUL")
	case r.query.Has("version-id-marker") && key == "":
		return fail("InvalidArgument", "A version-id marker cannot be specified without a key marker.")
	case r.query.Has("version-id-marker") && !validVersion(version):
		return fail("InvalidArgument", "Invalid version id specified")
	}
	var page catalog.VersionPage
	if l.limit > 0 {
		page, err = s.catalog.ListVersions(r.Context(), catalog.VersionListing{Bucket: r.b, Prefix: l.prefix, Delimiter: l.delimiter, After: key, AfterVersion: version, Limit: l.limit})
		if err != nil {
			return err
		}
	}
	owner, err := s.listedOwners(r.Context(), r.b)
	if err != nil {
		return err
	}
	x := s.page()
	defer s.release(x)
	x.root("ListVersionsResult")
	x.text("Name", r.b.Name)
	x.encoded("Prefix", l.prefix, l.url)
	x.encoded("KeyMarker", key, l.url)
	x.text("VersionIdMarker", version)
	if page.More {
		x.encoded("NextKeyMarker", page.Next, l.url)
		x.optional("NextVersionIdMarker", page.NextVersion)
	}
	x.number("MaxKeys", int64(l.limit))
	if l.delimiter != "" {
		x.encoded("Delimiter", l.delimiter, l.url)
	}
	if l.url {
		x.text("EncodingType", "url")
	}
	x.truth("IsTruncated", page.More)
	for i := range page.Versions {
		o := &page.Versions[i]
		element := "Version"
		if o.DeleteMarker {
			element = "DeleteMarker"
		}
		x.open(element)
		x.encoded("Key", o.Key, l.url)
		x.text("VersionId", shownVersion(*o))
		x.truth("IsLatest", o.Latest)
		x.time("LastModified", o.Modified)
		if !o.DeleteMarker {
			x.etag(o.ETag)
			x.number("Size", o.Size)
			x.text("StorageClass", shownClass(o.StorageClass))
		}
		x.owner("Owner", owner(o))
		x.close(element)
	}
	for _, p := range page.CommonPrefixes {
		x.open("CommonPrefixes")
		x.encoded("Prefix", p, l.url)
		x.close("CommonPrefixes")
	}
	x.close("ListVersionsResult")
	return x.send(w, http.StatusOK)
}
