package s3

import (
	"context"
	"net/http"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/catalog"
)

func (s *Service) deleteObject(w http.ResponseWriter, r *request) error {
	if err := nullVersion(r.query); err != nil {
		return err
	}
	for _, h := range [...]string{"X-Amz-If-Match-Last-Modified-Time", "X-Amz-If-Match-Size"} {
		if r.Header.Get(h) != "" {
			return notImplemented(h)
		}
	}
	b, err := s.bucketOf(r)
	if err != nil {
		return err
	}
	if err := s.remove(r.Context(), b, r.key, r.Header.Get("If-Match")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// remove deletes the current object under a key, if there is one and its ETag is the one given. To delete what is absent is no error.
func (s *Service) remove(ctx context.Context, b catalog.Bucket, key, ifMatch string) error {
	c := catalog.Condition{IfETag: bareETag(ifMatch)}
	if c.IfETag == "*" {
		o, err := s.catalog.Get(ctx, b, key)
		if err != nil {
			return err
		}
		c = catalog.Condition{IfRev: o.Rev}
	}
	_, err := s.catalog.Delete(ctx, b, key, c)
	if ifMatch == "" && errs.ReasonOf(err) == "NoSuchKey" {
		return nil
	}
	return err
}
