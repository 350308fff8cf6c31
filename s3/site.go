package s3

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/website"
)

// browse answers a browser that asks for a page of a bucket's website. Websites have host names of their own and speak HTML; nobody signs here, so everything is as the
// bucket allows it to everyone. Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteEndpoints.html.
func (s *Service) browse(w http.ResponseWriter, r *request) error {
	r.operation = "Website"
	switch r.Method {
	case http.MethodGet:
		r.op = operationNamed(s.table, "GetObject")
	case http.MethodHead:
		r.op = operationNamed(s.table, "HeadObject")
	case http.MethodOptions:
		return s.preflight(w, r)
	default:
		return fail("MethodNotAllowed", "The specified method is not allowed against this resource.")
	}
	if err := checkKey(r.key); err != nil {
		return err
	}
	s.crossOrigin(w, r)
	r.query = nil // says nothing to a website
	b, err := s.catalog.Bucket(r.Context(), r.bucket)
	if err != nil {
		return err
	}
	c, err := settingOf(r.Context(), s, b, settingWebsite, parseWebsite)
	if err != nil {
		return err
	}
	if c == nil {
		return noWebsite()
	}
	q := website.Request{Scheme: scheme(r), Host: r.Host, Key: r.key}
	if to, ok := c.Before(q); ok {
		return sendTo(w, to)
	}
	err = s.show(w, r, c)
	if err == nil || w.(*answer).Written() {
		return err
	}
	status, code, message := render(err)
	if status < http.StatusBadRequest {
		return err
	}
	if to, ok := c.After(q, status); ok {
		return sendTo(w, to)
	}
	setSiteError(w.Header(), r, code, message)
	if c.Error == nil || status >= http.StatusInternalServerError {
		return err
	}
	return s.showError(w, r, c.Error.Key, status, err)
}

// show answers with the object that a key stands for, or sends the browser to the folder of that name.
func (s *Service) show(w http.ResponseWriter, r *request, c *website.Config) error {
	asked := r.key
	r.key = c.IndexKey(asked)
	err := s.fetch(w, r)
	if errs.ReasonOf(err) == "NoSuchKey" && r.key == asked {
		r.key = asked + "/" + c.Index.Suffix
		if _, missing := s.visible(w, r); missing == nil {
			return sendTo(w, website.Target{Status: http.StatusFound, Location: website.Path(asked + "/")})
		}
		r.key = asked
	}
	return s.conceal(w, r, err)
}

// fetch answers with an object, or sends the browser where the object says.
func (s *Service) fetch(w http.ResponseWriter, r *request) error {
	o, err := s.visible(w, r)
	if err != nil {
		return err
	}
	if o.Redirect != "" {
		return sendTo(w, website.Target{Status: http.StatusMovedPermanently, Location: o.Redirect})
	}
	return r.op.handler(s, w, r)
}

// visible finds an object that everyone may read.
func (s *Service) visible(w http.ResponseWriter, r *request) (catalog.Object, error) {
	if err := s.admit(w, r); err != nil {
		return catalog.Object{}, err
	}
	return s.look(r, r.b, r.key, "")
}

// showError answers with the page that a website has for errors.
func (s *Service) showError(w http.ResponseWriter, r *request, key string, status int, cause error) error {
	asked := r.key
	defer func() { r.key = asked }()
	r.key = key
	r.Request = r.WithContext(r.Context()) // a copy: what the browser says of the page that it asked for is not about this one
	r.Header = http.Header{}
	failed := s.conceal(w, r, s.fetch(&restated{w, status}, r))
	if failed == nil || w.(*answer).Written() {
		return failed
	}
	return &pageError{cause, failed, key}
}

// restated answers with a status of its own.
type restated struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *restated) WriteHeader(status int) {
	if status == http.StatusOK {
		status = w.status
	}
	w.ResponseWriter.WriteHeader(status)
}

// pageError is an error for which the website's page could not be had.
type pageError struct {
	error
	failed error
	key    string
}

func (e *pageError) Unwrap() error { return e.error }

// writeSiteError answers an error in HTML.
func (s *Service) writeSiteError(w http.ResponseWriter, r *request, err error) {
	status, code, message := render(err)
	s.logFailure(r, status, code, err)
	h := w.Header()
	if status == http.StatusNotModified {
		w.WriteHeader(status)
		return
	}
	setSiteError(h, r, code, message)
	h["Content-Type"] = []string{"text/html; charset=utf-8"}
	x := s.page()
	defer s.release(x)
	title := strconv.Itoa(status) + " " + http.StatusText(status)
	x.open("html")
	x.open("head")
	x.text("title", title)
	x.close("head")
	x.open("body")
	x.text("h1", title)
	x.points(code, message, r.key, "RequestId: "+r.id)
	if page, ok := errors.AsType[*pageError](err); ok {
		_, code, message := render(page.failed)
		x.text("h3", "An Error Occurred While Attempting to Retrieve a Custom Error Document")
		x.points(code, message, page.key)
	}
	x.b = append(x.b, "<hr/>"...)
	x.close("body")
	x.close("html")
	if r.Method == http.MethodHead {
		w.WriteHeader(status)
		return
	}
	_ = x.sendAs(w, status)
}

// points lists what there is to say of an error.
func (x *document) points(code, message, key string, more ...string) {
	x.open("ul")
	x.text("li", "Code: "+code)
	x.text("li", "Message: "+message)
	if code == "NoSuchKey" {
		x.text("li", "Key: "+printable(key))
	}
	for _, text := range more {
		x.text("li", text)
	}
	x.close("ul")
}

func setSiteError(h http.Header, r *request, code, message string) {
	h["X-Amz-Error-Code"] = []string{code}
	h["X-Amz-Error-Message"] = []string{message}
	if code == "NoSuchKey" {
		h["X-Amz-Error-Detail-Key"] = []string{strings.TrimPrefix(website.Path(r.key), "/")}
	}
}

func sendTo(w http.ResponseWriter, to website.Target) error {
	w.Header()["Location"] = []string{to.Location}
	return sendEmpty(w, to.Status)
}

// scheme is what a browser used, as what speaks TLS before the gateway tells.
func scheme(r *request) string {
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") { // believed of everyone: it comes back to the one who says it
		return "https"
	}
	return "http"
}

// redirectOf is where the object of a write sends who asks a website for it.
func redirectOf(h http.Header) (string, error) {
	location := h.Get("X-Amz-Website-Redirect-Location")
	if location == "" {
		return "", nil
	}
	if !utf8.ValidString(location) {
		return "", fail("InvalidRedirectLocation", "The website redirect location must be valid UTF-8.")
	}
	return location, website.CheckRedirect(location)
}
