package s3

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/opensds/gelato/s3/catalog"
	"github.com/opensds/gelato/s3/postform"
	"github.com/opensds/gelato/s3/sigv4"
	"github.com/opensds/gelato/s3/tagging"
)

// postObject is the upload of a browser: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html. What the form's fields say takes the place of headers.
func (s *Service) postObject(w http.ResponseWriter, r *request) error {
	if !r.auth.Anonymous() {
		return fail("InvalidArgument", "Only one auth mechanism allowed; a form is authenticated by its fields")
	}
	form, err := postform.Read(&bodyReader{r: r, stall: s.o.StallTimeout, now: s.o.Now}, r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	policy, err := s.formPolicy(r, form)
	if err != nil {
		return err
	}
	r.key = form.Fields["key"]
	if r.key == "" {
		return fail("InvalidArgument", "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.")
	}
	if err := checkKey(r.key); err != nil {
		return err
	}
	r.Request = r.WithContext(r.Context()) // a copy, whose headers are replaced
	if r.Header, err = formHeaders(r.Header, form); err != nil {
		return err
	}
	if err := unbuiltFeature(r.Header); err != nil {
		return err
	}
	if err := s.authorize(r, access{action: "s3:PutObject", bucket: r.b, key: r.key}); err != nil {
		return err
	}
	if err := s.pays(w.Header(), r, r.b); err != nil {
		return err
	}
	setCause(r) // now that it is known who sends the form
	body, err := s.formPayload(r, postform.Limit(form.File, policy, maxObject))
	if err != nil {
		return err
	}
	done, err := s.put(r, body)
	if err != nil {
		return err
	}
	body.sealing.showContext(w.Header())
	return s.posted(w, r, form, done)
}

// formPolicy authenticates a form and judges it by its policy. A form without one is anonymous, and the policy nil.
func (s *Service) formPolicy(r *request, form *postform.Form) (*postform.Policy, error) {
	f := sigv4.Form{Policy: form.Fields["policy"], Signature: form.Fields["x-amz-signature"], Algorithm: form.Fields["x-amz-algorithm"],
		Credential: form.Fields["x-amz-credential"], Date: form.Fields["x-amz-date"], AccessKey: form.Fields["awsaccesskeyid"]}
	if f.AccessKey != "" && f.Signature == "" {
		f.Signature = form.Fields["signature"]
	}
	if f.Policy == "" {
		if f.Signature != "" || f.AccessKey != "" || f.Credential != "" {
			return nil, fail("InvalidArgument", "Bucket POST must contain a field named 'policy'.  If it is specified, please check the order of the fields.")
		}
		return nil, nil
	}
	var err error
	if r.auth, err = s.verifier.VerifyForm(r.Context(), f); err != nil {
		return nil, err
	}
	if form.Has("x-amz-security-token") {
		return nil, invalidToken()
	}
	policy, err := postform.ParsePolicy(f.Policy)
	if err != nil {
		return nil, err
	}
	return policy, policy.Check(form, r.bucket, s.o.Now())
}

// formHeaders are the headers that a PUT of the same object would have: those of the request but for what describes its body, and the fields.
func formHeaders(sent http.Header, form *postform.Form) (http.Header, error) {
	h := http.Header{}
	for name, values := range sent {
		if !strings.HasPrefix(name, "Content-") && !strings.HasPrefix(name, "X-Amz-") && !strings.HasPrefix(name, "If-") && name != "Cache-Control" && name != "Expires" {
			h[name] = values
		}
	}
	for name, value := range form.Fields {
		var err error
		switch name {
		case "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature", "x-amz-content-sha256":
		case "acl":
			err = checkHeader(name, value)
			h.Set("X-Amz-Acl", value)
		case "tagging":
			tags, err := tagging.Parse([]byte(value), tagging.Object)
			if err != nil {
				return nil, err
			}
			query := url.Values{}
			for k, v := range tags {
				query.Set(k, v)
			}
			h.Set("X-Amz-Tagging", query.Encode())
		case "cache-control", "content-type", "content-disposition", "content-encoding", "content-language", "expires":
			err = checkHeader(name, value)
			h.Set(name, value)
		default:
			if strings.HasPrefix(name, "x-amz-") {
				err = checkHeader(name, value)
				h.Set(name, value)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return h, nil
}

// posted answers as the form asks.
func (s *Service) posted(w http.ResponseWriter, r *request, form *postform.Form, o catalog.Object) error {
	location := "http://" + r.Host + "/" + (&url.URL{Path: r.key}).EscapedPath()
	if !r.virtual {
		location = "http://" + r.Host + "/" + r.bucket + "/" + (&url.URL{Path: r.key}).EscapedPath()
	}
	h := w.Header()
	h["Etag"] = []string{quoted(o.ETag)}
	setMade(h, o)
	setSums(h, o)
	target := form.Fields["success_action_redirect"]
	if target == "" {
		target = form.Fields["redirect"] // its old name
	}
	if to, ok := redirection(target, r, o); ok {
		h["Location"] = []string{to}
		h["Content-Length"] = []string{"0"}
		w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	h["Location"] = []string{location}
	switch form.Fields["success_action_status"] {
	case "200":
		h["Content-Length"] = []string{"0"}
		w.WriteHeader(http.StatusOK)
		return nil
	case "201":
		x := s.page()
		defer s.release(x)
		x.prolog()
		x.open("PostResponse")
		x.text("Location", location)
		x.text("Bucket", r.bucket)
		x.text("Key", r.key)
		x.etag(o.ETag)
		x.close("PostResponse")
		return x.send(w, http.StatusCreated)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// redirection is where a form sends the browser afterwards, which learns there what was made. What is no URL counts as none.
func redirection(target string, r *request, o catalog.Object) (string, bool) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", false
	}
	made := "bucket=" + url.QueryEscape(r.bucket) + "&key=" + url.QueryEscape(r.key) + "&etag=" + url.QueryEscape(quoted(o.ETag))
	if u.RawQuery != "" {
		made = u.RawQuery + "&" + made
	}
	u.RawQuery = made
	return u.String(), true
}
