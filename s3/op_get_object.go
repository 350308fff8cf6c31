package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/opensds/gelato/internal/docstore"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/catalog"
)

// selection is what a GET or HEAD asks for of an object.
type selection struct {
	byteRange
	partial bool                // 206 with a Content-Range
	part    *catalog.ObjectPart // when a part was asked for
	sealing *sealing            // nil when the object is not encrypted
}

func (s *Service) getObject(w http.ResponseWriter, r *request) error {
	b := r.b
	for attempt := 0; ; attempt++ {
		o, sel, err := s.selected(w.Header(), r, b)
		if err != nil {
			return err
		}
		if sel.length == 0 {
			s.describe(w.Header(), r, o, sel)
			w.WriteHeader(http.StatusOK)
			return nil
		}
		body, err := s.openObject(r.Context(), b, o, sel.sealing, sel.byteRange)
		if err != nil {
			if now, again := s.catalog.Get(r.Context(), b, r.key, r.query.Get("versionId")); attempt < maxResumes && (again != nil || now.Location != o.Location) {
				if err := s.admit(w, r); err != nil { // it may be another one, which the caller may not read
					return err
				}
				continue // its bytes moved or it was replaced since: ask again
			}
			return storeFailed(err)
		}
		defer body.Close()
		s.describe(w.Header(), r, o, sel)
		w.WriteHeader(sel.status())
		return s.pour(w, r, body, sel.length)
	}
}

func (s *Service) headObject(w http.ResponseWriter, r *request) error {
	b := r.b
	o, sel, err := s.selected(w.Header(), r, b)
	if err != nil {
		return err
	}
	s.describe(w.Header(), r, o, sel)
	w.WriteHeader(sel.status())
	return nil
}

func (sel selection) status() int {
	if sel.partial {
		return http.StatusPartialContent
	}
	return http.StatusOK
}

// selected reads the head, judges conditions and finds the bytes asked for.
func (s *Service) selected(h http.Header, r *request, b catalog.Bucket) (catalog.Object, selection, error) {
	var sel selection
	version, err := versionOf(r.query)
	if err != nil {
		return catalog.Object{}, sel, err
	}
	if err := overridable(r); err != nil {
		return catalog.Object{}, sel, err
	}
	o, err := s.head(r.Context(), r, b, r.key, version)
	if err != nil {
		if o.DeleteMarker {
			setMarker(h, o, version != "")
		}
		return o, sel, err
	}
	seal, sealErr := s.decryptionOf(r, ownKey(), o)
	if sealErr != nil && !r.query.Has("partNumber") { // that a part is not there is told before
		return o, sel, sealErr
	}
	if err := readConditions(r.Header, o); err != nil {
		h["Etag"] = []string{quoted(o.ETag)}
		h["Last-Modified"] = []string{o.Modified.UTC().Format(http.TimeFormat)}
		return o, sel, err
	}
	sel.length, sel.sealing = o.Size, seal
	header := r.Header.Get("Range")
	if v := r.Header.Get("If-Range"); header != "" && v != "" && !unchanged(v, o) {
		header = ""
	}
	if r.query.Has("partNumber") {
		if header != "" {
			return o, sel, fail("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
		}
		n, err := partNumber(r.query)
		if err == nil {
			sel, err = s.partOf(r.Context(), o, n)
		}
		if err == nil {
			err = sealErr
		}
		sel.sealing = seal
		return o, sel, err
	}
	if header != "" {
		run, ok, err := parseRange(header, o.Size)
		if err != nil {
			h["Content-Range"] = []string{fmt.Sprintf("bytes */%d", o.Size)}
			return o, sel, err
		}
		if ok {
			sel.byteRange, sel.partial = run, true
		}
	}
	return o, sel, nil
}

// partOf finds part n. An object that was put at once has one part, itself.
func (s *Service) partOf(ctx context.Context, o catalog.Object, n int) (selection, error) {
	missing := fail("InvalidPartNumber", "The requested partnumber is not satisfiable")
	if o.PartCount == 0 {
		if n != 1 {
			return selection{}, missing
		}
		return selection{byteRange: byteRange{0, o.Size}, partial: o.Size > 0}, nil
	}
	offset := int64(0)
	for after := 0; ; {
		parts, err := s.catalog.Parts(ctx, o, after, 1000)
		if err != nil {
			return selection{}, err
		}
		for _, p := range parts {
			if p.N == n {
				return selection{byteRange: byteRange{offset, p.Size}, partial: p.Size > 0, part: &p}, nil
			}
			offset += p.Size
			after = p.N
		}
		if len(parts) == 0 || after > n {
			return selection{}, missing
		}
	}
}

// describe sets all headers of the answer.
func (s *Service) describe(h http.Header, r *request, o catalog.Object, sel selection) {
	setObject(h, o)
	setVersion(h, r.b, o)
	s.setLock(h, r, o)
	s.setConfigured(h, r, o)
	sel.sealing.show(h)
	h["Content-Length"] = []string{strconv.FormatInt(sel.length, 10)}
	h["X-Gelato-Backend"] = []string{s.backendName(r.Context(), o.Location.BackendID)}
	if sel.partial {
		h["Content-Range"] = []string{"bytes " + strconv.FormatInt(sel.offset, 10) + "-" + strconv.FormatInt(sel.offset+sel.length-1, 10) + "/" + strconv.FormatInt(o.Size, 10)}
	}
	if r.query.Has("partNumber") && o.PartCount > 0 {
		h["X-Amz-Mp-Parts-Count"] = []string{strconv.Itoa(o.PartCount)}
	}
	if r.Header.Get("X-Amz-Checksum-Mode") != "" {
		switch {
		case sel.part != nil:
			setSums(h, catalog.Object{Checksums: sel.part.Checksums, ChecksumType: o.ChecksumType})
		case sel.length == o.Size:
			setSums(h, o)
		}
	}
	if len(r.query) == 0 {
		return
	}
	for _, name := range [...]string{"Content-Type", "Content-Language", "Expires", "Cache-Control", "Content-Disposition", "Content-Encoding"} {
		if v := r.query.Get("response-" + lowerHeader(name)); v != "" {
			h[name] = []string{v}
		}
	}
}

// overridable refuses response-* parameters of anonymous requests: they must be signed.
func overridable(r *request) error {
	if !r.auth.Anonymous() {
		return nil
	}
	for name := range r.query {
		if strings.HasPrefix(name, "response-") {
			return fail("InvalidRequest", "Request specific response headers cannot be used for anonymous GET requests.")
		}
	}
	return nil
}

func lowerHeader(name string) string {
	b := []byte(name)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// pour copies the body out, with a limit for each wait on the client.
func (s *Service) pour(w http.ResponseWriter, r *request, body io.Reader, length int64) error {
	pool, size := &s.small, int64(smallBuffer)
	if length > smallBody {
		pool, size = &s.large, copyBuffer
	}
	buf := buffer(pool, int(size))
	defer pool.Put(buf)
	for sent := int64(0); sent < length; {
		n, err := body.Read(*buf)
		if n > 0 {
			if sent > 0 {
				s.patience(r)
			}
			if _, err := w.Write((*buf)[:n]); err != nil {
				return clientGone(err)
			}
			sent += int64(n)
		}
		if err != nil && sent < length {
			return err
		}
	}
	return nil
}

func clientGone(err error) error {
	text := "the client closed the connection"
	if errors.Is(err, os.ErrDeadlineExceeded) {
		text = "the client did not read in time"
	}
	return errs.New(errs.Canceled, text, err)
}

// versionOf is the version that a query names, empty for none.
func versionOf(q url.Values) (string, error) {
	if q.Has("versionId") && q.Get("versionId") == "" {
		return "", fail("InvalidArgument", "Version id cannot be the empty string")
	}
	version := q.Get("versionId")
	if version != "" && !validVersion(version) {
		return "", fail("InvalidArgument", "Invalid version id specified")
	}
	return version, nil
}

// validVersion reports whether a text has the form of a version id.
func validVersion(id string) bool {
	return id == catalog.NullVersion || docstore.CheckRev(docstore.Rev(id)) == nil
}

func partNumber(q url.Values) (int, error) {
	n, err := strconv.Atoi(q.Get("partNumber"))
	if err != nil || n < 1 || n > maxParts {
		return 0, fail("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
	}
	return n, nil
}
