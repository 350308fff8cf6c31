package hwobs

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/adapters/httpstore"
	"github.com/opensds/gelato/adapters/s3shape"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/testbed/obstranslator"
)

// both runs a test in both dialects, each with a bucket of its own.
func both(t *testing.T, change func(*adapters.Config), test func(t *testing.T, s *Store)) {
	t.Helper()
	tr := translator(t)
	for name, c := range map[string]adapters.Config{"obs": translated(t, tr), "v4": config(t)} {
		if change != nil {
			change(&c)
		}
		t.Run(name, func(t *testing.T) { test(t, open(t, c)) })
	}
}

// stream hides everything of a reader but Read.
type stream struct{ io.Reader }

func TestProofs(t *testing.T) {
	t.Parallel()
	both(t, nil, func(t *testing.T, s *Store) {
		for _, c := range []struct {
			name  string
			size  int
			known bool // the CRC beforehand
			sized bool
		}{
			{"known", 100, true, true}, {"unknown", 100, false, true}, {"empty", 0, true, true}, {"streamed", 300 << 10, true, true},
			{"no size, small", 100, false, false}, {"no size, empty", 0, true, false}, {"no size, one part", httpstore.SpoolFirst + 1, false, false},
			{"no size, parts", 2*httpstore.SpoolPart + 17, false, false},
		} {
			body, size := bytes.Repeat([]byte(c.name), c.size/len(c.name)+1)[:c.size], int64(-1)
			if c.sized {
				size = int64(c.size)
			}
			var o adapters.PutOptions
			sum := crc64nvme.Checksum(body)
			if c.known {
				o.CRC64 = &sum
			}
			for kind, r := range map[string]io.Reader{"stream": stream{bytes.NewReader(body)}, "seekable": bytes.NewReader(body)} {
				info, err := s.Put(t.Context(), "k", r, size, o)
				if err != nil {
					t.Fatalf("%s, %s: %v", c.name, kind, err)
				}
				if !info.Verified || info.Proof != s3shape.ProofMD5 || info.Size != int64(c.size) {
					t.Errorf("%s, %s: got %+v, want proof %q of %d bytes", c.name, kind, info, s3shape.ProofMD5, c.size)
				}
			}
		}
	})
}

// TestHeadersThatTheSDKChanges stores headers whose letters the SDK escapes, and metadata whose names it mixes up with headers.
func TestHeadersThatTheSDKChanges(t *testing.T) {
	t.Parallel()
	both(t, nil, func(t *testing.T, s *Store) {
		want := adapters.PutOptions{Headers: adapters.ContentHeaders{ContentType: "text/plain", CacheControl: "no-store,  max-age=0"}}
		if _, err := s.Put(t.Context(), "blanks", strings.NewReader("bytes"), 5, want); err != nil {
			t.Errorf("Put with a run of blanks in a header: %v", err)
		}
		want = adapters.PutOptions{
			Headers:  adapters.ContentHeaders{ContentType: "text/plain;  charset=utf-8", ContentDisposition: `attachment; filename="漢字 é.txt"`, CacheControl: "no-store,  max-age=0"},
			Metadata: map[string]string{"etag": "mine", "meta-meta-x": "y", "content-length": "7", "storage-class": "none"},
		}
		check := func(key string) {
			t.Helper()
			info, err := s.Head(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			if info.Headers != want.Headers || len(info.Metadata) != len(want.Metadata) || info.Size != 5 || len(info.ETag) < 32 {
				t.Errorf("%s: got %+v, want %+v", key, info, want)
			}
			for name, value := range want.Metadata {
				if info.Metadata[name] != value {
					t.Errorf("%s: metadata %s = %q, want %q", key, name, info.Metadata[name], value)
				}
			}
		}
		if _, err := s.Put(t.Context(), "put a.html", strings.NewReader("bytes"), 5, want); err != nil {
			t.Fatal(err)
		}
		check("put a.html")
		if _, err := s.Copy(t.Context(), "copy+a.html", "put a.html", "", want); err != nil {
			t.Fatal(err)
		}
		check("copy+a.html")
		id, err := s.CreateUpload(t.Context(), "parts.html", want)
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.PutPart(t.Context(), "parts.html", id, 1, strings.NewReader("bytes"), 5, adapters.Sums{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.CompleteUpload(t.Context(), "parts.html", id, []adapters.Part{p}, adapters.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		check("parts.html")
		// The SDK would take the type from the key.
		if _, err := s.Put(t.Context(), "k.html", strings.NewReader("bytes"), 5, adapters.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		if info, err := s.Head(t.Context(), "k.html"); err != nil || info.Headers.ContentType != defaultType {
			t.Errorf("the content type is %q, %v, want %q", info.Headers.ContentType, err, defaultType)
		}
		if _, err := s.Put(t.Context(), "k", strings.NewReader("b"), 1, adapters.PutOptions{Headers: adapters.ContentHeaders{ContentType: "text/漢"}}); !errs.Is(err, errs.InvalidArgument) {
			t.Errorf("Put with a content type that is not ASCII: %v", err)
		}
	})
}

// TestBlankKeys tests keys that the SDK takes for empty ones: without a prefix they can only be refused.
func TestBlankKeys(t *testing.T) {
	t.Parallel()
	both(t, func(c *adapters.Config) { c.Prefix = "" }, func(t *testing.T, s *Store) {
		for _, key := range []string{" ", "\u2003", "\n \t"} {
			_, err := s.Put(t.Context(), key, strings.NewReader("x"), 1, adapters.PutOptions{})
			if errs.ReasonOf(err) != "KeyNotStorable" || !errs.Is(err, errs.InvalidArgument) {
				t.Errorf("Put %q: %v", key, err)
			}
			if _, err := s.CreateUpload(t.Context(), key, adapters.PutOptions{}); errs.ReasonOf(err) != "KeyNotStorable" {
				t.Errorf("CreateUpload %q: %v", key, err)
			}
			if _, err := s.Head(t.Context(), key); !errs.Is(err, errs.NotFound) {
				t.Errorf("Head %q: %v", key, err)
			}
			if _, _, err := s.Get(t.Context(), key, adapters.Range{}, ""); !errs.Is(err, errs.NotFound) {
				t.Errorf("Get %q: %v", key, err)
			}
			if err := s.Delete(t.Context(), key, ""); err != nil {
				t.Errorf("Delete %q: %v", key, err)
			}
			if err := s.AbortUpload(t.Context(), key, "id"); err != nil {
				t.Errorf("AbortUpload %q: %v", key, err)
			}
		}
		if _, err := s.Put(t.Context(), " x", strings.NewReader("x"), 1, adapters.PutOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// TestBucketInTheHostName goes to BUCKET.obs.test as to the public cloud.
func TestBucketInTheHostName(t *testing.T) {
	t.Parallel()
	tr := translator(t)
	c := translated(t, tr)
	c.Endpoint, c.Options = "http://"+obstranslator.Domain, map[string]string{"pathStyle": "false"}
	s := open(t, c)
	s.transport.DialContext = tr.Dial
	for _, key := range []string{"plain", "/lead", "a//b", "../x", "a b+c%"} {
		if _, err := s.Put(t.Context(), key, strings.NewReader("bytes"), 5, adapters.PutOptions{}); err != nil {
			t.Fatalf("Put %q: %v", key, err)
		}
		if _, err := s.Copy(t.Context(), key+" copy", key, "", adapters.PutOptions{}); err != nil {
			t.Errorf("Copy %q: %v", key, err)
		}
		if page, err := s.List(t.Context(), key, "", 10); err != nil || len(page.Objects) < 2 || page.Objects[0].Key != key {
			t.Errorf("List %q: %+v, %v", key, page, err)
		}
	}
	if tr.Refused() != 0 {
		t.Errorf("%d requests were refused", tr.Refused())
	}
}

// TestAuthority trusts a server's certificate by options.caFile only.
func TestAuthority(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.Endpoint = cluster.Get(t).SecureEndpoint
	if _, err := open(t, c).Head(t.Context(), "k"); !errs.Is(err, errs.FailedPrecondition) {
		t.Errorf("Head without the authority: %v", err)
	}
	c.Options["caFile"] = cluster.Get(t).CAFile
	s := open(t, c)
	if _, err := s.Put(t.Context(), "k", strings.NewReader("bytes"), 5, adapters.PutOptions{}); err != nil {
		t.Errorf("Put: %v", err)
	}
	c.Options["caFile"] += ".absent"
	if _, err := Open(c); errs.ReasonOf(err) != "options.caFile" {
		t.Errorf("Open with a file that is not there: %v", err)
	}
}

// odd is a store that answers what a test wants, and keeps what it was asked.
type odd struct {
	mu     sync.Mutex
	asked  []*http.Request
	answer http.HandlerFunc
}

func (o *odd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	o.mu.Lock()
	o.asked = append(o.asked, r)
	o.mu.Unlock()
	o.answer(w, r)
}

func openOdd(t *testing.T, answer http.HandlerFunc) (*Store, *odd) {
	t.Helper()
	o := &odd{answer: answer}
	srv := httptest.NewServer(o)
	t.Cleanup(srv.Close)
	return open(t, adapters.Config{Type: Type, Endpoint: srv.URL, BucketName: "bucket", Access: "a", Security: "s"}), o
}

func TestOtherBytesThanThoseSent(t *testing.T) {
	t.Parallel()
	s, o := openOdd(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef"`)
		w.Header().Set("Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT")
		w.Header().Set("Content-Length", "0")
	})
	if _, err := s.Put(t.Context(), "k", stream{strings.NewReader("bytes")}, 5, adapters.PutOptions{}); !errs.Is(err, errs.DataLoss) {
		t.Errorf("Put: %v, want DataLoss", err)
	}
	if last := o.asked[len(o.asked)-1]; last.Method != http.MethodDelete {
		t.Errorf("the object was not taken back: the last request is %s", last.Method)
	}
	if _, err := s.PutPart(t.Context(), "k", "id", 1, strings.NewReader("bytes"), 5, adapters.Sums{}); !errs.Is(err, errs.DataLoss) {
		t.Errorf("PutPart: %v, want DataLoss", err)
	}
	// What the caller says is what counts, as it is not computed again.
	told, _ := hex.DecodeString("0123456789abcdef0123456789abcdef")
	for kind, body := range map[string]io.Reader{"stream": stream{strings.NewReader("bytes")}, "seekable": strings.NewReader("bytes")} {
		info, err := s.Put(t.Context(), "k", body, 5, adapters.PutOptions{MD5: adapters.KnownMD5(told)})
		if sent := o.asked[len(o.asked)-1].Header.Get("Content-MD5"); err != nil || info.Proof != s3shape.ProofMD5 || sent != "ASNFZ4mrze8BI0VniavN7w==" {
			t.Errorf("Put of a %s with an MD5: %+v, %v, sent with Content-MD5 %q", kind, info, err, sent)
		}
	}
	wrong := adapters.KnownMD5([]byte("sixteen bytes ok"))
	if _, err := s.Put(t.Context(), "k", stream{strings.NewReader("bytes")}, 5, adapters.PutOptions{MD5: wrong}); !errs.Is(err, errs.DataLoss) {
		t.Errorf("Put with a wrong MD5: %v, want DataLoss", err)
	}
	if last := o.asked[len(o.asked)-1]; last.Method != http.MethodDelete {
		t.Errorf("the object with a wrong MD5 was not taken back: the last request is %s", last.Method)
	}
	if p, err := s.PutPart(t.Context(), "k", "id", 1, stream{strings.NewReader("bytes")}, 5, adapters.Sums{MD5: adapters.KnownMD5(told)}); err != nil || p.Proof != s3shape.ProofMD5 {
		t.Errorf("PutPart with an MD5: %+v, %v", p, err)
	}
	if _, err := s.PutPart(t.Context(), "k", "id", 1, stream{strings.NewReader("bytes")}, 5, adapters.Sums{MD5: wrong}); !errs.Is(err, errs.DataLoss) {
		t.Errorf("PutPart with a wrong MD5: %v, want DataLoss", err)
	}
	s, o = openOdd(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef"`)
		w.Header().Set("x-obs-server-side-encryption", "kms")
	})
	info, err := s.Put(t.Context(), "k", strings.NewReader("bytes"), 5, adapters.PutOptions{})
	if err != nil || info.Verified || info.MD5 != nil {
		t.Errorf("Put to a store that encrypts: %+v, %v, want no proof", info, err)
	}
	if got := o.asked[0].Header.Get("Content-MD5"); got != "SzpiGLs+OnMD6KFxpg/Pkg==" {
		t.Error("a body that can be read twice was sent without its Content-MD5")
	}
}

func TestAnswersThatMakeNoSense(t *testing.T) {
	t.Parallel()
	late := `<Error><Code>InternalError</Code><Message>late</Message></Error>`
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   errs.Code
	}{
		{"an empty 200", func(http.ResponseWriter, *http.Request) {}, errs.Unavailable},
		{"an error that begins as a success", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, late) }, errs.Unavailable},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		}, errs.Unavailable},
		{"a page of a proxy", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			io.WriteString(w, "<html>bad gateway")
		}, errs.Unavailable},
		{"throttled", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, errs.ResourceExhausted},
		{"no such bucket", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("x-obs-error-code", "NoSuchBucket")
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, "<Error><Code>NoSuchBucket</Code></Error>")
		}, errs.FailedPrecondition},
		{"an answer without end", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			for range httpstore.MaxAnswer>>20 + 2 {
				if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<20)); err != nil {
					return
				}
			}
		}, errs.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, o := openOdd(t, c.answer)
			ctx := t.Context()
			calls := map[string]func() error{
				"Put":    func() error { _, err := s.Put(ctx, "k", strings.NewReader("x"), 1, adapters.PutOptions{}); return err },
				"Head":   func() error { _, err := s.Head(ctx, "k"); return err },
				"List":   func() error { _, err := s.List(ctx, "", "", 10); return err },
				"Create": func() error { _, err := s.CreateUpload(ctx, "k", adapters.PutOptions{}); return err },
				"Part": func() error {
					_, err := s.PutPart(ctx, "k", "id", 1, strings.NewReader("x"), 1, adapters.Sums{})
					return err
				},
				"Uploads": func() error { _, err := s.ListUploads(ctx, "", 10); return err },
				"Complete": func() error {
					_, err := s.CompleteUpload(ctx, "k", "id", []adapters.Part{{N: 1, ETag: "x"}}, adapters.PutOptions{})
					return err
				},
			}
			for name, call := range calls {
				before := len(o.asked)
				if name == "Head" && (c.name == "an answer without end" || strings.HasPrefix(c.name, "an error")) {
					continue // an answer to HEAD has no body
				}
				err := call()
				if errs.CodeOf(err) != c.want {
					t.Errorf("%s: %v (%v), want %v", name, err, errs.CodeOf(err), c.want)
				}
				if n := len(o.asked) - before; n != 1 && name != "Complete" {
					t.Errorf("%s: %d requests, want one: the SDK retries", name, n)
				}
			}
		})
	}
}
