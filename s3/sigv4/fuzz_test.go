package sigv4

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/opensds/gelato/internal/errs"
)

// judge demands that a verification ends in a known user or in one of S3's errors.
func judge(t *testing.T, a Auth, err error) {
	t.Helper()
	switch {
	case err != nil && errs.ReasonOf(err) == "":
		t.Errorf("%v has no reason", err)
	case err != nil && a != (Auth{}):
		t.Errorf("refused with %v, yet %+v", err, a)
	case err == nil && (a.User != "u" || a.AccessKey != exampleKey || a.Payload == 0):
		t.Errorf("accepted as %+v", a)
	}
}

// fuzzed is a request of what a client may send; ok is false for what net/http would not hand on.
func fuzzed(method, target string) (*http.Request, bool) {
	u, err := url.ParseRequestURI(target)
	if err != nil || method == "" {
		return nil, false
	}
	return &http.Request{Method: method, URL: u, Host: "examplebucket.s3.amazonaws.com", Header: http.Header{}}, true
}

func FuzzVerify(f *testing.F) {
	const right = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
	f.Add("GET", "/test.txt", authorize("host;range;x-amz-content-sha256;x-amz-date", right), "20130524T000000Z", "", emptySum)
	f.Add("GET", "/b/k?acl", "AWS "+exampleKey+":"+signV2("GET\n\n\nFri, 24 May 2013 00:00:00 GMT\n/b/k?acl"), "", "Fri, 24 May 2013 00:00:00 GMT", "")
	f.Add("PUT", "/b", "AWS a:b:c", "Fri, 24 May 2013 00:00:00 GMT", "x", "UNSIGNED-PAYLOAD")
	f.Fuzz(func(t *testing.T, method, target, authorization, amzDate, date, sum string) {
		r, ok := fuzzed(method, target)
		if !ok {
			return
		}
		r.Header.Set("Range", "bytes=0-9")
		for name, value := range map[string]string{"Authorization": authorization, "X-Amz-Date": amzDate, "Date": date, "X-Amz-Content-Sha256": sum} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if authorization == "" {
			return
		}
		a, err := verifier(exampleTime()).Verify(r, r.URL.Query(), Resource{Bucket: "b"})
		judge(t, a, err)
	})
}

func FuzzPresigned(f *testing.F) {
	f.Add("GET", "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")
	f.Add("GET", "/b/k?AWSAccessKeyId="+exampleKey+"&Expires=1369353601&Signature="+url.QueryEscape(signV2("GET\n\n\n1369353601\n/b/k")))
	f.Add("PUT", "/b/k?X-Amz-Signature=&x-amz-acl=private&AWSAccessKeyId=")
	f.Fuzz(func(t *testing.T, method, target string) {
		r, ok := fuzzed(method, target)
		if !ok {
			return
		}
		query := r.URL.Query()
		if !query.Has("X-Amz-Algorithm") && !query.Has("X-Amz-Signature") && !query.Has("AWSAccessKeyId") {
			return
		}
		a, err := verifier(exampleTime()).Verify(r, query, Resource{Bucket: "b"})
		judge(t, a, err)
		if err == nil && !a.Presigned {
			t.Errorf("%q is not presigned", target)
		}
	})
}

func FuzzForm(f *testing.F) {
	d := documentedForm()
	f.Add(d.Policy, d.Signature, d.Algorithm, d.Credential, d.Date, "")
	f.Add("e30=", signV2("e30="), "", "", "", exampleKey)
	f.Fuzz(func(t *testing.T, policy, signature, algorithm, credential, date, accessKey string) {
		a, err := verifier(exampleTime()).VerifyForm(t.Context(), Form{policy, signature, algorithm, credential, date, accessKey})
		judge(t, a, err)
	})
}
