package obstranslator_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/obstranslator"
)

// ask signs and sends one request. signed is everything between the date and the end of what is signed.
func ask(t *testing.T, method, url, body, signed string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	date := time.Now().UTC().Format(http.TimeFormat)
	mac := hmac.New(sha1.New, []byte(obstranslator.Secret))
	io.WriteString(mac, method+"\n\n\n"+date+"\n"+signed)
	req.Header.Set("Date", date)
	req.Header.Set("Authorization", "OBS "+obstranslator.Access+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func TestTranslation(t *testing.T) {
	t.Parallel()
	srv := testbed.Versity(t, testbed.VersityOptions{})
	srv.CreateBucket("bucket")
	s := obstranslator.Start(t, srv.S3())
	base := s.Endpoint + "/bucket/"

	resp, body := ask(t, "PUT", base+"a%20b%2Bc", "bytes", "x-obs-meta-colour:blue\nx-obs-storage-class:STANDARD\n/bucket/a%20b%2Bc", func(r *http.Request) {
		r.Header.Set("x-obs-meta-colour", "blue")
		r.Header.Set("x-obs-storage-class", "STANDARD")
	})
	if resp.StatusCode != http.StatusOK || resp.Header.Get("ETag") != `"4b3a6218bb3e3a7303e8a171a60fcf92"` {
		t.Fatalf("PUT = %s, ETag %s, %s", resp.Status, resp.Header.Get("ETag"), body)
	}
	resp, body = ask(t, "GET", base+"a%20b%2Bc", "", "/bucket/a%20b%2Bc", func(r *http.Request) { r.Header.Set("Range", "bytes=1-2") })
	if resp.StatusCode != http.StatusPartialContent || body != "yt" || resp.Header.Get("x-obs-meta-colour") != "blue" {
		t.Errorf("GET = %s, %q, %v", resp.Status, body, resp.Header)
	}
	// The bucket in the host name, and a query that is not signed.
	resp, body = ask(t, "GET", s.Endpoint+"/?prefix=a+b&encoding-type=url", "", "/bucket/", func(r *http.Request) { r.Host = "bucket." + obstranslator.Domain })
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "http://obs.myhwclouds.com/doc/2015-06-30/") || !strings.Contains(body, "<Size>5</Size>") {
		t.Errorf("list = %s, %s", resp.Status, body)
	}
	resp, _ = ask(t, "HEAD", base+"absent", "", "/bucket/absent", nil)
	if resp.StatusCode != http.StatusNotFound || resp.Header.Get("x-obs-error-code") != "NoSuchKey" {
		t.Errorf("HEAD of an absent object = %s, %v", resp.Status, resp.Header)
	}
	for name := range resp.Header {
		if strings.HasPrefix(name, "X-Amz-") {
			t.Errorf("an answer of OBS has the header %s", name)
		}
	}
	if s.Served() != 4 || s.Refused() != 0 {
		t.Errorf("served %d, refused %d, want 4 and 0", s.Served(), s.Refused())
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	upstream := testbed.S3Server{Endpoint: "http://127.0.0.1:1"} // nothing may reach it
	s := obstranslator.Start(t, upstream.S3())
	for _, c := range []struct {
		name, signed, want string
		change             func(*http.Request)
	}{
		{"another key", "/bucket/other", "SignatureDoesNotMatch", nil},
		{"a header that is not signed", "/bucket/k", "SignatureDoesNotMatch", func(r *http.Request) { r.Header.Set("x-obs-acl", "private") }},
		{"a subresource that is not signed", "/bucket/k", "SignatureDoesNotMatch", func(r *http.Request) { r.URL.RawQuery = "uploads" }},
		{"another method", "/bucket/k", "SignatureDoesNotMatch", func(r *http.Request) { r.Method = "DELETE" }},
		{"no signature", "/bucket/k", "AccessDenied", func(r *http.Request) { r.Header.Del("Authorization") }},
		{"SigV2 of S3", "/bucket/k", "AccessDenied", func(r *http.Request) {
			r.Header.Set("Authorization", "AWS"+strings.TrimPrefix(r.Header.Get("Authorization"), "OBS"))
		}},
		{"a header of S3", "/bucket/k", "InvalidRequest", func(r *http.Request) { r.Header.Set("x-amz-acl", "private") }},
		{"an old date", "/bucket/k", "RequestTimeTooSkewed", func(r *http.Request) {
			r.Header.Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		}},
	} {
		resp, body := ask(t, "GET", s.Endpoint+"/bucket/k", "", c.signed, c.change)
		if resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "<Code>"+c.want+"</Code>") {
			t.Errorf("%s: %s, %s, want %s", c.name, resp.Status, body, c.want)
		}
	}
	if s.Served() != 0 {
		t.Errorf("%d requests were served, want none", s.Served())
	}
}
