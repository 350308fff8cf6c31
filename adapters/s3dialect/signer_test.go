package s3dialect

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/s3shape"
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

// TestWhatPlainStoresGet looks at the requests to a store that knows nothing of what S3 got in later years.
func TestWhatPlainStoresGet(t *testing.T) {
	t.Parallel()
	for _, signature := range []string{V2, V4} {
		t.Run(signature, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			seen := map[string]bool{}
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				seen[r.Method] = true
				auth := r.Header.Get("Authorization")
				if v2 := strings.HasPrefix(auth, "AWS access:"); v2 != (signature == V2) {
					t.Errorf("%s: Authorization: %s", r.Method, auth)
				}
				if strings.Contains(auth, "accept-encoding") || r.Header.Get("Accept-Encoding") != "" { // GCS changes it on the way
					t.Errorf("%s: Accept-Encoding is signed: %s", r.Method, auth)
				}
				for name := range r.Header {
					if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-checksum") || strings.HasPrefix(name, "x-amz-sdk-checksum") || name == "x-amz-trailer" || signature == V2 && name == "x-amz-content-sha256" {
						t.Errorf("%s: header %s is sent", r.Method, name)
					}
				}
				if body, err := io.ReadAll(r.Body); r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") == "" && (string(body) != "bytes" || err != nil) {
					t.Errorf("%s: body %q, %v", r.Method, body, err)
				}
				w.Header().Set("ETag", `"4b3a6218bb3e3a7303e8a171a60fcf92"`)
				switch {
				case r.Method == http.MethodPost:
					_, _ = io.WriteString(w, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
				case r.Header.Get("X-Amz-Copy-Source") != "":
					_, _ = io.WriteString(w, `<CopyObjectResult><ETag>"4b3a6218bb3e3a7303e8a171a60fcf92"</ETag></CopyObjectResult>`)
				}
			}))
			t.Cleanup(srv.Close)
			d := some()
			d.Quirks.PlainBodies = true
			s, err := d.Open(adapters.Config{Endpoint: srv.URL, BucketName: "bucket", Access: "access", Security: "s3cret", Options: map[string]string{"signature": signature}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for _, crc := range []*uint64{nil, new(crc64nvme.Checksum([]byte("bytes")))} {
				info, err := s.Put(t.Context(), "key", strings.NewReader("bytes"), 5, adapters.PutOptions{CRC64: crc})
				if err != nil || info.Proof != s3shape.ProofMD5 {
					t.Errorf("Put: %+v, %v", info, err)
				}
				id, err := s.CreateUpload(t.Context(), "key", adapters.PutOptions{CRC64: crc})
				if err != nil || id != markPlain+"u" {
					t.Errorf("CreateUpload: %q, %v", id, err)
				}
				if p, err := s.PutPart(t.Context(), "key", id, 1, strings.NewReader("bytes"), 5, adapters.Sums{CRC64: crc}); err != nil || p.Proof != s3shape.ProofMD5 {
					t.Errorf("PutPart: %+v, %v", p, err)
				}
				if info, err := s.Copy(t.Context(), "copy", "key", "", adapters.PutOptions{CRC64: crc}); err != nil || info.Verified {
					t.Errorf("Copy: %+v, %v", info, err)
				}
			}
			if rc, _, err := s.Get(t.Context(), "key", adapters.Range{}, ""); err != nil {
				t.Errorf("Get: %v", err)
			} else {
				rc.Close()
			}
			if len(seen) != 4 {
				t.Errorf("seen: %v, want PUT, POST, HEAD and GET", seen)
			}
		})
	}
}
