package s3

import (
	"cmp"
	"net/http"

	"github.com/opensds/gelato/s3/catalog"
)

// shownVersion is the id of a version as clients see it.
func shownVersion(o catalog.Object) string { return cmp.Or(o.VersionID, catalog.NullVersion) }

// setVersion names the version that was read. A bucket that never had versions does not name any.
func setVersion(h http.Header, b catalog.Bucket, o catalog.Object) {
	if b.Versioning != "" || o.VersionID != "" {
		h["X-Amz-Version-Id"] = []string{shownVersion(o)}
	}
}

// setMade names the version that was made, if it has an id.
func setMade(h http.Header, o catalog.Object) {
	if o.VersionID != "" {
		h["X-Amz-Version-Id"] = []string{o.VersionID}
	}
}

// setMarker says of an answer that there is a delete marker in place of an object. Where it was named, it has a time and can be deleted
// (docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html).
func setMarker(h http.Header, o catalog.Object, named bool) {
	h["X-Amz-Delete-Marker"] = []string{"true"}
	h["X-Amz-Version-Id"] = []string{shownVersion(o)}
	if named {
		h["Allow"] = []string{http.MethodDelete}
		h["Last-Modified"] = []string{o.Modified.UTC().Format(http.TimeFormat)}
	}
}
