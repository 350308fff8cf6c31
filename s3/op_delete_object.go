package s3

import (
	"context"
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
	b := r.b
	if err := s.remove(r.Context(), b, r.key, version, r.Header.Get("If-Match")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// remove deletes an object, the current one when version is empty, if there is one and its ETag is the one given. To delete what is absent is no error.
func (s *Service) remove(ctx context.Context, b catalog.Bucket, key, version, ifMatch string) error {
	_, err := s.catalog.Delete(ctx, b, key, version, catalog.Condition{IfETag: bareETag(ifMatch)})
	if ifMatch == "" && errs.ReasonOf(err) == "NoSuchKey" {
		return nil
	}
	return err
}
