package adaptertest

import (
	"maps"
	"strings"
	"testing"

	"github.com/opensds/gelato/adapters"
)

func testMetadata(t *testing.T, h Harness) {
	s := h.New(t)
	all := adapters.ContentHeaders{
		ContentType: "text/html; charset=utf-8", ContentEncoding: "gzip", ContentLanguage: "de, en",
		ContentDisposition: `attachment; filename="a b.html"; filename*=UTF-8''%C3%A4.html`, CacheControl: "no-cache, max-age=0", Expires: "Wed, 21 Oct 2026 07:28:00 GMT",
	}
	for _, c := range []struct {
		name string
		o    adapters.PutOptions
	}{
		{"none", adapters.PutOptions{}},
		{"headers", adapters.PutOptions{Headers: all}},
		{"type only", adapters.PutOptions{Headers: adapters.ContentHeaders{ContentType: "image/png"}}},
		{"ascii", adapters.PutOptions{Metadata: map[string]string{"a": "1", "with-dash": "x y", "gelato": "bucket/key"}}},
		{"names", adapters.PutOptions{Metadata: map[string]string{"under_score": "1", "dot.ted": "2", "a-b.c_d": "3", "a-b.c-d": "4", "2nd": "5", "_": "6", "gelato-n-x_y": "7", "gelato-n-.5f": "8"}}},
		{"empty value", adapters.PutOptions{Metadata: map[string]string{"empty": "", "full": "x"}}},
		{"unicode", adapters.PutOptions{Metadata: map[string]string{"umlaut": "Grüße", "cjk": "漢字かな", "emoji": "🍨🧊", "rtl": "שלום", "combining": "e\u0301"}}},
		{"spaces", adapters.PutOptions{Metadata: map[string]string{"lead": "  x", "trail": "x  ", "only": "   ", "inner": "a   b", "tab": "\tx\t"}}},
		{"control", adapters.PutOptions{Metadata: map[string]string{"lines": "a\nb\r\nc", "low": "\x01\x7f", "nul": "a\x00b"}}},
		{"lookalikes", adapters.PutOptions{Metadata: map[string]string{"word": "=?UTF-8?B?w6Q=?=", "percent": "%C3%A4%", "plus": "a+b", "quote": `"x"`, "comma": "a,b", "back": `\u0041`}}},
		{"latin-1 range", adapters.PutOptions{Metadata: map[string]string{"x": "\u0080\u00ff"}}},
		{"longer", adapters.PutOptions{Metadata: map[string]string{"long": strings.Repeat("0123456789", 100)}, Headers: all}},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := []byte(c.name)
			put(t, s, "m/put", body, c.o)
			checkMetadata(t, s, "m/put", c.o)
			// An overwrite leaves nothing of the old metadata.
			put(t, s, "m/put", body, adapters.PutOptions{})
			checkMetadata(t, s, "m/put", adapters.PutOptions{})
			if !s.Capabilities().Multipart {
				return
			}
			id, err := s.CreateUpload(t.Context(), "m/parts", c.o)
			if err != nil {
				t.Fatalf("CreateUpload: %v", err)
			}
			part := putPart(t, s, "m/parts", id, 1, body)
			if _, err := s.CompleteUpload(t.Context(), "m/parts", id, []adapters.Part{part}, c.o); err != nil {
				t.Fatalf("CompleteUpload: %v", err)
			}
			checkMetadata(t, s, "m/parts", c.o)
		})
	}
}

// checkMetadata checks what Head and Get say of an object written with o. A store may answer a content type of
// its own where none was given.
func checkMetadata(t *testing.T, s adapters.Store, key string, o adapters.PutOptions) {
	t.Helper()
	head, err := s.Head(t.Context(), key)
	if err != nil {
		t.Fatalf("Head: %v", err)
	}
	_, info, err := get(t.Context(), s, key, adapters.Range{})
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	for op, got := range map[string]adapters.Info{"Head": head, "Get": info} {
		if o.Headers.ContentType == "" {
			got.Headers.ContentType = ""
		}
		if got.Headers != o.Headers {
			t.Errorf("%s: headers = %+v, want %+v", op, got.Headers, o.Headers)
		}
		if len(got.Metadata)+len(o.Metadata) > 0 && !maps.Equal(got.Metadata, o.Metadata) {
			t.Errorf("%s: metadata = %q, want %q", op, got.Metadata, o.Metadata)
		}
	}
}
