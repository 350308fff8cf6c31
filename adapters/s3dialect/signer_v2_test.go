package s3dialect

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// TestSignerV2 has the examples of the developer guide, "Signing and authenticating REST requests".
func TestSignerV2(t *testing.T) {
	t.Parallel()
	credentials := aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	for _, c := range []struct {
		name, method, host, url string
		header                  http.Header
		at, want                string
	}{
		{"object GET", "GET", "/johnsmith", "https://johnsmith.us-west-1.s3.amazonaws.com/photos/puppy.jpg", nil, "Tue, 27 Mar 2007 19:36:42 +0000", "bWq2s1WEIj+Ydj0vQ697zp+IXMU="},
		{"object PUT", "PUT", "/johnsmith", "https://johnsmith.s3.us-west-1.amazonaws.com/photos/puppy.jpg", http.Header{"Content-Type": {"image/jpeg"}, "Content-Length": {"94328"}}, "Tue, 27 Mar 2007 21:15:45 +0000", "MyyxeRY7whkBe+bq8fHCL/2kKUg="},
		{"list", "GET", "/johnsmith", "https://johnsmith.s3.us-west-1.amazonaws.com/?prefix=photos&max-keys=50&marker=puppy", nil, "Tue, 27 Mar 2007 19:42:41 +0000", "htDYFYduRNen8P9ZfE/s9SuKy0U="},
		{"fetch", "GET", "/johnsmith", "https://johnsmith.s3.us-west-1.amazonaws.com/?acl", nil, "Tue, 27 Mar 2007 19:44:46 +0000", "c2WLPFtWHVgbEmeEG93a4cG37dM="},
		{"upload", "PUT", "/static.johnsmith.net", "http://static.johnsmith.net:8080/db-backup.dat.gz", http.Header{"Content-Type": {"application/x-download"}, "Content-Md5": {"4gJE4saaMU4BqNR0kLY+lw=="}, "X-Amz-Acl": {"public-read"},
			"X-Amz-Meta-Reviewedby": {"joe@johnsmith.net", "jane@johnsmith.net"}, "X-Amz-Meta-Filechecksum": {"0x02661779"}, "X-Amz-Meta-Checksumalgorithm": {"crc32"}}, "Tue, 27 Mar 2007 21:06:08 +0000", "ilyl83RwaSoYIEdixDQcA4OnAnc="},
		{"Unicode keys", "GET", "", "https://s3.us-west-1.amazonaws.com/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re", nil, "Wed, 28 Mar 2007 01:49:49 +0000", "DNEZGsoieTZ92F3bUfSPQcbGmlM="},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range c.header {
			r.Header[name] = v
		}
		r.Header.Set("Date", c.at)
		signerV2{host: c.host}.sign(credentials, r)
		if got, want := r.Header.Get("Authorization"), "AWS AKIAIOSFODNN7EXAMPLE:"+c.want; got != want {
			t.Errorf("%s: got %s, want %s, signed:\n%s", c.name, got, want, signerV2{host: c.host}.toSign(r))
		}
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", " a ": "a", "a  b": "a  b", "a\r\n  b\n\tc": "a b c"} {
		if got := fold(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
