package s3

import (
	"context"
	"net/http"
	"strings"

	"github.com/opensds/gelato/s3/catalog"
)

// getObjectAttributes answers what headers ask for: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html. It needs two permissions, of
// which the row of the table is one.
func (s *Service) getObjectAttributes(w http.ResponseWriter, r *request) error {
	version, err := versionOf(r.query)
	if err != nil {
		return err
	}
	read := access{action: "s3:GetObject", bucket: r.b, key: r.key, versionID: version}
	if version != "" {
		read.action = "s3:GetObjectVersion"
	}
	if err := s.authorize(r, read); err != nil {
		return err
	}
	wanted, err := wantedAttributes(r.Header)
	if err != nil {
		return err
	}
	limit, err := intHeader(r.Header, "X-Amz-Max-Parts", 1000, 1000)
	if err != nil {
		return err
	}
	after, err := intHeader(r.Header, "X-Amz-Part-Number-Marker", 0, maxParts)
	if err != nil {
		return err
	}
	o, err := s.head(r.Context(), r, r.b, r.key, version)
	if err != nil {
		if o.DeleteMarker {
			setMarker(w.Header(), o, version != "")
		}
		return err
	}
	setVersion(w.Header(), r.b, o)
	w.Header()["Last-Modified"] = []string{o.Modified.UTC().Format(http.TimeFormat)}
	if _, err := s.decryptionOf(r, ownKey(), o); err != nil {
		return err
	}
	if err := readConditions(r.Header, o); err != nil {
		return err
	}
	x := s.page()
	defer s.release(x)
	x.root("GetObjectAttributesResponse")
	if wanted["ETag"] {
		x.text("ETag", o.ETag) // without quotes here
	}
	if sums, kind := shownSums(o); wanted["Checksum"] && kind != "" {
		x.open("Checksum")
		for name, text := range sums {
			x.text("Checksum"+name, text)
		}
		x.text("ChecksumType", kind)
		x.close("Checksum")
	}
	if wanted["ObjectParts"] && o.PartCount > 0 {
		if err := s.objectParts(r.Context(), x, o, after, limit); err != nil {
			return err
		}
	}
	if wanted["StorageClass"] {
		x.text("StorageClass", shownClass(o.StorageClass))
	}
	if wanted["ObjectSize"] {
		x.number("ObjectSize", o.Size)
	}
	x.close("GetObjectAttributesResponse")
	w.Header()["Last-Modified"] = []string{o.Modified.UTC().Format(http.TimeFormat)}
	setVersion(w.Header(), r.b, o)
	return x.send(w, http.StatusOK)
}

// objectParts writes one page of the parts of a multipart object.
func (s *Service) objectParts(ctx context.Context, x *document, o catalog.Object, after, limit int) error {
	var parts []catalog.ObjectPart
	if limit > 0 {
		var err error
		if parts, err = s.catalog.Parts(ctx, o, after, limit+1); err != nil {
			return err
		}
	}
	more := len(parts) > limit
	parts = parts[:min(limit, len(parts))]
	x.open("ObjectParts")
	x.number("PartsCount", int64(o.PartCount))
	x.number("PartNumberMarker", int64(after))
	if len(parts) > 0 {
		after = parts[len(parts)-1].N
	}
	if more {
		x.number("NextPartNumberMarker", int64(after))
	}
	x.number("MaxParts", int64(limit))
	x.truth("IsTruncated", more)
	for _, p := range parts {
		x.open("Part")
		x.number("PartNumber", int64(p.N))
		x.number("Size", p.Size)
		x.sums(p.Checksums)
		x.close("Part")
	}
	x.close("ObjectParts")
	return nil
}

// wantedAttributes reads x-amz-object-attributes: a list with commas, perhaps with blanks, perhaps in several headers.
func wantedAttributes(h http.Header) (map[string]bool, error) {
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(strings.Join(h["X-Amz-Object-Attributes"], ","), ",") {
		switch name = strings.TrimSpace(name); name {
		case "ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize":
			wanted[name] = true
		case "":
		default:
			return nil, fail("InvalidArgument", "Invalid attribute name specified.")
		}
	}
	if len(wanted) == 0 {
		return nil, fail("InvalidArgument", "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty")
	}
	return wanted, nil
}
