package s3

import (
	"net/http"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/catalog"
)

func (s *Service) putObject(w http.ResponseWriter, r *request) error {
	if r.query.Has("partNumber") || r.query.Has("versionId") {
		return fail("InvalidArgument", "This operation does not accept the query parameters partNumber and versionId without uploadId")
	}
	if unsized(r) {
		return fail("MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	body, err := s.payload(r, wants{md5: true})
	if err != nil {
		return err
	}
	done, err := s.put(r, body)
	if err != nil {
		return err
	}
	h := w.Header()
	h["Etag"] = []string{quoted(done.ETag)}
	setMade(h, done)
	setSums(h, done)
	s.setExpiration(h, r, done)
	body.sealing.showContext(h)
	h["Content-Length"] = []string{"0"}
	w.WriteHeader(http.StatusOK)
	return nil
}

// unsized reports whether a request tells nothing of its body: neither its length nor that it comes in chunks, which HTTP takes for an empty one and S3 for a mistake.
func unsized(r *request) bool {
	return r.ContentLength == 0 && r.Request.Header["Content-Length"] == nil
}

// put makes an object of a body, whose size may be unknown, and of what the headers say of it.
func (s *Service) put(r *request, body *payload) (catalog.Object, error) {
	b, o, cond, err := s.described(r)
	if err != nil {
		return o, err
	}
	if err := s.tag(r, &o); err != nil {
		return o, err
	}
	if body.sealing, err = s.encryptionOf(r, r.Header); err != nil {
		return o, err
	}
	o.Size = body.size
	if o.StorageClass, err = s.fits(r, b, o.Size); err != nil {
		return o, err
	}
	if err := s.already(r, b, cond); err != nil {
		return o, err
	}
	return s.store(r.Context(), b, o, body, cond)
}

// described reads what the headers of a write say of the new object.
func (s *Service) described(r *request) (catalog.Bucket, catalog.Object, catalog.Condition, error) {
	o := catalog.Object{Key: r.key, Headers: contentHeaders(r.Header)}
	cond, err := writeCondition(r.Header)
	if err != nil {
		return catalog.Bucket{}, o, cond, err
	}
	if o.Metadata, err = userMetadata(r.Header); err != nil {
		return catalog.Bucket{}, o, cond, err
	}
	if err := checkHeaders(o.Headers); err != nil {
		return catalog.Bucket{}, o, cond, err
	}
	if o.Redirect, err = redirectOf(r.Header); err != nil {
		return catalog.Bucket{}, o, cond, err
	}
	if err := s.lock(r, &o); err != nil {
		return r.b, o, cond, err
	}
	return r.b, o, cond, s.own(r, &o.Attributes)
}

// fits refuses what the backend cannot keep before a byte of it is read, and tells the storage class that the object will show.
func (s *Service) fits(r *request, b catalog.Bucket, size int64) (class string, err error) {
	store, err := s.places.Store(r.Context(), b.BackendID)
	if err != nil {
		return "", storeFailed(err)
	}
	c := store.Capabilities()
	if size > maxObject || c.CheckSize(size) != nil {
		return "", tooLarge()
	}
	return storageClass(r.Header, c)
}

func tooLarge() error {
	return fail("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
}

// already judges conditions before the body is sent. The commit judges them again.
func (s *Service) already(r *request, b catalog.Bucket, c catalog.Condition) error {
	if c == (catalog.Condition{}) {
		return nil
	}
	o, err := s.catalog.Get(r.Context(), b, r.key, "")
	if errs.Is(err, errs.NotFound) {
		return c.Check(nil)
	}
	if err != nil {
		return err
	}
	return c.Check(&o)
}
