package s3

import (
	"cmp"
	"net/http"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/catalog"
)

func (s *Service) deleteObject(w http.ResponseWriter, r *request) error {
	version, err := versionOf(r.query)
	if err != nil {
		return err
	}
	for _, h := range [...]string{"X-Amz-If-Match-Last-Modified-Time", "X-Amz-If-Match-Size"} {
		if r.Header.Get(h) != "" {
			return notImplemented(h)
		}
	}
	done, err := s.remove(r, r.key, version, r.Header.Get("If-Match"))
	if err != nil {
		return err
	}
	h := w.Header()
	if done.Marker {
		h["X-Amz-Delete-Marker"] = []string{"true"}
	}
	if done.Marker || done.VersionID != "" {
		h["X-Amz-Version-Id"] = []string{cmp.Or(done.VersionID, catalog.NullVersion)}
	}
	return sendEmpty(w, http.StatusNoContent)
}

// remove deletes an object, the current one when version is empty, if there is one and its ETag is the one given. To delete what is absent is no error.
func (s *Service) remove(r *request, key, version, ifMatch string) (catalog.Deleted, error) {
	c := catalog.Condition{IfETag: bareETag(ifMatch), Owner: r.auth.User, Bypass: version != "" && s.bypasses(r, key, version)}
	done, err := s.catalog.Delete(r.Context(), r.b, key, version, c)
	if ifMatch == "" && errs.ReasonOf(err) == "NoSuchKey" {
		return done, nil
	}
	return done, err
}
