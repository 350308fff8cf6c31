package azureblob

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
	"github.com/opensds/gelato/internal/testbed"
	"github.com/opensds/gelato/internal/testbed/faultproxy"
)

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	srv := testbed.Azurite(t, testbed.AzuriteOptions{})
	srv.CreateContainer("container")
	kind := func(v string) map[string]string { return map[string]string{"credential": v} }
	sas := accountSAS(t, srv)
	for name, c := range map[string]adapters.Config{
		"key":                    {Endpoint: srv.Endpoint, Access: srv.Account, Security: srv.Key},
		"SAS":                    {Endpoint: srv.Endpoint, Security: "?" + sas, Options: kind("sas")},
		"connection string":      {Security: "AccountName=" + srv.Account + ";AccountKey=" + srv.Key + ";BlobEndpoint=" + srv.Endpoint + ";", Options: kind("connection-string")},
		"connection string, SAS": {Security: "BlobEndpoint=" + srv.Endpoint + "/;SharedAccessSignature=" + sas, Options: kind("connection-string")},
	} {
		c.BucketName, c.Prefix = "container", name+"/"
		s := open(t, c)
		if _, err := s.Put(t.Context(), "k", strings.NewReader("body"), 4, adapters.PutOptions{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if page, err := s.List(t.Context(), "", "", 2); err != nil || len(page.Objects) != 1 {
			t.Errorf("%s: %+v, %v", name, page, err)
		}
		c.BucketName = "other"
		if _, err := open(t, c).Head(t.Context(), "k"); !errs.Is(err, errs.FailedPrecondition) {
			t.Errorf("%s: Head in a container that is not there: %v, want FailedPrecondition", name, err)
		}
	}
	for name, c := range map[string]adapters.Config{
		"key": {Access: srv.Account, Security: "d3Jvbmc="},
		"SAS": {Security: strings.Replace(sas, "sig=", "sig=AA", 1), Options: kind("sas")},
	} {
		c.Endpoint, c.BucketName = srv.Endpoint, "container"
		_, err := open(t, c).Put(t.Context(), "k", strings.NewReader("body"), 4, adapters.PutOptions{})
		if !errs.Is(err, errs.Unauthenticated) && !errs.Is(err, errs.PermissionDenied) { // Azurite says AuthorizationFailure, Azure AuthenticationFailed
			t.Errorf("a wrong %s: %v (%v), want Unauthenticated or PermissionDenied", name, err, errs.CodeOf(err))
		}
	}
}

// TestSecrets has requests fail in all ways, and looks for the secret in what is said and logged.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const sas = "sv=2024-08-04&se=2099-01-01&sig=TopSecret%2BSignature%3D"
	answers := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch status := r.Header.Get("X-Ms-Range"); {
		case strings.HasSuffix(r.URL.Path, "/broken"):
			panic(http.ErrAbortHandler)
		case strings.HasSuffix(r.URL.Path, "/redirect"):
			http.Redirect(w, r, "http://127.0.0.1:1/?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
		case status == "":
			w.Header().Set("X-Ms-Request-Id", r.URL.RawQuery)
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<Error><Code>AuthenticationFailed</Code><AuthenticationErrorDetail>%s</AuthenticationErrorDetail></Error>", r.URL.RawQuery)
		}
	})
	srv := httptest.NewServer(answers)
	t.Cleanup(srv.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	secrets := []string{"TopSecret", "dG9wc2VjcmV0"}
	for _, c := range []adapters.Config{
		{Endpoint: srv.URL, Security: sas, Options: map[string]string{"credential": "sas"}},
		{Endpoint: gone.URL, Security: sas, Options: map[string]string{"credential": "sas"}},
		{Endpoint: srv.URL, Access: "account", Security: "dG9wc2VjcmV0"},
		{Endpoint: gone.URL, Access: "account", Security: "dG9wc2VjcmV0"},
	} {
		c.BucketName = "container"
		s := open(t, c)
		for _, key := range []string{"key", "broken", "redirect"} {
			for op, call := range map[string]func() error{
				"Head": func() error { _, err := s.Head(t.Context(), key); return err },
				"Get":  func() error { _, _, err := s.Get(t.Context(), key, adapters.Range{}, "e"); return err },
				"Put": func() error {
					_, err := s.Put(t.Context(), key, strings.NewReader("x"), 1, adapters.PutOptions{})
					return err
				},
				"Delete": func() error { return s.Delete(t.Context(), key, "") },
				"List":   func() error { _, err := s.List(t.Context(), key, key, 1); return err },
				"Create": func() error { _, err := s.CreateUpload(t.Context(), key, adapters.PutOptions{}); return err },
				"Upload": func() error {
					_, err := s.PutPart(t.Context(), key, strings.Repeat("a", 32), 1, strings.NewReader("x"), 1, adapters.Sums{})
					return err
				},
			} {
				err := call()
				if err == nil {
					t.Errorf("%s of %s succeeded", op, key)
					continue
				}
				var log bytes.Buffer
				slog.New(slog.NewJSONHandler(&log, nil)).Error("failed", "error", err)
				text := log.String() + fmt.Sprintf("%v %+v %#v", err, err, err)
				for _, secret := range secrets {
					if strings.Contains(text, secret) {
						t.Errorf("%s of %s: the secret is in %s", op, key, text)
					}
				}
			}
		}
	}
}

// TestProofs stores bodies of all kinds, in Azurite and in its twin.
func TestProofs(t *testing.T) {
	t.Parallel()
	srv := testbed.Azurite(t, testbed.AzuriteOptions{})
	u, err := url.Parse(srv.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	srv.CreateContainer("azurite")
	srv.CreateContainer("twin")
	proxy := newTwin(t, &twin{target: "http://" + u.Host, compare: strings.Compare}) + u.Path
	body := random(maxMD5)
	crc := crc64nvme.Checksum(body)
	for _, c := range []struct {
		name           string
		endpoint       string
		known, unknown string // proof of a PUT with its CRC64 known beforehand, and without
		part           string // proof of a part, and of a large PUT, with the CRC64 unknown
	}{
		{"azurite", srv.Endpoint, proofMD5, proofMD5, ""},
		{"twin", proxy, proofCheckedCRC, proofStoreCRC, proofStoreCRC},
	} {
		s := open(t, adapters.Config{Endpoint: c.endpoint, BucketName: c.name, Security: accountSAS(t, srv), Options: map[string]string{"credential": "sas"}})
		for o, want := range map[*uint64]string{&crc: c.known, nil: c.unknown} {
			info, err := s.Put(t.Context(), "k", bytes.NewReader(body), int64(len(body)), adapters.PutOptions{CRC64: o})
			if err != nil || info.Proof != want || !info.Verified {
				t.Errorf("%s: Put = proof %q, %v, want %q", c.name, info.Proof, err, want)
			}
		}
		large := random(maxMD5 + 1)
		info, err := s.Put(t.Context(), "k", bytes.NewReader(large), int64(len(large)), adapters.PutOptions{})
		if err != nil || info.Proof != c.part || info.Verified != (c.part != "") {
			t.Errorf("%s: Put of a large body = proof %q, %v, want %q", c.name, info.Proof, err, c.part)
		}
		sum := md5.Sum(large)
		info, err = s.Put(t.Context(), "k", bytes.NewReader(large), int64(len(large)), adapters.PutOptions{MD5: adapters.KnownMD5(sum[:])})
		if err != nil || info.Proof != c.unknown || !info.Verified {
			t.Errorf("%s: Put of a large body whose MD5 is known = proof %q, %v, want %q", c.name, info.Proof, err, c.unknown)
		}
		id, err := s.CreateUpload(t.Context(), "parts", adapters.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var parts []adapters.Part
		for n := 1; n <= 2; n++ {
			p, err := s.PutPart(t.Context(), "parts", id, n, bytes.NewReader(body), int64(len(body)), adapters.Sums{})
			if err != nil || p.Proof != c.part || p.Verified != (c.part != "") {
				t.Errorf("%s: PutPart = %+v, %v, want proof %q", c.name, p, err, c.part)
			}
			parts = append(parts, p)
		}
		whole := crc64nvme.Checksum(append(bytes.Clone(body), body...))
		info, err = s.CompleteUpload(t.Context(), "parts", id, parts, adapters.PutOptions{})
		if err != nil || info.Proof != c.part || c.part != "" && (info.CRC64 == nil || *info.CRC64 != whole) {
			t.Errorf("%s: CompleteUpload = %+v, %v, want proof %q", c.name, info, err, c.part)
		}
	}
}

// TestCompletedAtOnce has several processes complete one upload: one commit counts, and all give the same answer.
func TestCompletedAtOnce(t *testing.T) {
	t.Parallel()
	srv := testbed.Azurite(t, testbed.AzuriteOptions{})
	srv.CreateContainer("container")
	ctx := t.Context()
	for round, o := range []adapters.PutOptions{{}, {IfNoneMatch: true}, {}, {IfNoneMatch: true}} {
		key := fmt.Sprintf("key-%d", round)
		stores := make([]*Store, 4)
		for i := range stores {
			stores[i] = open(t, adapters.Config{Endpoint: srv.Endpoint, BucketName: "container", Access: srv.Account, Security: srv.Key})
		}
		id, err := stores[0].CreateUpload(ctx, key, o)
		if err != nil {
			t.Fatal(err)
		}
		part, err := stores[0].PutPart(ctx, key, id, 1, strings.NewReader("part"), 4, adapters.Sums{})
		if err != nil {
			t.Fatal(err)
		}
		infos, failed := make([]adapters.Info, len(stores)), make([]error, len(stores))
		var wg sync.WaitGroup
		for i, s := range stores {
			wg.Go(func() { infos[i], failed[i] = s.CompleteUpload(ctx, key, id, []adapters.Part{part}, o) })
		}
		wg.Wait()
		head, err := stores[0].Head(ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		for i := range stores {
			if failed[i] != nil || infos[i].ETag != head.ETag {
				t.Errorf("%+v: completion %d = ETag %q, %v, want %q", o, i, infos[i].ETag, failed[i], head.ETag)
			}
		}
		if open, err := stores[0].ListUploads(ctx, "", 10); err != nil || len(open) != 0 {
			t.Errorf("open uploads: %+v, %v", open, err)
		}
	}
}

// TestClasses keeps access tiers.
func TestClasses(t *testing.T) {
	t.Parallel()
	srv := testbed.Azurite(t, testbed.AzuriteOptions{})
	srv.CreateContainer("container")
	s := open(t, adapters.Config{Endpoint: srv.Endpoint, BucketName: "container", Access: srv.Account, Security: srv.Key})
	ctx := t.Context()
	for _, class := range append(s.Capabilities().StorageClasses, "") {
		want := class
		if want == "" {
			want = "Hot"
		}
		if _, err := s.Put(ctx, "put", strings.NewReader("x"), 1, adapters.PutOptions{StorageClass: class}); err != nil {
			t.Errorf("Put in class %q: %v", class, err)
		}
		id, err := s.CreateUpload(ctx, "parts", adapters.PutOptions{StorageClass: class})
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.PutPart(ctx, "parts", id, 1, strings.NewReader("x"), 1, adapters.Sums{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.CompleteUpload(ctx, "parts", id, []adapters.Part{p}, adapters.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"put", "parts"} {
			if info, err := s.Head(ctx, key); err != nil || info.StorageClass != want {
				t.Errorf("%s in class %q: %q, %v", key, class, info.StorageClass, err)
			}
		}
	}
	if _, err := s.Put(ctx, "k", strings.NewReader("x"), 1, adapters.PutOptions{StorageClass: "Archive"}); !errs.Is(err, errs.InvalidArgument) {
		t.Errorf("Put in the archive: %v", err)
	}
	if _, err := s.client.NewBlobClient("put").SetTier(context.WithoutCancel(ctx), "Archive", nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Get(ctx, "put", adapters.Range{}, ""); !errs.Is(err, errs.FailedPrecondition) || errs.ReasonOf(err) != "BlobArchived" {
		t.Errorf("Get of an archived blob: %v, want FailedPrecondition", err)
	}
	if info, err := s.Head(ctx, "put"); err != nil || info.StorageClass != "Archive" {
		t.Errorf("Head of an archived blob = %+v, %v", info, err)
	}
}

// TestCorruptOnTheWay changes a byte of a body whose CRC64 is known: a store that checks it keeps what was there.
func TestCorruptOnTheWay(t *testing.T) {
	t.Parallel()
	srv := testbed.Azurite(t, testbed.AzuriteOptions{})
	u, err := url.Parse(srv.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	srv.CreateContainer("container")
	proxy := faultproxy.New(t, newTwin(t, &twin{target: "http://" + u.Host, compare: strings.Compare}), faultproxy.Azure)
	s := open(t, adapters.Config{Endpoint: proxy.URL + u.Path, BucketName: "container", Security: accountSAS(t, srv), Options: map[string]string{"credential": "sas"}})
	ctx := t.Context()
	body := random(100 << 10)
	crc := crc64nvme.Checksum(body)
	put := func(o adapters.PutOptions) error {
		_, err := s.Put(ctx, "k", bytes.NewReader(body), int64(len(body)), o)
		return err
	}
	if err := put(adapters.PutOptions{CRC64: &crc}); err != nil {
		t.Fatal(err)
	}
	old, err := s.Head(ctx, "k")
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.CreateUpload(ctx, "k", adapters.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for op, call := range map[string]func() error{
		"Put": func() error { return put(adapters.PutOptions{CRC64: &crc}) },
		"PutPart": func() error {
			_, err := s.PutPart(ctx, "k", id, 1, bytes.NewReader(body), int64(len(body)), adapters.Sums{})
			return err
		},
	} {
		proxy.Set(faultproxy.CorruptRequest(50<<10), 1, func(r *http.Request) bool { return r.Method == http.MethodPut })
		err := call()
		if hits := proxy.Clear(); hits != 1 || !errs.Is(err, errs.DataLoss) {
			t.Errorf("%s with %d changed bytes: %v, want DataLoss", op, hits, err)
		}
		if head, err := s.Head(ctx, "k"); err != nil || head.ETag != old.ETag {
			t.Errorf("after %s of changed bytes: ETag %q, %v, want %q", op, head.ETag, err, old.ETag)
		}
	}
}
