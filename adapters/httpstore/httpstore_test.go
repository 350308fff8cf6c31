package httpstore

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/crc64nvme"

	"github.com/opensds/gelato/adapters"
	"github.com/opensds/gelato/internal/errs"
)

func TestBody(t *testing.T) {
	t.Parallel()
	right, wrong := crc64nvme.Checksum([]byte("body")), uint64(1)
	broken := errors.New("broken")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		src  io.Reader
		size int64
		want *uint64
		got  string // before the error
		code errs.Code
		is   error
	}{
		{"right", t.Context(), strings.NewReader("body"), 4, &right, "body", errs.Unknown, nil},
		{"empty, no source", t.Context(), nil, 0, nil, "", errs.Unknown, nil},
		{"short", t.Context(), strings.NewReader("bod"), 4, nil, "bod", errs.InvalidArgument, nil},
		{"long", t.Context(), strings.NewReader("body!"), 4, nil, "", errs.InvalidArgument, nil},
		{"other bytes", t.Context(), strings.NewReader("body"), 4, &wrong, "", errs.DataLoss, nil},
		{"breaks", t.Context(), io.MultiReader(strings.NewReader("bo"), errorReader{broken}), 4, nil, "bo", errs.Unknown, broken},
		{"breaks where it should end", t.Context(), io.MultiReader(strings.NewReader("body"), errorReader{broken}), 4, nil, "", errs.Unknown, broken},
		{"cancelled at the end", over, strings.NewReader("body"), 4, nil, "", errs.Canceled, context.Canceled},
	} {
		b := NewBody(c.ctx, c.src, c.size, adapters.Sums{CRC64: c.want}, true)
		var got []byte
		var err error
		if c.size == 0 {
			err = b.Empty()
		} else {
			got, err = io.ReadAll(b)
		}
		if string(got) != c.got || (err == nil) != (c.code == errs.Unknown && c.is == nil) || c.code != errs.Unknown && !errs.Is(err, c.code) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: got %q, %v, want %q, %v %v", c.name, got, err, c.got, c.code, c.is)
		}
		if cause := b.Detach(); !errors.Is(cause, err) {
			t.Errorf("%s: Detach: %v, want %v", c.name, cause, err)
		}
		if taken := b.Taken(); (taken == nil) != (err == nil) {
			t.Errorf("%s: Taken: %v after %v", c.name, taken, err)
		}
		if sum := md5.Sum([]byte(c.got)); err == nil && (b.CRC64() != crc64nvme.Checksum([]byte(c.got)) || !bytes.Equal(b.MD5(), sum[:])) {
			t.Errorf("%s: the sums are those of other bytes", c.name)
		}
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, errDetached) {
			t.Errorf("%s: a read after Detach: %v", c.name, err)
		}
	}
}

type errorReader struct{ err error }

func (e errorReader) Read([]byte) (int, error) { return 0, e.err }

func TestBodyFramed(t *testing.T) {
	t.Parallel()
	b := NewBody(t.Context(), strings.NewReader("body"), 4, adapters.Sums{}, false)
	b.Frame([]byte("<"), func(uint64) []byte { return []byte(">") })
	if got, err := io.ReadAll(b); string(got) != "<body>" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	b = NewBody(t.Context(), strings.NewReader("bod"), 4, adapters.Sums{}, false)
	b.Frame([]byte("<"), func(uint64) []byte { return []byte(">") })
	if got, err := io.ReadAll(b); string(got) != "<bod" || err == nil {
		t.Errorf("short: got %q, %v", got, err)
	}
}

// TestDetachDoesNotWait has a source that cannot seek block in Read.
func TestDetachDoesNotWait(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	b := NewBody(t.Context(), r, 4, adapters.Sums{}, false)
	done := make(chan error)
	go func() {
		_, err := io.ReadAll(b)
		done <- err
	}()
	if _, err := w.Write([]byte("bo")); err != nil {
		t.Fatal(err)
	}
	if err := b.Detach(); err != nil {
		t.Errorf("Detach: %v", err)
	}
	if err := b.Taken(); !errs.Is(err, errs.Unavailable) {
		t.Errorf("Taken: %v, want Unavailable", err)
	}
	w.Close()
	if err := <-done; err == nil {
		t.Error("the rest of the body was read")
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		r            adapters.Range
		header       string
		contentRange string
		length       int64
		size         int64
		reason       string
	}{
		{adapters.Range{}, "", "", 7, 7, ""},
		{adapters.Range{}, "", "", -1, -1, ""},
		{adapters.Range{Offset: 2, Length: 3}, "bytes=2-4", "bytes 2-4/10", 3, 10, ""},
		{adapters.Range{Offset: 2}, "bytes=2-", "bytes 2-9/10", 8, 10, ""},
		{adapters.Range{Offset: 2, Length: 1<<63 - 1}, "bytes=2-", "bytes 2-9/10", 8, 10, ""},
		{adapters.Range{Length: 10}, "bytes=0-9", "", 5, 5, ""},
		{adapters.Range{Offset: 2, Length: 3}, "bytes=2-4", "bytes 0-9/10", 10, 0, "any"},
		{adapters.Range{Offset: 2, Length: 3}, "bytes=2-4", "", 10, 0, "any"},
		{adapters.Range{Length: 3}, "bytes=0-2", "", 0, 0, "InvalidRange"},
	} {
		header, err := RangeHeader(c.r)
		if header != c.header || err != nil {
			t.Errorf("%+v: got %q, %v, want %q", c.r, header, err, c.header)
		}
		size, err := WholeSize(c.r, c.contentRange, c.length)
		if size != c.size || (err != nil) != (c.reason != "") || c.reason == "InvalidRange" && errs.ReasonOf(err) != c.reason {
			t.Errorf("%+v, answered %q, %d: got %d, %v, want %d", c.r, c.contentRange, c.length, size, err, c.size)
		}
	}
	if _, err := RangeHeader(adapters.Range{Offset: -1}); errs.ReasonOf(err) != "InvalidRange" {
		t.Errorf("a negative range: %v", err)
	}
}

func TestRoots(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, path := range map[string]string{
		"absent": filepath.Join(dir, "absent"), "a folder": dir, "empty": file("empty", nil), "no PEM": file("text", []byte("certificate")), "large": file("large", make([]byte, maxCAFile+1)),
	} {
		if _, err := Roots(path); !errs.Is(err, errs.InvalidArgument) || errs.ReasonOf(err) != "options.caFile" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if roots, err := Roots(""); roots != nil || err != nil {
		t.Errorf("no file: %v, %v", roots, err)
	}
	roots, err := Roots(file("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})))
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := Transport(roots)
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatalf("with the authority: %v", err)
	}
	resp.Body.Close()
	_, err = Transport(nil).RoundTrip(req)
	if err = Fail(t.Context(), "get", err, Answer{}, nil); !errs.Is(err, errs.FailedPrecondition) {
		t.Errorf("without the authority: %v, want FailedPrecondition", err)
	}
}

func TestCheckEndpoint(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"https://s3.example.com": true, "http://127.0.0.1:9000/path/": true,
		"": false, "s3.example.com": false, "127.0.0.1:9000": false, "ftp://h": false, "http://": false, "http://u:p@h": false, "http://h?q": false, "http://h/#f": false, "http://h\x00": false,
	} {
		if _, err := CheckEndpoint(text); (err == nil) != ok || err != nil && errs.ReasonOf(err) != "endpoint" {
			t.Errorf("%q: %v", text, err)
		}
	}
}
