package s3

import (
	"net/http"
	"strconv"

	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/tagging"
)

// tag gives a new object the tags of the request's header, which the caller must be allowed to set.
func (s *Service) tag(r *request, o *catalog.Object) error {
	set, err := tagging.ParseHeader(r.Header.Get("X-Amz-Tagging"))
	if err != nil || len(set) == 0 {
		return err
	}
	o.Tags = set
	return s.authorize(r, access{action: "s3:PutObjectTagging", bucket: r.b, key: r.key, creates: true})
}

// copyTags gives a copy the tags of its source, unless the request replaces them. They are read and set like any others: the caller must be allowed to.
func (s *Service) copyTags(r *request, o *catalog.Object, src copySource) error {
	switch r.Header.Get("X-Amz-Tagging-Directive") {
	case "", "COPY":
		o.Tags = src.object.Tags
	case "REPLACE":
		return s.tag(r, o)
	default:
		return fail("InvalidArgument", "Unknown tagging directive.")
	}
	if len(o.Tags) == 0 {
		return nil
	}
	from := access{action: "s3:GetObjectTagging", bucket: src.bucket, key: src.object.Key, versionID: src.version}
	if src.version != "" {
		from.action = "s3:GetObjectVersionTagging"
	}
	if err := s.authorize(r, from); err != nil {
		return err
	}
	return s.authorize(r, access{action: "s3:PutObjectTagging", bucket: r.b, key: r.key, creates: true})
}

// setTagCount tells who may see the tags of an object how many it has.
func (s *Service) setTagCount(h http.Header, r *request, o catalog.Object) {
	if len(o.Tags) == 0 {
		return
	}
	a := access{action: "s3:GetObjectTagging", bucket: r.b, key: r.key, versionID: r.query.Get("versionId")}
	if a.versionID != "" {
		a.action = "s3:GetObjectVersionTagging"
	}
	if s.authorize(r, a) == nil {
		h["X-Amz-Tagging-Count"] = []string{strconv.Itoa(len(o.Tags))}
	}
}

// parseBucketTags reads the tags of a bucket as they are stored.
func parseBucketTags(text []byte) (*tagging.Set, error) {
	set, err := tagging.Parse(text, tagging.Bucket)
	return &set, err
}
