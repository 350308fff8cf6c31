package s3

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"
)

// formOf makes a form of names and values in turn, the file last.
func formOf(file []byte, fields ...string) (body []byte, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(fields); i += 2 {
		w.WriteField(fields[i], fields[i+1])
	}
	part, _ := w.CreateFormFile("file", "name.txt")
	part.Write(file)
	w.Close()
	return b.Bytes(), w.FormDataContentType()
}

// signedForm is a form that the root user allows by a policy of these conditions.
func signedForm(file []byte, conditions string, fields ...string) (body []byte, contentType string) {
	policy := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"expiration": %q, "conditions": [{"bucket": "forms"}, ["starts-with", "$key", ""]%s]}`,
		time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05Z"), conditions))
	h := hmac.New(sha1.New, []byte(rootSecret))
	h.Write([]byte(policy))
	return formOf(file, append([]string{"AWSAccessKeyId", rootKey, "policy", policy, "signature", base64.StdEncoding.EncodeToString(h.Sum(nil))}, fields...)...)
}

// post sends a form, in chunks whose number is not announced when size is not.
func (g *gateway) post(body []byte, contentType string, announced bool) (*http.Response, string) {
	g.t.Helper()
	var reader io.Reader = bytes.NewReader(body)
	if !announced {
		reader = io.MultiReader(reader)
	}
	r, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, g.url+"/forms", reader)
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return resp, string(text)
}

func TestPostObject(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.bucket("forms", "")
	large := bytes.Repeat([]byte("0123456789"), 300<<10)
	for _, c := range []struct {
		name   string
		file   []byte
		fields []string // name, value
		status int
		header string // name: value
		body   string // part of it
	}{
		{"plain", []byte("x"), nil, 204, "Location: " + g.url + "/forms/plain", ""},
		{"empty", nil, []string{"success_action_status", "200"}, 200, "Etag: \"d41d8cd98f00b204e9800998ecf8427e\"", ""},
		{"large", large, []string{"success_action_status", "201"}, 201, "Content-Type: application/xml",
			"<PostResponse><Location>" + g.url + "/forms/large</Location><Bucket>forms</Bucket><Key>large</Key><ETag>&quot;"},
		{"exactly one buffer", large[:smallBody], []string{"success_action_status", "404"}, 204, "", ""},
		{"a b/ü", []byte("x"), []string{"success_action_redirect", "https://example.org/done?a=b"}, 303,
			"Location: https://example.org/done?a=b&bucket=forms&key=a+b%2F%C3%BC&etag=%229dd4e461268c8034f5c8564e155c67a6%22", ""},
		{"no url", []byte("x"), []string{"redirect", "javascript:alert(1)"}, 204, "", ""},
	} {
		for _, announced := range []bool{true, false} {
			conditions := ""
			for i := 0; i < len(c.fields); i += 2 {
				conditions += fmt.Sprintf(`, ["eq", %q, %q]`, "$"+c.fields[i], c.fields[i+1])
			}
			body, kind := signedForm(c.file, conditions+`, {"content-type": "text/x"}, {"x-amz-meta-a": "b"}`, append([]string{"key", c.name, "Content-Type", "text/x", "x-amz-meta-a", "b"}, c.fields...)...)
			resp, text := g.post(body, kind, announced)
			name, value, _ := strings.Cut(c.header, ": ")
			if resp.StatusCode != c.status || name != "" && resp.Header.Get(name) != value || !strings.Contains(text, c.body) {
				t.Errorf("%s: got %d %v %s", c.name, resp.StatusCode, resp.Header, text)
			}
			got := g.send(call{method: "GET", path: "/forms/" + c.name})
			if !bytes.Equal(got.body, c.file) || got.header.Get("Content-Type") != "text/x" || got.header.Get("X-Amz-Meta-A") != "b" {
				t.Errorf("%s: got %d bytes back, %v", c.name, len(got.body), got.header)
			}
		}
	}
}

// A form that is refused, however late, leaves nothing behind.
func TestPostObjectRefused(t *testing.T) {
	t.Parallel()
	g := newGateway(t, Options{})
	g.bucket("forms", "")
	before := g.state()
	large := bytes.Repeat([]byte("0123456789"), 100<<10)
	cut := func(body []byte, kind string) ([]byte, string) { return body[:len(body)-20], kind }
	anonymous, anonymousKind := formOf([]byte("x"), "key", "k")
	noPolicy, noPolicyKind := formOf([]byte("x"), "key", "k", "AWSAccessKeyId", rootKey, "signature", "AAAA")
	type form struct {
		body []byte
		kind string
	}
	of := func(body []byte, kind string) form { return form{body, kind} }
	for _, c := range []struct {
		name   string
		form   form
		status int
		code   string
	}{
		{"anonymous", form{anonymous, anonymousKind}, 403, "AccessDenied"},
		{"no policy", form{noPolicy, noPolicyKind}, 400, "InvalidArgument"},
		{"no form", form{[]byte("x"), "text/plain"}, 400, "RequestIsNotMultiPartContent"},
		{"no key", of(signedForm([]byte("x"), "", "Key2", "k")), 403, "AccessDenied"},
		{"empty key", of(signedForm([]byte("x"), "", "key", "")), 400, "InvalidArgument"},
		{"long key", of(signedForm([]byte("x"), "", "key", strings.Repeat("k", 1025))), 400, "KeyTooLongError"},
		{"too large", of(signedForm(large, `, ["content-length-range", 0, 1000000]`, "key", "k")), 400, "EntityTooLarge"},
		{"too small", of(signedForm(large, `, ["content-length-range", 2000000, 3000000]`, "key", "k")), 400, "EntityTooSmall"},
		{"too small at once", of(signedForm([]byte("x"), `, ["content-length-range", 2, 3]`, "key", "k")), 400, "EntityTooSmall"},
		{"ends early", of(cut(signedForm(large, "", "key", "k"))), 400, "MalformedPOSTRequest"},
		{"wrong checksum", of(signedForm(large, "", "key", "k", "x-amz-checksum-crc32", "AAAAAA==")), 400, "BadDigest"},
		{"token", of(signedForm([]byte("x"), "", "key", "k", "x-amz-security-token", "x")), 400, "InvalidToken"},
		{"bad tags", of(signedForm([]byte("x"), `, ["starts-with", "$tagging", ""]`, "key", "k", "tagging", "<x/>")), 400, "MalformedXML"},
		{"metadata of two lines", of(signedForm([]byte("x"), `, ["starts-with", "$x-amz-meta-a", ""]`, "key", "k", "x-amz-meta-a", "1\nx-amz-acl: public-read")), 400, "InvalidArgument"},
		{"type of two lines", of(signedForm([]byte("x"), `, ["starts-with", "$content-type", ""]`, "key", "k", "Content-Type", "text/x\r\n\r\n<script>")), 400, "InvalidArgument"},
		{"no header", of(signedForm([]byte("x"), `, ["starts-with", "$x-amz-meta-a b", ""]`, "key", "k", "x-amz-meta-a b", "1")), 400, "InvalidArgument"},
		{"metadata", of(signedForm([]byte("x"), `, ["starts-with", "$x-amz-meta-a", ""]`, "key", "k", "x-amz-meta-a", strings.Repeat("m", 2049))), 400, "MetadataTooLarge"},
	} {
		if resp, text := g.post(c.form.body, c.form.kind, true); resp.StatusCode != c.status || !strings.Contains(text, "<Code>"+c.code+"</Code>") {
			t.Errorf("%s: got %d %s, want %d %s", c.name, resp.StatusCode, text, c.status, c.code)
		}
	}
	if after := g.state(); after != before {
		t.Errorf("got %s, want %s", after, before)
	}
}
