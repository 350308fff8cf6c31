package sigv4

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/opensds/gelato/internal/errs"
)

// The examples of https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html, as they were when the bucket was called johnsmith.
func TestDocumentedVersion2(t *testing.T) {
	t.Parallel()
	johnsmith := Resource{Bucket: "johnsmith", VirtualHost: true}
	for _, c := range []struct {
		name, method, target string
		resource             Resource
		headers              []string
		signature            string
	}{
		{"get", "GET", "/photos/puppy.jpg", johnsmith, []string{"Date", "Tue, 27 Mar 2007 19:36:42 +0000"}, "bWq2s1WEIj+Ydj0vQ697zp+IXMU="},
		{"put", "PUT", "/photos/puppy.jpg", johnsmith, []string{"Date", "Tue, 27 Mar 2007 21:15:45 +0000", "Content-Type", "image/jpeg"}, "MyyxeRY7whkBe+bq8fHCL/2kKUg="},
		{"list", "GET", "/?prefix=photos&max-keys=50&marker=puppy", johnsmith, []string{"Date", "Tue, 27 Mar 2007 19:42:41 +0000"}, "htDYFYduRNen8P9ZfE/s9SuKy0U="},
		{"sub-resource", "GET", "/?acl", johnsmith, []string{"Date", "Tue, 27 Mar 2007 19:44:46 +0000"}, "c2WLPFtWHVgbEmeEG93a4cG37dM="},
		{"upload", "PUT", "/db-backup.dat.gz", Resource{Bucket: "static.johnsmith.net", VirtualHost: true}, []string{"Date", "Tue, 27 Mar 2007 21:06:08 +0000",
			"X-Amz-Acl", "public-read", "Content-Type", "application/x-download", "Content-Md5", "4gJE4saaMU4BqNR0kLY+lw==", "X-Amz-Meta-Reviewedby", "joe@johnsmith.net,jane@johnsmith.net",
			"X-Amz-Meta-Filechecksum", "0x02661779", "X-Amz-Meta-Checksumalgorithm", "crc32", "Content-Disposition", "attachment; filename=database.dat"}, "ilyl83RwaSoYIEdixDQcA4OnAnc="},
		{"list buckets", "GET", "/", Resource{}, []string{"Date", "Wed, 28 Mar 2007 01:29:59 +0000"}, "qGdzdERIC03wnaRNKh6OqZehG9s="},
		{"unicode", "GET", "/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re", Resource{Bucket: "dictionary"}, []string{"Date", "Wed, 28 Mar 2007 01:49:49 +0000"}, "DNEZGsoieTZ92F3bUfSPQcbGmlM="},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRequest(c.method, c.target, append(c.headers, "Authorization", "AWS "+exampleKey+":"+c.signature)...)
			now, err := time.Parse(time.RFC1123Z, r.Header.Get("Date"))
			if err != nil {
				t.Fatal(err)
			}
			a, err := verifier(now).Verify(r, r.URL.Query(), c.resource)
			if err != nil || a.User != "u" || a.Payload != Unsigned {
				t.Fatalf("got %+v, %v", a, err)
			}
			r.Header.Set("X-Amz-Meta-More", "x")
			if _, err := verifier(now).Verify(r, r.URL.Query(), c.resource); errs.ReasonOf(err) != "SignatureDoesNotMatch" {
				t.Errorf("with another header: got %v, want SignatureDoesNotMatch", err)
			}
		})
	}
}

func signV2(text string) string {
	return base64.StdEncoding.EncodeToString(sumV2(exampleSecret, text))
}

func TestVersion2Header(t *testing.T) {
	t.Parallel()
	now := exampleTime()
	const date = "Fri, 24 May 2013 00:00:00 GMT"
	signed := "AWS " + exampleKey + ":" + signV2("GET\n\n\n"+date+"\n/b/k")
	for _, c := range []struct {
		name    string
		request *http.Request
		reason  string
	}{
		{"right", newRequest("GET", "/b/k", "Date", date, "Authorization", signed), ""},
		{"with a parameter that is not signed", newRequest("GET", "/b/k?x-id=GetObject", "Date", date, "Authorization", signed), ""},
		{"with a new sub-resource", newRequest("GET", "/b/k?attributes", "Date", date, "Authorization", "AWS "+exampleKey+":"+signV2("GET\n\n\n"+date+"\n/b/k?attributes")), ""},
		{"with one that botocore does not sign", newRequest("GET", "/b/k?attributes", "Date", date, "Authorization", signed), ""},
		{"presigned, with that", newRequest("GET", "/b/k?attributes&AWSAccessKeyId="+exampleKey+"&Expires=1369353601&Signature="+url.QueryEscape(signV2("GET\n\n\n1369353601\n/b/k"))), "SignatureDoesNotMatch"},
		{"with a sub-resource", newRequest("GET", "/b/k?acl", "Date", date, "Authorization", signed), "SignatureDoesNotMatch"},
		{"x-amz-date", newRequest("GET", "/b/k", "Date", "nonsense", "X-Amz-Date", date, "Authorization", "AWS "+exampleKey+":"+signV2("GET\n\n\n\nx-amz-date:"+date+"\n/b/k")), ""},
		{"botocore's slash", newRequest("PUT", "/b", "Date", date, "Authorization", "AWS "+exampleKey+":"+signV2("PUT\n\n\n"+date+"\n/b/")), ""},
		{"no colon", newRequest("GET", "/b/k", "Date", date, "Authorization", "AWS HAHAHA"), "InvalidArgument"},
		{"no signature", newRequest("GET", "/b/k", "Date", date, "Authorization", "AWS HAHAHA:"), "InvalidArgument"},
		{"unknown key", newRequest("GET", "/b/k", "Date", date, "Authorization", "AWS other:x"), "InvalidAccessKeyId"},
		{"no base64", newRequest("GET", "/b/k", "Date", date, "Authorization", "AWS "+exampleKey+":!"), "SignatureDoesNotMatch"},
		{"no date", newRequest("GET", "/b/k", "Authorization", signed), "AccessDenied"},
		{"bad x-amz-date", newRequest("GET", "/b/k", "Date", date, "X-Amz-Date", "Bad Date", "Authorization", signed), "AccessDenied"},
		{"empty x-amz-date", newRequest("GET", "/b/k", "Date", date, "X-Amz-Date", "", "Authorization", signed), "AccessDenied"},
		{"before 1970", newRequest("GET", "/b/k", "X-Amz-Date", "Tue, 07 Jul 1950 21:53:04 GMT", "Authorization", signed), "AccessDenied"},
		{"long ago", newRequest("GET", "/b/k", "X-Amz-Date", "Tue, 07 Jul 2010 21:53:04 GMT", "Authorization", signed), "RequestTimeTooSkewed"},
		{"far away", newRequest("GET", "/b/k", "X-Amz-Date", "Tue, 07 Jul 9999 21:53:04 GMT", "Authorization", signed), "RequestTimeTooSkewed"},
		{"signed chunks", newRequest("GET", "/b/k", "Date", date, "X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "Authorization", signed), "InvalidRequest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := verifier(now).Verify(c.request, c.request.URL.Query(), Resource{Bucket: "b"})
			if errs.ReasonOf(err) != c.reason || (err == nil) != (c.reason == "") {
				t.Errorf("got %v, want %q", err, c.reason)
			}
		})
	}
}

func TestVersion2SwitchedOff(t *testing.T) {
	t.Parallel()
	v := verifier(exampleTime())
	v.v2 = false
	for name, r := range map[string]*http.Request{
		"header": newRequest("GET", "/b/k", "Date", "Fri, 24 May 2013 00:00:00 GMT", "Authorization", "AWS "+exampleKey+":"+signV2("GET\n\n\nFri, 24 May 2013 00:00:00 GMT\n/b/k")),
		"query":  newRequest("GET", "/b/k?AWSAccessKeyId="+exampleKey+"&Expires=1369353601&Signature="+url.QueryEscape(signV2("GET\n\n\n1369353601\n/b/k"))),
	} {
		if _, err := v.Verify(r, r.URL.Query(), Resource{Bucket: "b"}); errs.ReasonOf(err) != "InvalidRequest" {
			t.Errorf("%s: got %v, want InvalidRequest", name, err)
		}
	}
	if _, err := v.VerifyForm(t.Context(), Form{Policy: "e30=", AccessKey: exampleKey, Signature: signV2("e30=")}); errs.ReasonOf(err) != "InvalidRequest" {
		t.Errorf("form: got %v, want InvalidRequest", err)
	}
}

// SDKs send checksums of their own behind a Version 2 signature.
func TestVersion2Payload(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		headers []string
		want    Payload
	}{
		{nil, Unsigned},
		{[]string{"X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"}, Unsigned},
		{[]string{"X-Amz-Content-Sha256", emptySum}, Hashed},
		{[]string{"X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, StreamUnsignedTrailer},
		{[]string{"Content-Encoding", "gzip,aws-chunked", "X-Amz-Decoded-Content-Length", "3"}, StreamUnsignedTrailer},
		{[]string{"Content-Encoding", "aws-chunked"}, Unsigned},
	} {
		var a Auth
		if err := a.setPayloadV2(newRequest("PUT", "/b/k", c.headers...).Header); err != nil || a.Payload != c.want {
			t.Errorf("%v: got %d, %v, want %d", c.headers, a.Payload, err, c.want)
		}
	}
}

// The example of https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html.
func documentedForm() Form {
	policy := "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9"
	return Form{Policy: policy, Algorithm: algorithm, Credential: exampleKey + "/20151229/us-east-1/s3/aws4_request", Date: "20151229T000000Z",
		Signature: "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"}
}

func TestForm(t *testing.T) {
	t.Parallel()
	day := time.Date(2015, 12, 29, 1, 0, 0, 0, time.UTC)
	with := func(change func(*Form)) Form {
		f := documentedForm()
		change(&f)
		return f
	}
	for _, c := range []struct {
		name   string
		now    time.Time
		form   Form
		reason string
	}{
		{"documented", day, documentedForm(), ""},
		{"at the end of its key's days", day.Add(6 * 24 * time.Hour), documentedForm(), ""},
		{"after them", day.Add(8 * 24 * time.Hour), documentedForm(), "AccessDenied"},
		{"too early", day.Add(-24 * time.Hour), documentedForm(), "AccessDenied"},
		{"another policy", day, with(func(f *Form) { f.Policy = "e30=" }), "SignatureDoesNotMatch"},
		{"another signature", day, with(func(f *Form) { f.Signature = strings.Repeat("0", 64) }), "SignatureDoesNotMatch"},
		{"no signature", day, with(func(f *Form) { f.Signature = "" }), "InvalidArgument"},
		{"no date", day, with(func(f *Form) { f.Date = "" }), "InvalidArgument"},
		{"bad date", day, with(func(f *Form) { f.Date = "yesterday" }), "InvalidArgument"},
		{"another date", day, with(func(f *Form) { f.Date = "20151228T000000Z" }), "InvalidArgument"},
		{"another algorithm", day, with(func(f *Form) { f.Algorithm = "AWS4-HMAC-SHA1" }), "InvalidArgument"},
		{"bad credential", day, with(func(f *Form) { f.Credential = "x" }), "InvalidArgument"},
		{"another region", day, with(func(f *Form) { f.Credential = exampleKey + "/20151229/eu-west-1/s3/aws4_request" }), "AuthorizationQueryParametersError"},
		{"unknown key", day, with(func(f *Form) { f.Credential = "other/20151229/us-east-1/s3/aws4_request" }), "InvalidAccessKeyId"},
		{"nothing", day, Form{Policy: "e30="}, "InvalidArgument"},
		{"version 2", day, Form{Policy: "e30=", AccessKey: exampleKey, Signature: signV2("e30=")}, ""},
		{"version 2, another policy", day, Form{Policy: "e31=", AccessKey: exampleKey, Signature: signV2("e30=")}, "SignatureDoesNotMatch"},
		{"version 2, no base64", day, Form{Policy: "e30=", AccessKey: exampleKey, Signature: "!"}, "SignatureDoesNotMatch"},
		{"version 2, no signature", day, Form{Policy: "e30=", AccessKey: exampleKey}, "InvalidArgument"},
		{"version 2, unknown key", day, Form{Policy: "e30=", AccessKey: "other", Signature: signV2("e30=")}, "InvalidAccessKeyId"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, err := verifier(c.now).VerifyForm(t.Context(), c.form)
			if errs.ReasonOf(err) != c.reason || (err == nil) != (c.reason == "") || err == nil && a.User != "u" {
				t.Errorf("got %+v, %v, want %q", a, err, c.reason)
			}
		})
	}
}
